using Fairlead.Wire;

namespace Fairlead.Gateway.Policy;

/// <summary>What a policy judges.</summary>
/// <param name="Method">The method as sent; methods are case-sensitive (RFC 9110 §9.1).</param>
/// <param name="Destination">The tunnel's destination, which the Host header was found to equal.</param>
/// <param name="Path">The path as sent, without the query.</param>
/// <param name="Details">What conditions look at; null where only method, host and path are known, as in an audit.</param>
internal readonly record struct RequestFacts(string Method, HostPort Destination, string Path, RequestDetails? Details = null);
