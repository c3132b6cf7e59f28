using System.Net;
using System.Net.Sockets;
using System.Text;
using Fairlead.Relay;
using Microsoft.AspNetCore.Http;

namespace Fairlead.Tests.Relay;

public sealed class RelayStartupTests : IAsyncLifetime
{
    private readonly RelayUnderTest _relay = new();
    private TestGateway _gateway = null!;

    public async ValueTask InitializeAsync()
    {
        _gateway = await TestGateway.StartAsync();
        _relay.Options = _relay.Options with { Gateway = _gateway.Url };
    }

    public async ValueTask DisposeAsync()
    {
        await _relay.DisposeAsync();
        await _gateway.DisposeAsync();
    }

    [Fact(Timeout = Limits.TestMilliseconds)]
    public async Task The_token_file_is_unlinked_only_after_the_listener_is_up()
    {
        var wasThereAtStep4 = false;
        _gateway.OnCa = context =>
        {
            wasThereAtStep4 = File.Exists(_relay.Options.TokenFile);
            return context.Response.WriteAsync(TestGateway.CaPem);
        };
        using var squatter = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        squatter.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        squatter.Listen();
        var free = _relay.Options;
        _relay.Options = free with { Port = ((IPEndPoint)squatter.LocalEndPoint!).Port };

        var failed = await _relay.FailAsync();
        var wasThereAfterStep5Failed = File.ReadAllText(free.TokenFile) == RelayUnderTest.Token + "\n";
        _relay.Options = free;
        var outcome = await _relay.StartAsync();

        Assert.Equal("step 5 (listen)", failed.Step);
        Assert.Contains("is taken", failed.Cause, StringComparison.Ordinal);
        Assert.True(wasThereAtStep4);
        Assert.True(wasThereAfterStep5Failed);
        Assert.IsType<StartupOutcome.Started>(outcome);
        Assert.False(File.Exists(free.TokenFile));
    }

    [Fact(Timeout = Limits.TestMilliseconds)]
    public async Task A_started_relay_has_written_the_bundle_and_says_nothing()
    {
        await _relay.StartAsync();

        Assert.Equal("# system\n\n" + TestGateway.CaPem, File.ReadAllText(_relay.Options.CaBundle));
        Assert.Contains(("HTTPS_PROXY", $"http://127.0.0.1:{_relay.Relay.Port}"), _relay.Relay.Environment);
        Assert.Equal("", _relay.Log);
    }

    [Theory(Timeout = Limits.TestMilliseconds)]
    [InlineData(null, "s", "no gateway address is known")]
    [InlineData("gw.test", "s", "expected the gateway's address as http://")]
    [InlineData("http://gw.test", "a:b", "expected a session id of 1 to 512 visible ASCII characters without ':'")]
    [InlineData("http://gw.test", "a\r\nb", "expected a session id")]
    public async Task Step_1_fails_for_an_address_or_id_that_cannot_be_used(string? gateway, string session, string cause)
    {
        _relay.Options = _relay.Options with { Gateway = gateway, SessionId = session };

        var failed = await _relay.FailAsync();

        Assert.Equal("step 1 (gates)", failed.Step);
        Assert.Contains(cause, failed.Cause, StringComparison.Ordinal);
        Assert.True(File.Exists(_relay.Options.TokenFile));
    }

    [Fact(Timeout = Limits.TestMilliseconds)]
    public async Task Step_2_fails_without_a_token()
    {
        File.Delete(_relay.Options.TokenFile);

        var failed = await _relay.FailAsync();

        Assert.Equal("step 2 (session token)", failed.Step);
        Assert.Empty(_gateway.RequestLines);
    }

    [Theory(Timeout = Limits.TestMilliseconds)]
    [InlineData(404, "", "answered with status 404")]
    [InlineData(301, "", "answered with status 301")]
    [InlineData(200, "<html>", "is HTML, not PEM")]
    [InlineData(200, "hello", "holds no PEM certificate")]
    public async Task Step_4_fails_for_what_is_no_CA(int status, string body, string cause)
    {
        _gateway.OnCa = context =>
        {
            context.Response.StatusCode = status;
            context.Response.Headers.Location = "/elsewhere";
            return context.Response.WriteAsync(body);
        };

        var failed = await _relay.FailAsync();

        Assert.Equal("step 4 (CA certificate)", failed.Step);
        Assert.Contains(cause, failed.Cause, StringComparison.Ordinal);
        Assert.True(File.Exists(_relay.Options.TokenFile));
        Assert.Equal(
            $"step 4 (CA certificate) failed: {failed.Cause}. The proxy is off for this run. Check that FAIRLEAD_GATEWAY (or --gateway, or ANTHROPIC_BASE_URL) points at a Fairlead gateway.",
            failed.Describe("The proxy is off for this run."));
    }

    [Fact(Timeout = Limits.TestMilliseconds)]
    public async Task A_gateway_that_asks_who_wants_its_CA_is_told()
    {
        var asked = new List<string>();
        _gateway.OnCa = context =>
        {
            asked.Add(context.Request.Headers.Authorization.ToString());
            return AskForBearerAsync(context, TestGateway.CaPem);
        };

        await _relay.StartAsync();

        Assert.Equal(["", "Bearer " + RelayUnderTest.Token], asked);
        Assert.Equal("# system\n\n" + TestGateway.CaPem, File.ReadAllText(_relay.Options.CaBundle));
    }

    [Theory(Timeout = Limits.TestMilliseconds)]
    [InlineData("unknown", "does not know the session's token, or no longer (401)")]
    [InlineData("basic", "answered with status 401")]
    [InlineData("broken", "answered with status 500")]
    [InlineData("large", "is larger than 1048576 bytes")]
    public async Task Step_4_fails_for_a_gateway_that_asks_and_is_not_content(string kind, string cause)
    {
        _gateway.OnCa = async context =>
        {
            if (kind == "basic")
            {
                context.Response.StatusCode = 401;
                context.Response.Headers.WWWAuthenticate = "Basic realm=\"somebody on the way\"";
            }
            else if (kind == "unknown" || context.Request.Headers.Authorization.Count == 0)
            {
                context.Request.Headers.Remove("Authorization");
                await AskForBearerAsync(context, "");
            }
            else if (kind == "broken") context.Response.StatusCode = 500;
            else await context.Response.WriteAsync(TestGateway.CaPem + new string('x', 1024 * 1024));
        };

        var failed = await _relay.FailAsync();

        Assert.Equal("step 4 (CA certificate)", failed.Step);
        Assert.Contains(cause, failed.Cause, StringComparison.Ordinal);
        Assert.DoesNotContain("FAKE", failed.Cause + failed.Remedy, StringComparison.Ordinal);
        Assert.True(File.Exists(_relay.Options.TokenFile));
    }

    [Fact(Timeout = Limits.TestMilliseconds)]
    public async Task The_token_goes_to_no_other_machine_in_the_clear_because_somebody_asks_for_it()
    {
        var asked = new List<string>();
        _gateway.OnCa = context =>
        {
            asked.Add(context.Request.Headers.Authorization.ToString());
            return AskForBearerAsync(context, TestGateway.CaPem);
        };
        await using var proxy = new TestProxy(_gateway.Port);
        _relay.Environment["HTTP_PROXY"] = $"http://127.0.0.1:{proxy.Port}";
        _relay.Options = _relay.Options with { Gateway = "http://gw.test" };

        var failed = await _relay.FailAsync();

        Assert.Contains("asks for the session's token (401), which is sent to another machine over https only", failed.Cause, StringComparison.Ordinal);
        Assert.Equal([""], asked);
    }

    [Fact(Timeout = Limits.TestMilliseconds)]
    public async Task A_CA_that_was_cut_on_the_way_is_none()
    {
        await using var gateway = new RawPeer((_, head) => Task.FromResult(head.Contains("Authorization", StringComparison.Ordinal)
            ? $"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n{TestGateway.CaPem}"
            : "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Bearer\r\nContent-Length: 0\r\n\r\n"));
        _relay.Options = _relay.Options with { Gateway = $"http://127.0.0.1:{gateway.Port}" };

        Assert.Contains($"announced 100000 bytes and sent {TestGateway.CaPem.Length}", (await _relay.FailAsync()).Cause, StringComparison.Ordinal);
    }

    private static Task AskForBearerAsync(HttpContext context, string pem)
    {
        if (context.Request.Headers.Authorization.Count > 0) return context.Response.WriteAsync(pem);
        context.Response.StatusCode = 401;
        context.Response.Headers.WWWAuthenticate = "Bearer";
        return Task.CompletedTask;
    }

    [Fact(Timeout = Limits.TestMilliseconds)]
    public async Task Step_4_fails_for_an_answer_larger_than_1_MiB()
    {
        _gateway.OnCa = context => context.Response.WriteAsync(TestGateway.CaPem + new string('x', 1024 * 1024));

        Assert.Contains("is larger than 1048576 bytes", (await _relay.FailAsync()).Cause, StringComparison.Ordinal);
    }

    [Fact(Timeout = Limits.TestMilliseconds)]
    public async Task Step_4_fails_when_the_answer_never_ends()
    {
        _gateway.OnCa = async context =>
        {
            await context.Response.WriteAsync(TestGateway.CaPem);
            await context.Response.Body.FlushAsync();
            await Task.Delay(Timeout.Infinite, context.RequestAborted).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        };

        Assert.Contains("did not answer within 5 s", (await _relay.FailAsync()).Cause, StringComparison.Ordinal);
    }

    [Theory(Timeout = Limits.TestMilliseconds)]
    [InlineData("http://127.0.0.1:1", "the gateway 127.0.0.1:1 cannot be reached: Connection refused")]
    [InlineData("http://no-such-host.invalid", "the name of the gateway no-such-host.invalid:80 cannot be resolved")]
    public async Task Step_4_fails_when_the_gateway_cannot_be_reached(string gateway, string cause)
    {
        _relay.Options = _relay.Options with { Gateway = gateway };

        var failed = await _relay.FailAsync();

        Assert.StartsWith(cause, failed.Cause, StringComparison.Ordinal);
    }

    [Fact(Timeout = Limits.TestMilliseconds)]
    public async Task Step_4_fails_when_the_bundle_cannot_be_written()
    {
        Directory.CreateDirectory(_relay.Options.CaBundle);

        var failed = await _relay.FailAsync();

        Assert.Equal("step 4 (CA bundle)", failed.Step);
        Assert.Contains("is a directory", failed.Cause, StringComparison.Ordinal);
    }

    [Fact(Timeout = Limits.TestMilliseconds)]
    public async Task A_path_of_the_gateway_is_kept_as_prefix()
    {
        _relay.Options = _relay.Options with { Gateway = _gateway.Url + "/team-a/" };
        await _relay.StartAsync();
        using var tool = await _relay.ConnectAsync();
        await tool.SendAsync("CONNECT echo.test:443 HTTP/1.1\r\n\r\n");
        await _gateway.AcceptAsync();

        Assert.Equal(["GET /team-a/v1/code/upstreamproxy/ca-cert", "GET /team-a/v1/code/upstreamproxy/ws"], _gateway.RequestLines);
    }

    [Fact(Timeout = Limits.TestMilliseconds)]
    public async Task An_https_gateway_is_trusted_by_the_pinned_root_alone()
    {
        var certificate = Certificates.SelfSigned("127.0.0.1");
        await using var gateway = await TestGateway.StartAsync(certificate);
        _relay.Options = _relay.Options with { Gateway = gateway.Url };

        var unpinned = await _relay.FailAsync();
        _relay.Options = _relay.Options with { GatewayCa = _relay.Files.Write("other.pem", TestGateway.CaPem) };
        var wrong = await _relay.FailAsync();
        _relay.Options = _relay.Options with { GatewayCa = _relay.Files.Write("root.pem", certificate.ExportCertificatePem()) };
        var pinned = await _relay.StartAsync();

        Assert.Contains("is not trusted", unpinned.Cause, StringComparison.Ordinal);
        Assert.Contains("is not trusted", wrong.Cause, StringComparison.Ordinal);
        Assert.IsType<StartupOutcome.Started>(pinned);
        using var tool = await _relay.ConnectAsync();
        await tool.SendAsync("CONNECT echo.test:443 HTTP/1.1\r\n\r\n");
        var tunnel = await gateway.AcceptAsync();
        await tunnel.SendAsync("over TLS");
        await tunnel.CloseAsync();
        Assert.Equal("over TLS", await tool.ReadToEndAsync());
    }

    [Fact(Timeout = Limits.TestMilliseconds)]
    public async Task A_file_of_roots_that_holds_none_fails_step_4()
    {
        _relay.Options = _relay.Options with { Gateway = "https://gw.test", GatewayCa = _relay.Files.Write("root.pem", "nothing") };

        Assert.Contains("holds no PEM certificate", (await _relay.FailAsync()).Cause, StringComparison.Ordinal);
    }

    [Theory(Timeout = Limits.TestMilliseconds)]
    [InlineData("", null)]
    [InlineData("user:p%40ss@", "Basic dXNlcjpwQHNz")]
    public async Task The_CA_and_the_tunnel_go_through_the_egress_proxy(string userInfo, string? authorization)
    {
        await using var proxy = new TestProxy(_gateway.Port);
        _relay.Environment["HTTP_PROXY"] = $"http://{userInfo}127.0.0.1:{proxy.Port}";
        _relay.Options = _relay.Options with { Gateway = "http://gw.test" };

        Assert.IsType<StartupOutcome.Started>(await _relay.StartAsync());
        using var tool = await _relay.ConnectAsync();
        await tool.SendAsync("CONNECT echo.test:443 HTTP/1.1\r\n\r\n");
        var tunnel = await _gateway.AcceptAsync();
        await tunnel.SendAsync("through");
        await tunnel.CloseAsync();

        Assert.Equal("through", await tool.ReadToEndAsync());
        Assert.Equal("gw.test", tunnel.Headers["Host"]);
        Assert.Equal(2, proxy.Heads.Count);
        Assert.All(proxy.Heads, head =>
        {
            Assert.StartsWith("CONNECT gw.test:80 HTTP/1.1\r\nHost: gw.test:80\r\n", head, StringComparison.Ordinal);
            if (authorization is null) Assert.DoesNotContain("Proxy-Authorization", head, StringComparison.Ordinal);
            else Assert.Contains($"\r\nProxy-Authorization: {authorization}\r\n", head, StringComparison.Ordinal);
        });
    }

    [Theory(Timeout = Limits.TestMilliseconds)]
    [InlineData("", "HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", "wants credentials (407)")]
    [InlineData("u:p@", "HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", "does not accept the credentials in the variable (407)")]
    [InlineData("", "HTTP/1.1 403 Forbidden\r\n\r\n", "refused to connect to gw.test:80: status 403")]
    [InlineData("", "nonsense\r\n\r\n", "does not speak HTTP")]
    public async Task A_refusal_of_the_egress_proxy_is_explained(string userInfo, string answer, string cause)
    {
        await using var proxy = new RawPeer((_, _) => Task.FromResult(answer));
        _relay.Environment["http_proxy"] = $"http://{userInfo}127.0.0.1:{proxy.Port}";
        _relay.Options = _relay.Options with { Gateway = "http://gw.test" };

        var failed = await _relay.FailAsync();

        Assert.StartsWith($"the egress proxy 127.0.0.1:{proxy.Port} (from http_proxy) {cause}", failed.Cause, StringComparison.Ordinal);
    }

    [Fact(Timeout = Limits.TestMilliseconds)]
    public async Task A_gateway_in_NO_PROXY_is_reached_directly()
    {
        _relay.Environment["HTTP_PROXY"] = "http://127.0.0.1:1";
        _relay.Environment["NO_PROXY"] = ".invalid";
        _relay.Options = _relay.Options with { Gateway = "http://gw.invalid" };

        Assert.Contains("cannot be resolved", (await _relay.FailAsync()).Cause, StringComparison.Ordinal);
    }
}
