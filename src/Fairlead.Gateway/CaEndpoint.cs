using Fairlead.Gateway.Interception;
using Fairlead.Gateway.Sessions;
using Fairlead.Wire;

namespace Fairlead.Gateway;

/// <summary>Tells containers whom to trust: one PEM block for each root. Everybody may know; only where each session has a CA of its own must it say which one it is.</summary>
internal sealed class CaEndpoint(CertificateAuthorities authorities, SessionRegistry sessions, ILogger logger)
{
    public async Task HandleAsync(HttpContext context)
    {
        var response = context.Response;
        response.Headers.CacheControl = "no-store";
        var session = "";
        if (authorities.IsPerSession)
        {
            var (lease, why) = await sessions.AuthenticateAsync(context.Request.Headers.Authorization, context.RequestAborted);
            if (lease is null)
            {
                response.Headers.WWWAuthenticate = "Bearer";
                await RefuseAsync(response, StatusCodes.Status401Unauthorized, $"each session has a CA of its own here; ask with Authorization: Bearer and the session's token ({why})");
                return;
            }

            session = lease.Current.Id;
        }

        try
        {
            var pem = authorities.For(session).RootPem;
            response.ContentType = Protocol.CaMediaType;
            // Who reads to the end of the connection knows by it that nothing was cut off.
            response.ContentLength = pem.Length;
            await response.WriteAsync(pem);
        }
        catch (SigningException e)
        {
            logger.CaNotServed(e.Message);
            await RefuseAsync(response, StatusCodes.Status503ServiceUnavailable, "the CA of this session cannot be used; the gateway's log says why");
        }
    }

    private static Task RefuseAsync(HttpResponse response, int status, string why)
    {
        response.StatusCode = status;
        response.ContentType = "text/plain; charset=utf-8";
        return response.WriteAsync($"fairlead-gateway: {why}\n");
    }
}
