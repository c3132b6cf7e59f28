namespace Fairlead.Gateway.Credentials;

/// <summary>A place in a text where a secret stands, as it was written there.</summary>
/// <param name="Start">Where it begins.</param>
/// <param name="End">Where what follows begins.</param>
/// <param name="Credential">The name of the credential that it is of.</param>
internal readonly record struct Sighting(int Start, int End, string Credential);
