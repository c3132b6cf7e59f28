namespace Fairlead.Relay.Trust;

/// <summary>What a tool must find in its environment to go through the relay and to trust the gateway: one table.</summary>
internal static class ChildEnvironment
{
    /// <summary>
    /// Hosts that tools reach directly. One domain stands three times because tools differ: bare, with a leading dot (Python), as a glob (Bun, curl, Go).
    /// </summary>
    public const string DefaultNoProxy =
        "localhost,127.0.0.1,::1,169.254.0.0/16,10.0.0.0/8,172.16.0.0/12,192.168.0.0/16,anthropic.com,.anthropic.com,*.anthropic.com";

    /// <summary>The variables and their values.</summary>
    /// <param name="port">The relay's port on 127.0.0.1.</param>
    /// <param name="noProxy">The list of <see cref="NoProxy"/>.</param>
    /// <param name="caBundle">Path of the CA bundle.</param>
    public static IReadOnlyList<(string Name, string Value)> For(int port, string noProxy, string caBundle)
    {
        var proxy = $"http://127.0.0.1:{port}";
        return
        [
            ("HTTPS_PROXY", proxy),
            ("https_proxy", proxy),
            ("NO_PROXY", noProxy),
            ("no_proxy", noProxy),
            ("SSL_CERT_FILE", caBundle), // OpenSSL, Go, Ruby
            ("NODE_EXTRA_CA_CERTS", caBundle), // Node.js
            ("REQUESTS_CA_BUNDLE", caBundle), // Python requests
            ("CURL_CA_BUNDLE", caBundle), // curl
            // Tools that read none of these four, or for which an image has set a variable of their own.
            ("GIT_SSL_CAINFO", caBundle), // git
            ("PIP_CERT", caBundle), // pip
            ("AWS_CA_BUNDLE", caBundle), // AWS CLI and SDKs
            ("CARGO_HTTP_CAINFO", caBundle), // cargo
            ("DENO_CERT", caBundle), // Deno
            ("BUNDLE_SSL_CA_CERT", caBundle), // Ruby's bundler
            ("HEX_CACERTS_PATH", caBundle), // Elixir's hex
            ("NIX_SSL_CERT_FILE", caBundle), // Nix
            ("CLOUDSDK_CORE_CUSTOM_CA_CERTS_FILE", caBundle), // gcloud
            ("GRPC_DEFAULT_SSL_ROOTS_FILE_PATH", caBundle), // gRPC
            ("HTTPLIB2_CA_CERTS", caBundle), // Python httplib2
            ("NODE_USE_ENV_PROXY", "1"), // Node.js 24 and later: fetch and https use the proxy
        ];
    }

    /// <summary>Which hosts are not proxied: neither inspected, nor audited, nor given a credential.</summary>
    /// <param name="gatewayHost">The gateway's own host, behind the default list.</param>
    /// <param name="added">What an operator put on top, or null.</param>
    /// <param name="instead">What an operator put instead of all this, or null.</param>
    public static string NoProxy(string gatewayHost, string? added, string? instead)
    {
        var list = instead ?? $"{DefaultNoProxy},{gatewayHost}";
        return string.IsNullOrEmpty(added) ? list : list.Length == 0 ? added : $"{list},{added}";
    }
}
