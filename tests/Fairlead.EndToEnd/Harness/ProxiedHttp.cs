using System.Net;
using System.Net.Http.Headers;
using System.Net.Security;
using System.Security.Cryptography.X509Certificates;

namespace Fairlead.EndToEnd.Harness;

/// <summary>.NET's own client behind a relay: its proxy, and the bundle the relay wrote as the only roots.</summary>
internal static class ProxiedHttp
{
    public static HttpClient Client(RelayProcess relay, Version version) => new(Handler(relay))
    {
        DefaultRequestVersion = version,
        DefaultVersionPolicy = HttpVersionPolicy.RequestVersionExact,
        Timeout = Limits.Test,
        DefaultRequestHeaders = { UserAgent = { new ProductInfoHeaderValue("fairlead-tests", "1.0") } },
    };

    public static SocketsHttpHandler Handler(RelayProcess relay) => new()
    {
        Proxy = new WebProxy(relay.Proxy),
        UseProxy = true,
        SslOptions = Trust(relay),
    };

    public static SslClientAuthenticationOptions Trust(RelayProcess relay)
    {
        var policy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
        policy.CustomTrustStore.ImportFromPemFile(relay.Variables["SSL_CERT_FILE"]);
        return new SslClientAuthenticationOptions { CertificateChainPolicy = policy };
    }
}
