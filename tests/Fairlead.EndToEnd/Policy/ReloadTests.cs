using System.Globalization;
using System.Net;
using System.Runtime.InteropServices;
using Fairlead.EndToEnd.Harness;

namespace Fairlead.EndToEnd.Policy;

/// <summary>A configuration that changes under a running gateway and under open connections.</summary>
public sealed class ReloadTests
{
    private const int SigHup = 1;

    [Theory]
    [InlineData("1.1")]
    [InlineData("2.0")]
    public async Task A_changed_policy_is_in_force_on_open_connections_and_no_request_fails(string version)
    {
        await using var site = await Site.StartAsync();
        using var client = ProxiedHttp.Client(site.Relay, Version.Parse(version));
        using var stop = new CancellationTokenSource();
        var load = Enumerable.Range(0, 8).Select(_ => LoadAsync(client, "https://origin.test/status/200/reload", stop.Token)).ToArray();
        await WaitForAsync(() => site.Origin.Requests.For("/status/200/reload").Count() > 50);

        site.Edit(text => text.Replace("- allow * origin.test/**", "- allow * origin.test/**\n      - deny * origin.test/status/200/reload", StringComparison.Ordinal));
        await UntilAsync(client, "https://origin.test/status/200/reload", HttpStatusCode.Forbidden);
        var passed = site.Origin.Requests.For("/status/200/reload").Count();
        Assert.Equal(HttpStatusCode.Forbidden, await GetAsync(client, "https://origin.test/status/200/reload"));
        await stop.CancelAsync();
        var answers = (await Task.WhenAll(load)).SelectMany(a => a).ToArray();

        Assert.Equal([HttpStatusCode.OK, HttpStatusCode.Forbidden], answers.Distinct().OrderBy(a => (int)a));
        // Requests that were under way are judged by the one policy that was in force when they were; none was let pass afterwards.
        Assert.InRange(site.Origin.Requests.For("/status/200/reload").Count() - passed, 0, 8);
        var hashes = (await site.Audit.WaitForAsync(1, r => (string?)r["decision"] == "deny", Limits.Token())).Select(r => (string?)r["policy_hash"]).Distinct();
        Assert.All(hashes, h => Assert.Equal(16, h!.Length));
    }

    [Fact]
    public async Task A_policy_that_changes_twenty_times_under_load_fails_no_request_and_judges_none_by_two()
    {
        const string one = "allow * origin.test/**";
        const string two = "allow GET,POST origin.test/status/**";
        await using var site = await Site.StartAsync(new SiteOptions { UsualRules = [one] });
        using var client = ProxiedHttp.Client(site.Relay, HttpVersion.Version11);
        using var stop = new CancellationTokenSource();
        var load = Enumerable.Range(0, 8).Select(_ => LoadAsync(client, "https://origin.test/status/200/often", stop.Token)).ToArray();
        await WaitForAsync(() => site.Origin.Requests.For("/status/200/often").Count() > 50);

        var delays = new List<TimeSpan>();
        for (var i = 0; i < 20; i++)
        {
            var (from, to) = i % 2 == 0 ? (one, two) : (two, one);
            var began = DateTimeOffset.UtcNow;
            site.Edit(text => text.Replace(from, to, StringComparison.Ordinal));
            var first = (await site.Audit.WaitForAsync(1, r => (string?)r["rule"] == to && DateTimeOffset.Parse((string)r["time"]!, CultureInfo.InvariantCulture) > began, Limits.Token()))[0];
            delays.Add(DateTimeOffset.Parse((string)first["time"]!, CultureInfo.InvariantCulture) - began);
        }

        await stop.CancelAsync();
        var answers = (await Task.WhenAll(load)).SelectMany(a => a).ToArray();
        var records = (await site.Audit.ReadAsync(Limits.Token())).Where(r => (string?)r["type"] == "request").ToArray();
        TestContext.Current.TestOutputHelper?.WriteLine($"{answers.Length} requests; in force after {delays.Average(d => d.TotalMilliseconds):F0} ms on average, {delays.Max().TotalMilliseconds:F0} ms at most");

        Assert.Equal([HttpStatusCode.OK], answers.Distinct());
        // The rule and the version of the policy belong together in every record.
        Assert.Equal(2, records.Select(r => ((string?)r["rule"], (string?)r["policy_hash"])).Distinct().Count());
        // A second is promised; a machine that runs eight loops beside it may be late.
        Assert.InRange(delays.Order().ElementAt(delays.Count / 2), TimeSpan.Zero, TimeSpan.FromSeconds(1));
    }

    [Fact]
    public async Task A_file_that_does_not_load_changes_nothing_and_is_told_once()
    {
        await using var site = await Site.StartAsync();
        using var client = ProxiedHttp.Client(site.Relay, HttpVersion.Version11);

        site.Edit(text => text.Replace("allow * origin.test/**", "permit * origin.test/**", StringComparison.Ordinal));
        var told = await site.Gateway.Program.Stderr.WaitForAsync(text => text.Contains("got 'permit'", StringComparison.Ordinal) ? text : null, Limits.Token());

        Assert.Contains("stays in force", told, StringComparison.Ordinal);
        Assert.Contains("expected 'allow' or 'deny', got 'permit'", told, StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.OK, await GetAsync(client, "https://origin.test/status/200/broken"));

        // It is mended, and says so by working.
        site.Edit(text => text.Replace("permit * origin.test/**", "deny * origin.test/**", StringComparison.Ordinal));
        await UntilAsync(client, "https://origin.test/status/200/broken", HttpStatusCode.Forbidden);
        Assert.Single(site.Gateway.Program.Stderr.Text.Split("stays in force"), part => part.Contains("permit", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_session_that_is_taken_out_loses_its_open_tunnels_and_gets_no_new_one()
    {
        await using var site = await Site.StartAsync();
        var other = await site.StartRelayAsync("other");
        using var mine = ProxiedHttp.Client(site.Relay, HttpVersion.Version11);
        using var theirs = ProxiedHttp.Client(other, HttpVersion.Version11);
        Assert.Equal(HttpStatusCode.OK, await GetAsync(mine, "https://origin.test/status/200/mine"));
        using var stream = await theirs.GetStreamAsync(new Uri("https://origin.test/sse/revoked"), Limits.Token());
        Assert.NotEqual(0, await stream.ReadAsync(new byte[1024], Limits.Token()));

        site.Edit(text => string.Join('\n', text.Split('\n').Where(line => !line.Contains("id: other", StringComparison.Ordinal))));

        // An open tunnel is cut, and what it carried does not look whole.
        await Assert.ThrowsAnyAsync<Exception>(() => stream.CopyToAsync(Stream.Null, Limits.Token()));
        var refused = await site.RunAsync(other, "curl", "-sS", "https://origin.test/status/200/theirs");
        Assert.Equal(56, refused.ExitCode); // "CONNECT tunnel failed, response 502"
        Assert.Equal(HttpStatusCode.OK, await GetAsync(mine, "https://origin.test/status/200/mine"));
        await site.Audit.WaitForAsync(1, r => (string?)r["outcome"] == "session_revoked" && (string?)r["session"] == "other", Limits.Token());
    }

    [Fact]
    public async Task A_secret_that_was_rotated_in_its_file_is_picked_up()
    {
        await using var site = await Site.StartAsync();
        using var client = ProxiedHttp.Client(site.Relay, HttpVersion.Version11);
        await GetAsync(client, "https://api.github.com/status/200/old");

        site.Folder.Write("github.token", "FAKE-rotated-token");
        await WaitForAsync(() =>
        {
            GetAsync(client, "https://api.github.com/status/200/new").GetAwaiter().GetResult();
            return site.Origin.Requests.For("/status/200/new").Any(r => r.Values("Authorization").Contains("Bearer FAKE-rotated-token"));
        });
    }

    [Fact]
    public async Task SIGHUP_loads_at_once_and_ends_nothing()
    {
        await using var site = await Site.StartAsync();
        using var client = ProxiedHttp.Client(site.Relay, HttpVersion.Version11);
        var before = site.Gateway.Program.Stderr.Text.Split("Configuration in force").Length;

        Assert.Equal(0, Kill(site.Gateway.Program.Id, SigHup));

        await site.Gateway.Program.Stderr.WaitForAsync(text => text.Split("Configuration in force").Length > before ? text : null, Limits.Token());
        Assert.Equal(HttpStatusCode.OK, await GetAsync(client, "https://origin.test/status/200/hup"));
    }

    private static async Task<List<HttpStatusCode>> LoadAsync(HttpClient client, string url, CancellationToken stop)
    {
        var answers = new List<HttpStatusCode>();
        while (!stop.IsCancellationRequested) answers.Add(await GetAsync(client, url));
        return answers;
    }

    private static async Task<HttpStatusCode> GetAsync(HttpClient client, string url)
    {
        using var response = await client.GetAsync(new Uri(url), Limits.Token());
        return response.StatusCode;
    }

    private static async Task UntilAsync(HttpClient client, string url, HttpStatusCode status)
    {
        var limit = Limits.Token();
        while (await GetAsync(client, url) != status) await Task.Delay(Limits.Poll, limit);
    }

    private static async Task WaitForAsync(Func<bool> condition)
    {
        var limit = Limits.Token();
        while (!condition()) await Task.Delay(Limits.Poll, limit);
    }

    [DllImport("libc", EntryPoint = "kill")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int Kill(int process, int signal);
}
