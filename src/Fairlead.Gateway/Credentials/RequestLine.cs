using Fairlead.Wire;

namespace Fairlead.Gateway.Credentials;

/// <summary>What a secret may depend on: what is asked for, and of whom.</summary>
/// <param name="Method">The method.</param>
/// <param name="Destination">Where the request goes.</param>
/// <param name="Target">Path and query, as sent.</param>
internal sealed record RequestLine(string Method, HostPort Destination, string Target)
{
    /// <summary>True for methods that only read (RFC 9110 §9.2.1).</summary>
    public bool IsRead => Method is "GET" or "HEAD";

    public string Path => Target.Split('?')[0];

    /// <summary>The value of a parameter of the query, decoded; null when it is not there, the first when it is there twice.</summary>
    public string? Parameter(string name) => QueryText.PiecesOfTarget(Target)
        .Select(p => p.Piece.Split('=', 2)).Where(p => Uri.UnescapeDataString(p[0]) == name).Select(p => p.Length < 2 ? "" : Uri.UnescapeDataString(p[1].Replace('+', ' '))).FirstOrDefault();

    // A query may hold a secret.
    public override string ToString() => $"{Method} {Destination}{Path}";
}
