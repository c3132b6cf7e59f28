using Fairlead.Gateway.Interception;
using Fairlead.Gateway.Sessions;
using Fairlead.Wire;

namespace Fairlead.Gateway;

/// <summary>Tells containers whom to trust: one PEM block for each root. Everybody may know; only where each session has a CA of its own must it say which one it is.</summary>
internal sealed class CaEndpoint(CertificateAuthorities authorities, SessionRegistry sessions)
{
    public Task HandleAsync(HttpContext context)
    {
        var response = context.Response;
        response.Headers.CacheControl = "no-store";
        var session = "";
        if (authorities.IsPerSession)
        {
            if (sessions.Authenticate(context.Request.Headers.Authorization) is not { } lease)
            {
                response.StatusCode = StatusCodes.Status401Unauthorized;
                response.Headers.WWWAuthenticate = "Bearer";
                response.ContentType = "text/plain; charset=utf-8";
                return response.WriteAsync("fairlead-gateway: each session has a CA of its own here; ask with Authorization: Bearer and the session's token\n");
            }

            session = lease.Current.Id;
        }

        response.ContentType = Protocol.CaMediaType;
        var pem = authorities.For(session).RootPem;
        // Who reads to the end of the connection knows by it that nothing was cut off.
        response.ContentLength = pem.Length;
        return response.WriteAsync(pem);
    }
}
