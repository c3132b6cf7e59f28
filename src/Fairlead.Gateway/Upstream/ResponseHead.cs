using System.Net.Http.Headers;
using Microsoft.AspNetCore.Http.Features;

namespace Fairlead.Gateway.Upstream;

/// <summary>The head of the upstream's answer, and its trailers, less what ends at this hop.</summary>
internal static class ResponseHead
{
    public static void Copy(HttpResponseMessage response, HttpContext context)
    {
        context.Response.StatusCode = (int)response.StatusCode;
        if (HttpProtocol.IsHttp11(context.Request.Protocol) && !string.IsNullOrEmpty(response.ReasonPhrase))
            context.Features.GetRequiredFeature<IHttpResponseFeature>().ReasonPhrase = response.ReasonPhrase;
        var nominated = response.Headers.NonValidated.TryGetValues("Connection", out var connection) ? HopByHop.Nominated(connection.ToArray()) : null;
        CopyHeaders(response.Headers.NonValidated, nominated, context.Response.Headers);
        CopyHeaders(response.Content.Headers.NonValidated, nominated, context.Response.Headers);
        if (response.StatusCode == System.Net.HttpStatusCode.SwitchingProtocols)
        {
            context.Response.Headers.Connection = "Upgrade";
            context.Response.Headers.Upgrade = "websocket";
        }
    }

    /// <summary>Passes trailers on where the workload's protocol has them (HTTP/2); HTTP/1.1 answers of Kestrel have none.</summary>
    public static void CopyTrailers(HttpResponseMessage response, HttpContext context)
    {
        if (!context.Response.SupportsTrailers()) return;
        foreach (var (name, values) in response.TrailingHeaders.NonValidated)
        {
            if (!HopByHop.Contains(name)) context.Response.AppendTrailer(name, values.ToArray());
        }
    }

    private static void CopyHeaders(HttpHeadersNonValidated from, HashSet<string>? nominated, IHeaderDictionary to)
    {
        foreach (var (name, values) in from)
        {
            if (HopByHop.Contains(name) || nominated?.Contains(name) == true) continue;
            // RFC 7838: it invites to another endpoint, where nobody intercepts; the invitation is not for what stands behind a proxy.
            if (name.Equals("Alt-Svc", StringComparison.OrdinalIgnoreCase)) continue;
            // Only the gateway says why the gateway refused: an upstream that could forge it would send people after a rule that does not exist.
            if (name.StartsWith("Fairlead-", StringComparison.OrdinalIgnoreCase)) continue;
            try
            {
                to.Append(name, values.ToArray());
            }
            catch (InvalidOperationException e)
            {
                throw new UpstreamException(UpstreamFailure.Protocol, "a header of the upstream's answer holds a control character", e);
            }
        }
    }
}
