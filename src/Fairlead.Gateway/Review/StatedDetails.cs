using System.Text;
using Fairlead.Gateway.Policy;

namespace Fairlead.Gateway.Review;

/// <summary>Headers and a body that somebody states, for a request that is only asked about.</summary>
internal sealed class StatedDetails : RequestDetails
{
    private readonly Dictionary<string, string> _headers = new(StringComparer.OrdinalIgnoreCase);
    private readonly string _query;
    private readonly long _length;

    /// <param name="url">Of which the query counts.</param>
    /// <param name="headers"><c>Name: value</c>, one each.</param>
    /// <param name="body">The body, or null.</param>
    public StatedDetails(string url, IEnumerable<string> headers, string? body)
    {
        _query = url.IndexOf('?', StringComparison.Ordinal) is > 0 and var at ? url[(at + 1)..] : "";
        foreach (var parts in headers.Select(h => h.Split(':', 2))) _headers[parts[0].Trim()] = parts.Length > 1 ? parts[1].Trim() : "";
        var bytes = Encoding.UTF8.GetBytes(body ?? "");
        _length = bytes.Length;
        if (bytes.Length <= MaxBodyBytes && !HasHeader("Content-Encoding")) Body = bytes;
    }

    public override string? MediaType => _headers.GetValueOrDefault("Content-Type")?.Split(';')[0].Trim().ToLowerInvariant();

    public override long? ContentLength => _length;

    public override bool HasHeader(string name) => _headers.ContainsKey(name);

    public override bool HasQueryName(string name) => _query.Split('&').Any(p => p.Split('=')[0].Equals(name, StringComparison.OrdinalIgnoreCase));
}
