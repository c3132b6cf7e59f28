namespace Fairlead.Relay.Trust;

/// <summary>A line of somebody's configuration file.</summary>
/// <param name="Line">Its number, from 1.</param>
/// <param name="Name"><c>section.key</c>; of XML, the beginning of an element.</param>
/// <param name="Value">What is behind it, without quotes; may be empty.</param>
internal sealed record ConfigSetting(int Line, string Name, string Value);
