namespace Fairlead.Relay.Trust;

/// <summary>The variables that many tools share.</summary>
internal static class Variables
{
    public static readonly Variable HttpsProxyUpper = Variable.Proxy("HTTPS_PROXY");
    public static readonly Variable HttpsProxy = Variable.Proxy("https_proxy");
    public static readonly Variable NoProxyUpper = Variable.NoProxy("NO_PROXY");
    public static readonly Variable NoProxy = Variable.NoProxy("no_proxy");
    public static readonly Variable SslCertFile = Variable.Bundle("SSL_CERT_FILE");
    public static readonly Variable NodeExtraCaCerts = Variable.Bundle("NODE_EXTRA_CA_CERTS");
    public static readonly Variable RequestsCaBundle = Variable.Bundle("REQUESTS_CA_BUNDLE");
    public static readonly Variable CurlCaBundle = Variable.Bundle("CURL_CA_BUNDLE");

    /// <summary>The proxy in both spellings: tools read one or the other.</summary>
    public static readonly IReadOnlyList<Variable> ProxyPair = [HttpsProxyUpper, HttpsProxy, NoProxyUpper, NoProxy];

    /// <summary>The eight variables that every child of a relay has had from the beginning.</summary>
    public static readonly IReadOnlyList<Variable> Eight = [.. ProxyPair, SslCertFile, NodeExtraCaCerts, RequestsCaBundle, CurlCaBundle];
}
