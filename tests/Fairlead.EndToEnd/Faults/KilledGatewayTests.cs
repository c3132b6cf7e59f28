using System.Globalization;
using Fairlead.EndToEnd.Harness;

namespace Fairlead.EndToEnd.Faults;

/// <summary>A gateway that is killed under load, again and again, with one audit. The origin's own log is the truth.</summary>
public sealed class KilledGatewayTests
{
    private const string Host = "api.datadoghq.com";
    private const int Clients = 16;
    private const int RequestsPerRound = 100;

    /// <summary>3, or as many as `./dev soak` asks for.</summary>
    private static readonly int Rounds = int.TryParse(Environment.GetEnvironmentVariable("FAIRLEAD_SOAK_KILLS"), CultureInfo.InvariantCulture, out var rounds) ? rounds : 3;

    [Fact]
    public async Task What_reached_the_origin_is_in_the_audit_of_a_gateway_that_was_killed()
    {
        // Small files: a kill meets a rotation now and then.
        await using var site = await Site.StartAsync(new SiteOptions { Audit = ", rotate: { size: 16KiB }" });
        var port = site.Gateway.Address.Port;
        var gateway = site.Gateway;
        for (var round = 0; round < Rounds; round++)
        {
            await KillUnderLoadAsync(site, gateway, round);

            var verified = await site.AskGatewayAsync("", "audit", "verify", "state/audit.jsonl");
            Assert.True(verified.ExitCode == 0, $"round {round}: {verified}");
            var recorded = await RecordedAsync(site);
            var unrecorded = site.Origin.Requests.To(Host).Select(r => r.Target).Where(target => !recorded.Contains(target)).ToArray();
            Assert.True(unrecorded.Length == 0, $"round {round}: reached the origin and is not in the audit: {string.Join(", ", unrecorded)}");

            if (round == 0) site.Edit(text => text.Replace("127.0.0.1:0", string.Create(CultureInfo.InvariantCulture, $"127.0.0.1:{port}"), StringComparison.Ordinal));
            if (gateway != site.Gateway) await gateway.DisposeAsync();
            gateway = await GatewayProcess.StartAsync(site.Folder.File("fairlead.yaml"), site.Folder, "", Limits.Token());
        }

        await gateway.StopAsync(Limits.Token());
        await gateway.DisposeAsync();
        var whole = await site.AskGatewayAsync("", "audit", "verify", "state/audit.jsonl", "--closed");
        Assert.True(whole.ExitCode == 0, whole.ToString());
        Assert.True(site.Origin.Requests.To(Host).Count >= Rounds * RequestsPerRound);
        // Who looks for what nobody knows the end of, finds it.
        var open = await site.AskGatewayAsync("", "audit", "query", "state/audit.jsonl", "--outcome", "unknown", "--host", Host, "--json");
        Assert.True(open.ExitCode is 0 or 1, open.ToString());

        Assert.True(AuditLog.ClosedOf(site.Audit.File).Count > Rounds, "the audit was not rotated");

        // A cut end is found by what the gateway kept beside it.
        var lines = await File.ReadAllLinesAsync(site.Audit.File, Limits.Token());
        await File.WriteAllLinesAsync(site.Folder.File("state/cut.jsonl"), lines[..^1], Limits.Token());
        var cut = await site.AskGatewayAsync("", "audit", "verify", "state/cut.jsonl", "--part", "--key", "state/audit.jsonl.pub", "--head", "state/audit.jsonl.head");
        Assert.Equal(1, cut.ExitCode);
        Assert.Contains($"cut.jsonl:{lines.Length - 1}: the file ends before the checkpoint", cut.Stdout, StringComparison.Ordinal);
    }

    private static async Task KillUnderLoadAsync(Site site, GatewayProcess gateway, int round)
    {
        var before = site.Origin.Requests.To(Host).Count;
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Limits.Token());
        using var client = ProxiedHttp.Client(site.Relay, Version.Parse(round % 2 == 0 ? "1.1" : "2.0"));
        var load = Enumerable.Range(0, Clients).Select(number => LoadAsync(client, $"{round}-{number}", stop.Token)).ToArray();
        while (site.Origin.Requests.To(Host).Count < before + RequestsPerRound) await Task.Delay(Limits.Poll, stop.Token);
        gateway.Program.Kill();
        await gateway.Program.WaitAsync(Limits.Token());
        await stop.CancelAsync();
        await Task.WhenAll(load);
    }

    private static async Task LoadAsync(HttpClient client, string name, CancellationToken stop)
    {
        for (var i = 0; !stop.IsCancellationRequested; i++)
        {
            try
            {
                using var body = new StringContent("x");
                using var answer = await client.PostAsync(new Uri($"https://{Host}/echo/{name}-{i}"), body, stop);
            }
            catch (Exception e) when (e is HttpRequestException or OperationCanceledException)
            {
                // The gateway is gone, which is what this is about.
            }
        }
    }

    private static async Task<HashSet<string>> RecordedAsync(Site site) =>
        [.. (await site.Audit.ReadAllAsync(Limits.Token())).Where(r => AuditLog.Text(r, "type") is "intent" or "request").Select(r => AuditLog.Text(r, "path")!)];
}
