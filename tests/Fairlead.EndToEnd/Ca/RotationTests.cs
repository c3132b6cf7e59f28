using System.Collections.Concurrent;
using System.Net;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json.Nodes;
using Fairlead.EndToEnd.Harness;

namespace Fairlead.EndToEnd.Ca;

/// <summary>A rotation of the CA from its beginning to its end, with containers that started before it, within it and after it.</summary>
public sealed class RotationTests
{
    // Long enough for a relay to start within it on a slow machine.
    private const int AfterSeconds = 20;

    [Fact]
    public async Task No_handshake_fails_while_the_CA_is_rotated_under_load()
    {
        await using var site = await Site.StartAsync();
        var before = await CaEndpoint.ReadAsync(site.Gateway);
        await GetAsync(site.Relay);

        await RotateAsync(site);
        await CaEndpoint.WaitForAsync(site.Gateway, blocks => blocks.Length == 2);
        var within = await site.StartRelayAsync("demo");
        // Every tool of this machine, with a bundle of both.
        var doctor = RunCommand.RunAsync(site, site.RunEnvironment(), "--", Repository.Relay, "doctor", "--json");
        using var stop = new CancellationTokenSource();
        var issuers = new ConcurrentDictionary<string, int>();
        var load = Enumerable.Range(0, 4).Select(i => LoadAsync(within, issuers, stop.Token)).ToArray();

        // Up to the switch who started before goes on; the leaves are the old root's.
        await GetAsync(site.Relay);
        await UntilAsync(() => issuers.Count == 2);
        // After it, what started within goes on, by OpenSSL's judgement too.
        var judged = await site.RunAsync(within, "openssl", "s_client", "-proxy", within.Proxy.Authority, "-connect", "origin.test:443", "-servername", "origin.test", "-verify_return_error", "-CAfile", within.Variables["SSL_CERT_FILE"]);
        var old = await site.RunAsync("curl", "-sS", "https://origin.test/status/200/old");
        await CaEndpoint.WaitForAsync(site.Gateway, blocks => blocks.Length == 1);
        var after = await site.StartRelayAsync("demo");
        await GetAsync(after);
        await stop.CancelAsync();

        var handshakes = (await Task.WhenAll(load)).Sum();
        Assert.Equal(handshakes, issuers.Values.Sum());
        Assert.All(issuers.Values, count => Assert.True(count > 10));
        Assert.Contains("Verify return code: 0 (ok)", judged.Succeeded().Stdout, StringComparison.Ordinal);
        Assert.Equal(60, old.ExitCode); // it should have been restarted within --after, as the documentation says
        Assert.NotEqual(before, await CaEndpoint.ReadAsync(site.Gateway));
        Assert.Single(Directory.GetFiles(site.Folder.File("state/ca"), "*.key"));
        var report = (await doctor).Json;
        Assert.All(report["tools"]!.AsArray().Where(tool => (string?)tool!["result"] != "skipped"), tool => Assert.True((string?)tool!["result"] == "ok", report.ToJsonString()));
        foreach (var check in new[] { "gateway", "CA", "CA bundle" })
            Assert.Equal("ok", (string?)report["checks"]!.AsArray().Single(c => (string?)c!["name"] == check)!["result"]);
    }

    [Fact]
    public async Task A_rotation_that_is_killed_at_any_moment_leaves_one_valid_pair()
    {
        await using var site = await Site.StartAsync();
        var undone = 0;
        var whole = await TimeOfAsync(Start(site, "show"));
        for (var i = 0; i < 20; i++)
        {
            await using var rotation = Start(site, "rotate", "--after", "0s");
            // From the first moment to well behind the end, however slow the machine is.
            await Task.Delay(whole * i / 12, Limits.Token());
            if (!rotation.HasExited) rotation.Kill();
            await rotation.WaitAsync(Limits.Token());

            await using var show = Start(site, "show", "--pem");
            var pem = (await show.WaitAsync(Limits.Token())).Succeeded().Stdout;
            await CaEndpoint.WaitForAsync(site.Gateway, blocks => blocks.Length == 1 && pem.StartsWith(blocks[0], StringComparison.Ordinal));
            if (File.Exists(site.Folder.File("state/ca/ca.key"))) undone++;
        }

        Assert.NotEqual(0, undone);
        var fresh = await site.StartRelayAsync("demo");
        await GetAsync(fresh);
        await RotateAsync(site);
        await CaEndpoint.WaitForAsync(site.Gateway, blocks => blocks.Length == 2);
        Assert.Equal(2, Directory.GetFiles(site.Folder.File("state/ca"), "*.key").Length);
        Assert.Empty(Directory.GetFiles(site.Folder.File("state/ca"), "*.new"));
    }

    private static async Task RotateAsync(Site site)
    {
        await using var rotation = Start(site, "rotate", "--after", $"{AfterSeconds}s");
        (await rotation.WaitAsync(Limits.Token())).Succeeded();
    }

    private static async Task<TimeSpan> TimeOfAsync(RunningProgram program)
    {
        var began = TimeProvider.System.GetTimestamp();
        await using (program) (await program.WaitAsync(Limits.Token())).Succeeded();
        return TimeProvider.System.GetElapsedTime(began);
    }

    private static RunningProgram Start(Site site, params string[] arguments) =>
        RunningProgram.Start(Repository.Gateway, ["ca", .. arguments, "--config", "fairlead.yaml"], ToolEnvironment.ForProduct(site.Folder.Folder("operator")), site.Folder.Path);

    /// <summary>Requests one after another, each over a connection of its own.</summary>
    private static async Task<int> LoadAsync(RelayProcess relay, ConcurrentDictionary<string, int> issuers, CancellationToken stop)
    {
        var count = 0;
        for (; !stop.IsCancellationRequested; count++) issuers.AddOrUpdate(await GetAsync(relay), 1, (_, n) => n + 1);
        return count;
    }

    /// <returns>Who issued the leaf.</returns>
    private static async Task<string> GetAsync(RelayProcess relay)
    {
        var issuer = "";
        using var handler = ProxiedHttp.Handler(relay);
        handler.SslOptions.RemoteCertificateValidationCallback = (_, certificate, _, errors) =>
        {
            issuer = ((X509Certificate2)certificate!).Issuer;
            return errors == System.Net.Security.SslPolicyErrors.None;
        };
        using var client = new HttpClient(handler) { Timeout = Limits.Test };
        using var response = await client.GetAsync(new Uri("https://origin.test/status/200/rotation"), Limits.Token());
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        return issuer;
    }

    private static async Task UntilAsync(Func<bool> condition)
    {
        for (var limit = Limits.Token(); !condition();) await Task.Delay(Limits.Poll, limit);
    }
}
