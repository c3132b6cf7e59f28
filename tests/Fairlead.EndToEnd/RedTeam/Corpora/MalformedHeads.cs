using System.Net.Sockets;
using System.Text;
using Fairlead.EndToEnd.Harness;
using Fairlead.EndToEnd.RedTeam.Stage;

namespace Fairlead.EndToEnd.RedTeam.Corpora;

/// <summary>
/// Heads that are no CONNECT, or more than one, at the relay and in the first chunks at the gateway. The relay must hand on a head of its own making with the target
/// and nothing else of the tool's; the gateway must open a tunnel for a head that can be read in one way only, and whose two authentications agree.
/// </summary>
internal sealed class MalformedHeads : Corpus
{
    public override string Name => "heads";

    public override async Task<IReadOnlyList<Verdict>> RunAsync(IReadOnlyList<AttackCase> cases)
    {
        await using var arena = await Arena.StartAsync(1, ["allow * **.red.test"]);
        await using var hostile = new HostileGateway();
        using var folder = new TempFolder();
        await using var relay = await RelayProcess.StartAsync(hostile.Address, "demo", folder, null, Limits.Token());
        var verdicts = new System.Collections.Concurrent.ConcurrentBag<Verdict>();
        await Attacker.ForEachAsync(cases, async attack =>
        {
            if (attack.Find("gateway") is { } atGateway) verdicts.Add(new($"{attack.Name} (gateway)", Fault(atGateway, await AtGatewayAsync(arena, attack))));
            if (attack.Find("relay") is { } atRelay) verdicts.Add(new($"{attack.Name} (relay)", await AtRelayAsync(relay, hostile, attack, atRelay)));
        });
        Assert.False(relay.Program.HasExited, "the relay ended");
        await arena.EndAsync();
        return [.. verdicts];
    }

    private static string? Fault(string expected, string answer) =>
        expected == "none" ? answer.Length == 0 ? null : $"it was answered '{StrictHttp.Shown(answer)}'"
        : answer.StartsWith($"HTTP/1.1 {expected} ", StringComparison.Ordinal) ? null : $"expected {expected}, got '{StrictHttp.Shown(answer)}'";

    private static async Task<string> AtGatewayAsync(Arena arena, AttackCase attack)
    {
        await using var tunnel = await RawTunnel.OpenAsync(await Plain.ConnectAsync(arena.Gateway.Address));
        foreach (var part in new[] { "send", "later" })
        {
            if (attack.Find(part) is not { } bytes) continue;
            bytes = Filled(bytes, attack);
            // Chunks of what a frame of 16 bits holds.
            for (var at = 0; at == 0 || at < bytes.Length; at += 60_000) await tunnel.SendFrameAsync(RawTunnel.Data(bytes.Substring(at, Math.Min(60_000, bytes.Length - at))));
        }

        await using var stream = tunnel.AsStream();
        return await Attacker.ListenAsync(stream);
    }

    private static async Task<string?> AtRelayAsync(RelayProcess relay, HostileGateway hostile, AttackCase attack, string expected)
    {
        await using var stream = await TunnelSocket.OpenAsync(relay, Limits.Token());
        var answer = "";
        try
        {
            await stream.WriteAsync(Encoding.Latin1.GetBytes(Filled(attack["send"], attack)), Limits.Token());
            if (attack.Find("later") is { } later)
            {
                await Task.Delay(Limits.Poll);
                await stream.WriteAsync(Encoding.Latin1.GetBytes(Filled(later, attack)), Limits.Token());
            }

            // What waits for more learns that there is none.
            if (expected != "200") stream.Socket.Shutdown(SocketShutdown.Send);
        }
        catch (Exception e) when (e is IOException or SocketException)
        {
            // Refused before all was sent.
        }

        answer = await Attacker.ListenAsync(stream);
        var own = hostile.Heads.Where(h => h.Contains(attack.Host, StringComparison.Ordinal)).ToList();
        if (expected != "200") return own.Count > 0 ? $"the gateway was sent '{StrictHttp.Shown(own[0])}'" : Fault(expected, answer);
        var made = RawTunnel.Head($"{attack.Host}:443");
        if (own.Count != 1 || own[0] != made + (attack.Find("early") ?? "")) return own.Count == 0 ? "no tunnel was opened" : $"the gateway was sent '{StrictHttp.Shown(own[0])}'";
        return Fault(expected, answer);
    }

    private static string Filled(string text, AttackCase attack) => text
        .Replace("{HOST}", attack.Host, StringComparison.Ordinal)
        .Replace("{AUTH}", "Proxy-Authorization: " + Basic("demo", TestSecrets.Token), StringComparison.Ordinal)
        .Replace("{OTHER-USER}", "Proxy-Authorization: " + Basic("other", TestSecrets.Token), StringComparison.Ordinal)
        .Replace("{OTHER-TOKEN}", "Proxy-Authorization: " + Basic("demo", TestSecrets.OtherToken), StringComparison.Ordinal)
        .Replace("{OTHER}", "Proxy-Authorization: " + Basic("other", TestSecrets.OtherToken), StringComparison.Ordinal);

    private static string Basic(string user, string password) => "Basic " + Convert.ToBase64String(Encoding.UTF8.GetBytes($"{user}:{password}"));
}
