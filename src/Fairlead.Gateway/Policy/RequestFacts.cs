using Fairlead.Wire;

namespace Fairlead.Gateway.Policy;

/// <summary>What a policy judges.</summary>
/// <param name="Method">The method as sent; methods are case-sensitive (RFC 9110 §9.1).</param>
/// <param name="Destination">The tunnel's destination, which the Host header was found to equal.</param>
/// <param name="Path">The path as sent, without the query.</param>
internal readonly record struct RequestFacts(string Method, HostPort Destination, string Path);
