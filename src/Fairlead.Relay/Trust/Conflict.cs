namespace Fairlead.Relay.Trust;

/// <summary>A setting of the user's that wins over the relay's. It is named and never changed; its value, which may be a secret, is not shown.</summary>
/// <param name="Tool">The tool it concerns.</param>
/// <param name="Place"><c>/home/user/.curlrc:3</c>, or <c>environment</c>.</param>
/// <param name="Key">The setting's name as it stands there.</param>
/// <param name="Consequence">What it means, a whole sentence.</param>
/// <param name="Remedy">What helps, a whole sentence.</param>
internal sealed record Conflict(string Tool, string Place, string Key, string Consequence, string Remedy);
