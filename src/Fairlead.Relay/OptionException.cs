namespace Fairlead.Relay;

/// <summary>An option has a value that cannot be meant. The message names the option and what was expected.</summary>
internal sealed class OptionException(string message) : Exception(message);
