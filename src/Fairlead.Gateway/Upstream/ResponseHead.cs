using System.Net.Http.Headers;
using Fairlead.Gateway.Credentials;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Primitives;

namespace Fairlead.Gateway.Upstream;

/// <summary>The head of the upstream's answer, and its trailers, less what ends at this hop, and with labels in place of secrets.</summary>
internal static class ResponseHead
{
    public static void Copy(HttpResponseMessage response, HttpContext context, Scrubber? scrubber)
    {
        if ((int)response.StatusCode < 100) throw new UpstreamException(UpstreamFailure.Protocol, $"the upstream's status {(int)response.StatusCode} is none of HTTP");
        context.Response.StatusCode = (int)response.StatusCode;
        if (HttpProtocol.IsHttp11(context.Request.Protocol) && !string.IsNullOrEmpty(response.ReasonPhrase))
            context.Features.GetRequiredFeature<IHttpResponseFeature>().ReasonPhrase = scrubber?.Clean(response.ReasonPhrase) ?? response.ReasonPhrase;
        var nominated = response.Headers.NonValidated.TryGetValues("Connection", out var connection) ? HopByHop.Nominated(connection.Count == 1 ? connection.ToString() : connection.ToArray()) : null;
        CopyHeaders(response.Headers.NonValidated, nominated, context.Response.Headers, scrubber);
        CopyHeaders(response.Content.Headers.NonValidated, nominated, context.Response.Headers, scrubber);
        // RFC 9112 §6.3: chunks overrule a length beside them. RFC 9110 §15.3.5 and §15.3.6: these answers have no content, whatever they announce.
        if (response.Headers.TransferEncodingChunked == true || context.Response.StatusCode is StatusCodes.Status204NoContent or StatusCodes.Status205ResetContent)
            context.Response.Headers.Remove("Content-Length");
        if (response.StatusCode == System.Net.HttpStatusCode.SwitchingProtocols)
        {
            context.Response.Headers.Connection = "Upgrade";
            context.Response.Headers.Upgrade = "websocket";
        }
    }

    /// <summary>Passes trailers on where the workload's protocol has them (HTTP/2); HTTP/1.1 answers of Kestrel have none.</summary>
    public static void CopyTrailers(HttpResponseMessage response, HttpContext context, Scrubber? scrubber)
    {
        if (!context.Response.SupportsTrailers()) return;
        foreach (var (name, values) in response.TrailingHeaders.NonValidated)
        {
            if (EndsHere(name) || IsSecret(name, scrubber)) continue;
            try
            {
                context.Response.AppendTrailer(name, Cleaned(values, scrubber));
            }
            catch (InvalidOperationException e)
            {
                throw new UpstreamException(UpstreamFailure.Aborted, "a trailer of the upstream's answer cannot be passed on", e);
            }
        }
    }

    private static bool EndsHere(string name) =>
        HopByHop.Contains(name)
        // RFC 7838: it invites to another endpoint, where nobody intercepts; the invitation is not for what stands behind a proxy.
        || name.Equals("Alt-Svc", StringComparison.OrdinalIgnoreCase)
        // Only the gateway says why the gateway refused: an upstream that could forge it would send people after a rule that does not exist.
        || name.StartsWith("Fairlead-", StringComparison.OrdinalIgnoreCase);

    // A label is no name.
    private static bool IsSecret(string name, Scrubber? scrubber) => scrubber is not null && scrubber.Clean(name) != name;

    private static StringValues Cleaned(HeaderStringValues values, Scrubber? scrubber)
    {
        if (values.Count == 1) return scrubber?.Clean(values.ToString()) ?? values.ToString();
        return scrubber is null ? values.ToArray() : values.Select(scrubber.Clean).ToArray();
    }

    private static void CopyHeaders(HttpHeadersNonValidated from, HashSet<string>? nominated, IHeaderDictionary to, Scrubber? scrubber)
    {
        foreach (var (name, values) in from)
        {
            if (EndsHere(name) || nominated?.Contains(name) == true || IsSecret(name, scrubber)) continue;
            try
            {
                // A length is the upstream's arithmetic, and framing.
                to.Append(name, Cleaned(values, name.Equals("Content-Length", StringComparison.OrdinalIgnoreCase) ? null : scrubber));
            }
            catch (InvalidOperationException e)
            {
                throw new UpstreamException(UpstreamFailure.Protocol, "a header of the upstream's answer cannot be passed on", e);
            }
        }
    }
}
