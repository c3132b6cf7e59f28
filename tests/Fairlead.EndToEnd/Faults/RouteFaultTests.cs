using System.Net;
using Fairlead.EndToEnd.Harness;

namespace Fairlead.EndToEnd.Faults;

/// <summary>What may go wrong between container and gateway: at the egress proxy, at the ingress, and when the gateway is not there.</summary>
public sealed class RouteFaultTests : IAsyncLifetime
{
    private Topology _topology = null!;

    public async ValueTask InitializeAsync() => _topology = await Topology.StartAsync(new TopologyOptions
    {
        EgressWantsCredentials = true,
        IngressIdle = TimeSpan.FromSeconds(2),
    });

    [Theory]
    [InlineData(404, "answered with status 404")]
    [InlineData(426, "answered with status 426")]
    [InlineData(502, "answered with status 502")]
    [InlineData(302, "answered with status 302")]
    public async Task An_ingress_that_does_not_pass_on_is_one_warning(int status, string cause) =>
        await CheckAsync("FAIRLEAD_GATEWAY", $"https://{Topology.GatewayHost}{NginxIngress.AnswersPrefix}{status}", cause);

    [Theory]
    [InlineData("http://198.18.1.2:3128", "wants credentials (407)")]
    [InlineData("http://container:wrong@198.18.1.2:3128", "does not accept the credentials in the variable (407)")]
    public async Task An_egress_proxy_that_wants_other_credentials_is_one_warning(string egress, string cause) => await CheckAsync("HTTPS_PROXY", egress, cause);

    [Fact]
    public async Task An_egress_proxy_that_forbids_the_gateway_is_one_warning() =>
        await CheckAsync("FAIRLEAD_GATEWAY", "https://another.test/", "refused to connect to another.test:443: status 403");

    [Theory]
    [InlineData(true, "closed the connection without an answer")]
    [InlineData(false, "did not answer within 5 s")]
    public async Task An_egress_proxy_that_drops_CONNECT_is_one_warning(bool closes, string cause)
    {
        await using var proxy = new DroppingProxy(_topology.Egress.Listen(new IPEndPoint(IPAddress.Any, 3129)), closes);

        await CheckAsync("HTTPS_PROXY", "http://198.18.1.2:3129", cause);
    }

    [Fact]
    public async Task An_idle_tunnel_that_the_ingress_cuts_ends_loudly_and_the_next_one_works()
    {
        var result = await _topology.RunToolAsync("sh", "-c", "curl -sS https://origin.test/never/idle; echo \"first: $?\"; curl -sS https://origin.test/echo/after-idle");

        Assert.DoesNotContain("first: 0", result.Succeeded().Stdout, StringComparison.Ordinal);
        Assert.Contains("/echo/after-idle", result.Stdout, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Tunnels_that_a_gateways_restart_cuts_end_loudly_and_the_next_one_works()
    {
        const string Script = """
            curl -sS -N --limit-rate 1M -o big "https://origin.test/bytes/1099511627776?key=restart&chunked" & download=$!
            until [ -s big ]; do sleep 0.1; done; echo begun
            wait $download; echo "cut: $?"
            until curl -sS --fail https://origin.test/echo/after-restart; do sleep 0.2; done
            """;
        await using var run = _topology.Start(_topology.ContainerEnvironment(), "run", "--", "sh", "-c", Script);
        await run.Stdout.WaitForAsync("begun", Limits.Token());

        _topology.Gateway.Program.Kill();
        await _topology.Gateway.Program.WaitAsync(Limits.Token());
        await _topology.StartGatewayAsync(Limits.Token());

        var result = (await run.WaitAsync(Limits.Token())).Succeeded();
        Assert.Matches("cut: [1-9]", result.Stdout);
        Assert.Contains("/echo/after-restart", result.Stdout, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_relay_that_its_supervisor_starts_again_finds_its_token_once_the_gateway_is_up()
    {
        await _topology.Gateway.StopAsync(Limits.Token());
        var environment = _topology.ContainerEnvironment();
        environment["FAIRLEAD_FAIL"] = "open";

        var down = await _topology.RunAsync(environment, "relay");

        Assert.Equal(1, down.ExitCode);
        Assert.Contains("step 4", Assert.Single(down.Stderr.Split('\n', StringSplitOptions.RemoveEmptyEntries)), StringComparison.Ordinal);
        Assert.True(File.Exists(environment["FAIRLEAD_TOKEN_FILE"]));

        await _topology.StartGatewayAsync(Limits.Token());
        await using var relay = _topology.Start(environment, "relay", "--env-file", "relay.env");
        var file = Path.Combine(environment["HOME"], "relay.env");
        while (!File.Exists(file) && !relay.HasExited) await Task.Delay(Limits.Poll, Limits.Token());

        Assert.False(relay.HasExited, relay.Stderr.Text);
        Assert.False(File.Exists(environment["FAIRLEAD_TOKEN_FILE"]));
    }

    public ValueTask DisposeAsync() => _topology.DisposeAsync();

    private async Task CheckAsync(string variable, string value, string cause) => await StartFault.CheckAsync(
        _topology.Start,
        () =>
        {
            var environment = _topology.ContainerEnvironment();
            environment[variable] = value;
            return environment;
        },
        step: 4, cause);
}
