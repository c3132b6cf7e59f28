using System.Text;
using Fairlead.Gateway.Policy;

namespace Fairlead.Gateway.Review;

/// <summary>Headers and a body that somebody states, for a request that is only asked about.</summary>
internal sealed class StatedDetails : RequestDetails
{
    private readonly ILookup<string, string> _headers;
    private readonly long _length;

    /// <param name="url">Of which the query counts.</param>
    /// <param name="headers"><c>Name: value</c>, one each.</param>
    /// <param name="body">The body, or null.</param>
    public StatedDetails(string url, IEnumerable<string> headers, string? body)
    {
        HasQuery = url.IndexOf('?', StringComparison.Ordinal) is >= 0 and var at && at + 1 < url.Length && url[at + 1] != '#';
        _headers = headers.Select(h => h.Split(':', 2)).ToLookup(parts => parts[0].Trim(), parts => parts.Length > 1 ? parts[1].Trim() : "", StringComparer.OrdinalIgnoreCase);
        var bytes = Encoding.UTF8.GetBytes(body ?? "");
        _length = bytes.Length;
        if (!_headers.Contains("Upgrade") && bytes.Length <= MaxBodyBytes && !_headers.Contains("Content-Encoding")) Body = bytes;
    }

    public override IReadOnlyList<string?> ContentTypes => [.. _headers["Content-Type"]];

    public override long? ContentLength => _headers.Contains("Upgrade") ? null : _length;

    public override bool HasQuery { get; }

    public override IEnumerable<string> HeaderNames => _headers.Select(h => h.Key);
}
