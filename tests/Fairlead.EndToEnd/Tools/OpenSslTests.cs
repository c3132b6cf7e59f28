using Fairlead.EndToEnd.Harness;

namespace Fairlead.EndToEnd.Tools;

public sealed class OpenSslTests(SharedSite shared)
{
    private readonly Site _site = shared.Site;

    [Fact]
    public async Task S_client_verifies_the_certificate()
    {
        var result = await ConnectAsync("origin.test");

        Assert.Contains("Verify return code: 0 (ok)", result.Succeeded().Stdout, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_answer_that_ends_with_its_connection_is_not_taken_for_truncated()
    {
        const string Script = "printf 'GET /echo/end HTTP/1.0\\r\\nHost: origin.test\\r\\n\\r\\n' | openssl s_client -quiet -verify_return_error -proxy \"$1\" -connect origin.test:443 -servername origin.test";

        var result = await _site.RunAsync("sh", "-c", Script, "sh", _site.Relay.Proxy.Authority);

        // OpenSSL 3 ends with "unexpected eof while reading" unless the gateway says close_notify.
        Assert.EndsWith("}", result.Succeeded().Stdout.TrimEnd(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_server_name_other_than_the_tunnels_host_is_refused()
    {
        var result = await ConnectAsync("second.test");

        Assert.Contains("no peer certificate available", result.Failed().Stdout, StringComparison.Ordinal);
    }

    private Task<ToolResult> ConnectAsync(string serverName) => _site.RunAsync(
        "openssl", "s_client", "-proxy", _site.Relay.Proxy.Authority, "-connect", "origin.test:443", "-servername", serverName,
        "-verify_return_error", "-CAfile", _site.Relay.Variables["SSL_CERT_FILE"]);
}
