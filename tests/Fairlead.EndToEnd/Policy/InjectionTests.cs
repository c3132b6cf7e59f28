using Fairlead.EndToEnd.Harness;

namespace Fairlead.EndToEnd.Policy;

/// <summary>A credential goes to the host it is bound to, and to nobody else: not the workload, not another host.</summary>
public sealed class InjectionTests(SharedSite shared)
{
    private readonly Site _site = shared.Site;

    [Theory]
    [InlineData("--http1.1")]
    [InlineData("--http2")]
    public async Task The_origin_sees_the_header_that_the_gateway_knows(string option)
    {
        await GetAsync(option, "https://api.datadoghq.com/status/200/injected" + option);

        Assert.Equal([TestSecrets.Datadog], _site.Origin.Requests.Single("/status/200/injected" + option).Values("DD-API-KEY"));
    }

    [Theory]
    [InlineData("--http1.1")]
    [InlineData("--http2")]
    public async Task The_clients_own_header_of_that_name_is_replaced(string option)
    {
        await GetAsync(option, "-H", "dd-api-key: made-up", "-H", "DD-API-KEY: twice", "https://api.datadoghq.com/status/200/replaced" + option);

        Assert.Equal([TestSecrets.Datadog], _site.Origin.Requests.Single("/status/200/replaced" + option).Values("DD-API-KEY"));
    }

    [Fact]
    public async Task A_bearer_token_becomes_the_authorization()
    {
        await GetAsync("-H", "Authorization: Basic bWFkZTp1cA==", "https://api.github.com/status/200/bearer");

        Assert.Equal(["Bearer " + TestSecrets.Github], _site.Origin.Requests.Single("/status/200/bearer").Values("Authorization"));
    }

    [Fact]
    public async Task Another_host_gets_what_the_client_sent()
    {
        await GetAsync("-H", "DD-API-KEY: made-up", "-H", "Authorization: Bearer made-up", "https://origin.test/status/200/unbound");

        var request = _site.Origin.Requests.Single("/status/200/unbound");
        Assert.Equal(["made-up"], request.Values("DD-API-KEY"));
        Assert.Equal(["Bearer made-up"], request.Values("Authorization"));
    }

    [Fact]
    public async Task Nothing_of_the_proxy_reaches_the_origin()
    {
        await GetAsync("-H", "Proxy-Authorization: Basic bWFkZTp1cA==", "-H", "Connection: X-Hop", "-H", "X-Hop: 1", "--http1.1", "https://origin.test/status/200/hops");

        var names = _site.Origin.Requests.Single("/status/200/hops").Headers.Select(h => h.Key.ToLowerInvariant());
        Assert.Equal(["accept", "host", "user-agent"], names.Order());
    }

    [Fact]
    public async Task The_workload_can_read_no_secret()
    {
        var result = await _site.RunAsync("sh", "-c", "env; curl -sSvi https://api.datadoghq.com/status/200/secret; cat $SSL_CERT_FILE");

        var everything = result.Succeeded().Stdout + result.Stderr;
        Assert.Contains("HTTP/2 200", everything, StringComparison.Ordinal);
        Assert.All(TestSecrets.All, secret => Assert.DoesNotContain(secret, everything, StringComparison.Ordinal));
        Assert.False(File.Exists(_site.Relay.Settings["FAIRLEAD_TOKEN_FILE"]));
    }

    [Fact]
    public async Task No_program_logs_a_secret()
    {
        await GetAsync("https://api.datadoghq.com/status/200/logged");
        await _site.Audit.RequestAsync("/status/200/logged", Limits.Token());

        var everything = _site.Gateway.Program.Stderr.Text + _site.Gateway.Program.Stdout.Text + _site.Relay.Program.Stderr.Text + _site.Relay.Program.Stdout.Text
            + await File.ReadAllTextAsync(_site.Audit.File, Limits.Token());
        Assert.All(TestSecrets.All, secret => Assert.DoesNotContain(secret, everything, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("--http1.1")]
    [InlineData("--http2")]
    public async Task A_placeholder_becomes_the_secret_for_its_host(string option)
    {
        await GetAsync(option, "-H", $"X-Extra: key {Placeholder}", "--json", $"{{\"key\":\"{Placeholder}\"}}", $"https://api.github.com/status/200/swapped{option}?key={Placeholder}");

        Assert.Equal([$"key {TestSecrets.Github}"], _site.Origin.Requests.Single($"/status/200/swapped{option}?key={TestSecrets.Github}").Values("X-Extra"));
    }

    [Fact]
    public async Task A_placeholder_for_another_host_is_refused_and_raises_an_alarm()
    {
        var result = await _site.RunAsync("curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}", "-u", $"user:{Placeholder}", "https://origin.test/status/200/misused");

        Assert.Equal("403", result.Succeeded().Stdout);
        Assert.Equal("placeholder_misused", (await _site.Audit.RequestAsync("/status/200/misused", Limits.Token()))["outcome"]?.ToString());
        Assert.Contains("ALARM: session demo sent the placeholder of the credential swapped to origin.test:443", _site.Gateway.Program.Stderr.Text, StringComparison.Ordinal);
    }

    private const string Placeholder = "ghp_PLACEHOLDER-for-tests";

    private async Task GetAsync(params string[] arguments) => (await _site.RunAsync("curl", ["-sS", "--fail", .. arguments])).Succeeded();
}
