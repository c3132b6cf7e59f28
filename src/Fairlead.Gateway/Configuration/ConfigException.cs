namespace Fairlead.Gateway.Configuration;

/// <summary>The configuration does not load. The message lists every error, each with its place.</summary>
internal sealed class ConfigException(string message, Exception? cause = null) : Exception(message, cause);
