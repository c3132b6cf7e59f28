namespace Fairlead.Gateway.Configuration;

/// <summary>A session whose token comes from the caller and not from the file, for a gateway that serves one command on one machine.</summary>
/// <param name="Id">The session's id; null takes the first of the file.</param>
/// <param name="Token">Its token.</param>
internal sealed record LocalSession(string? Id, string Token);
