using System.Net;
using System.Net.Http.Headers;
using Fairlead.Gateway.Credentials;
using Fairlead.Wire;
using Microsoft.Extensions.Primitives;

namespace Fairlead.Gateway.Upstream;

/// <summary>Makes the upstream's request out of the workload's: the target byte for byte, the headers less those of this hop, Host set by us.</summary>
internal static class UpstreamRequest
{
    private static readonly UriCreationOptions AsWritten = new() { DangerousDisablePathAndQueryCanonicalization = true };

    // Content headers live beside the body in HttpClient's model; a request without a body may carry them all the same.
    private sealed class NoBody : HttpContent
    {
        protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) => Task.CompletedTask;

        // Without a length it would go out as an empty body in chunks, which is a body to some servers.
        protected override bool TryComputeLength(out long length)
        {
            length = 0;
            return true;
        }
    }

    /// <param name="context">The workload's request.</param>
    /// <param name="destination">The tunnel's destination: scheme and authority of the target.</param>
    /// <param name="upgrade">The protocol of an upgrade, or null.</param>
    /// <param name="body">The body, or null.</param>
    /// <param name="injection">Path and query, and the credentials' headers; the workload's own of these names are dropped.</param>
    /// <param name="isSearched">True when the answer is searched for secrets: it should then come as it is, and not compressed.</param>
    public static HttpRequestMessage Create(HttpContext context, HostPort destination, UpgradeRequest? upgrade, RequestBody? body, Injection injection, bool isSearched)
    {
        var authority = destination.Port == 443 ? destination.UriHost : destination.ToString();
        var isHttp2 = HttpProtocol.IsHttp2(context.Request.Protocol) && upgrade is null;
        var request = new HttpRequestMessage
        {
            Method = upgrade is null ? HttpMethod.Parse(context.Request.Method) : HttpMethod.Get,
            RequestUri = new Uri($"https://{authority}{injection.Target}", AsWritten),
            // The workload's version is mirrored, so that what it relies on (one request after another, trailers) holds on both hops.
            Version = isHttp2 ? HttpVersion.Version20 : HttpVersion.Version11,
            VersionPolicy = isHttp2 ? HttpVersionPolicy.RequestVersionOrLower : HttpVersionPolicy.RequestVersionExact,
            Content = body,
        };
        // RFC 9110 §9.2.2: a proxy must not repeat a request that is not idempotent. HttpClient repeats one without content, up to three times, when the
        // connection ends before an answer; once it has begun on content it does not.
        if (body is null && !HttpMethods.IsGet(request.Method.Method) && !HttpMethods.IsHead(request.Method.Method) && !HttpMethods.IsOptions(request.Method.Method))
            request.Content = new NoBody();
        CopyHeaders(context, request, injection, isSearched);
        // Host also becomes the name in TLS in HttpClient, so it is ours: the one canonical value that the tunnel, SNI and Host were found to agree on.
        request.Headers.Host = authority;
        upgrade?.AddTo(request);
        foreach (var header in injection.Headers)
        {
            if (!request.Headers.TryAddWithoutValidation(header.Name, header.Reveal()))
                throw new InvalidOperationException($"the header '{header.Name}' cannot be set on a request");
        }

        injection.Signature?.SignOn(request);

        return request;
    }

    private static void CopyHeaders(HttpContext context, HttpRequestMessage request, Injection injection, bool isSearched)
    {
        var nominated = HopByHop.Nominated(context.Request.Headers.Connection);
        foreach (var (name, values) in context.Request.Headers)
        {
            if (name.StartsWith(':') || HopByHop.Contains(name) || nominated?.Contains(name) == true) continue;
            if (name.Equals("Host", StringComparison.OrdinalIgnoreCase) || name.Equals("Content-Length", StringComparison.OrdinalIgnoreCase)) continue;
            if (injection.Sets(name)) continue;
            if (isSearched && ContentCoding.IsOffer(name))
            {
                if (ContentCoding.InPlaceOf(name) is { } offer) Add(request, name, offer);
                continue;
            }

            if (name.Equals("Expect", StringComparison.OrdinalIgnoreCase))
            {
                // The upstream decides: its 100 makes us read the body, which makes Kestrel send the workload its 100.
                if (request.Content is RequestBody && "100-continue".Equals(values, StringComparison.OrdinalIgnoreCase)) request.Headers.ExpectContinue = true;
                continue;
            }

            Add(request, name, injection.Swap is null ? values : Swapped(values, injection.Swap));
        }

        // RFC 9110 §10.1.4: "trailers" is the one value of TE that says something about the workload and not about the hop; gRPC insists on it.
        if (((string?)context.Request.Headers.TE)?.Contains("trailers", StringComparison.OrdinalIgnoreCase) == true) request.Headers.TryAddWithoutValidation("TE", "trailers");
    }

    private static StringValues Swapped(StringValues values, PlaceholderSwap swap) => values.Select(v => v is null ? null : swap.InHeader(v)).ToArray();

    private static void Add(HttpRequestMessage request, string name, StringValues values)
    {
        // RFC 9113 §8.2.3: HTTP/2 may split Cookie; everybody else expects one line.
        if (values.Count > 1 && name.Equals("Cookie", StringComparison.OrdinalIgnoreCase)) values = string.Join("; ", values.ToArray());
        if (TryAdd(request.Headers, name, values)) return;
        request.Content ??= new NoBody();
        TryAdd(request.Content.Headers, name, values);
    }

    private static bool TryAdd(HttpHeaders headers, string name, StringValues values) =>
        values.Count == 1 ? headers.TryAddWithoutValidation(name, values[0]) : headers.TryAddWithoutValidation(name, (IEnumerable<string?>)values);
}
