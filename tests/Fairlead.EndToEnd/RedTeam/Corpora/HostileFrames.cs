using System.Text;
using Fairlead.EndToEnd.Harness;
using Fairlead.EndToEnd.RedTeam.Stage;

namespace Fairlead.EndToEnd.RedTeam.Corpora;

/// <summary>
/// WebSocket frames and chunks that no honest end sends, to the gateway by a tenant and to the relay by a gateway. What breaks the protocol ends the tunnel; nothing
/// that was not a tunnel's byte is shown to a tool after 200; and neither program grows by more than <see cref="Allowance"/>, whatever is announced or repeated.
/// </summary>
internal sealed class HostileFrames : Corpus
{
    private const long Allowance = 96 << 20;
    private const string Established = "HTTP/1.1 200 OK\r\n\r\n";

    public override string Name => "frames";

    public override async Task<IReadOnlyList<Verdict>> RunAsync(IReadOnlyList<AttackCase> cases)
    {
        await using var arena = await Arena.StartAsync(1, ["allow * **.red.test"]);
        await using var hostile = new HostileGateway();
        using var folder = new TempFolder();
        await using var relay = await RelayProcess.StartAsync(hostile.Address, "demo", folder, null, Limits.Token());
        var atRelay = cases.Where(c => c.Find("relay") is not null).ToDictionary(c => c.Host);
        hostile.Says = first => atRelay.TryGetValue(first.Split(' ', ':')[1], out var attack) ? Frames(attack, attack.Find("relay")!, isMasked: false) : [];
        var (gatewayAtFirst, relayAtFirst) = (ProcessMemory.Of(arena.Gateway.Program).ResidentBytes, ProcessMemory.Of(relay.Program).ResidentBytes);
        var verdicts = new System.Collections.Concurrent.ConcurrentBag<Verdict>();
        await Attacker.ForEachAsync(cases, async attack =>
        {
            if (attack.Find("gateway") is not null) verdicts.Add(new($"{attack.Name} (gateway)", await AtGatewayAsync(arena, attack)));
            if (attack.Find("relay") is not null) verdicts.Add(new($"{attack.Name} (relay)", await AtRelayAsync(relay, attack)));
        });
        verdicts.Add(new(cases[0].Name + " (the gateway's memory)", Growth(arena.Gateway.Program, gatewayAtFirst)));
        verdicts.Add(new(cases[0].Name + " (the relay's memory)", Growth(relay.Program, relayAtFirst)));
        // Both go on serving others.
        await using (var tls = await Attacker.OpenAsync(arena.Relay, "c1.red.test:443", "c1.red.test"))
            verdicts.Add(new(cases[0].Name + " (another tunnel)", (await Attacker.SendAsync(tls!, "GET / HTTP/1.1\r\nHost: c1.red.test\r\n\r\n"u8.ToArray())).EndsWith("served", StringComparison.Ordinal) ? null : "it was not served"));
        await arena.EndAsync();
        Assert.False(relay.Program.HasExited, "the relay ended");
        return [.. verdicts];
    }

    private static string? Growth(RunningProgram program, long atFirst) =>
        ProcessMemory.Of(program).PeakBytes - atFirst is var grown && grown <= Allowance ? null : $"it grew by {grown >> 20} MiB";

    private static async Task<string?> AtGatewayAsync(Arena arena, AttackCase attack)
    {
        await using var tunnel = await RawTunnel.OpenAsync(await Plain.ConnectAsync(arena.Gateway.Address));
        try
        {
            await tunnel.SendAsync(Frames(attack, attack.Find("gateway")!, isMasked: true)).WaitAsync(TimeSpan.FromSeconds(5));
        }
        catch (Exception e) when (e is IOException or TimeoutException)
        {
            // It reads no more: ended, or pushing back.
        }

        var (answer, hasEnded) = await ReadAsync(tunnel.Connection);
        var isOpen = answer.Contains("200 Connection Established", StringComparison.Ordinal);
        return attack["expect"] switch
        {
            "served" => isOpen && !hasEnded ? null : $"expected an open tunnel, got '{StrictHttp.Shown(answer)}'",
            "refused" => !isOpen && (hasEnded || answer.Contains("HTTP/1.1 400 ", StringComparison.Ordinal)) ? null : isOpen ? "a tunnel was opened" : "the connection was not ended",
            "cut" => hasEnded ? null : "the connection was not ended",
            _ => null,
        };
    }

    private static async Task<string?> AtRelayAsync(RelayProcess relay, AttackCase attack)
    {
        await using var stream = await TunnelSocket.OpenAsync(relay, Limits.Token());
        await stream.WriteAsync(TunnelSocket.Connect($"{attack.Host}:443"), Limits.Token());
        var (answer, hasEnded) = await ReadAsync(stream);
        var after = answer.IndexOf("\r\n\r\n", StringComparison.Ordinal) is >= 0 and var end && answer.StartsWith("HTTP/1.1 200 ", StringComparison.Ordinal) ? answer[(end + 4)..] : null;
        // Tunnel bytes of these cases are the letter t, and nothing else may come behind 200.
        if (after?.Trim('t').Length > 0) return $"behind 200 the tool was shown '{StrictHttp.Shown(after)}'";
        return attack["expect"] switch
        {
            "served" => after is not null && !hasEnded ? null : $"expected an open tunnel, got '{StrictHttp.Shown(answer)}'",
            "refused" => after is null && answer.StartsWith("HTTP/1.1 502 ", StringComparison.Ordinal) ? null : $"expected 502, got '{StrictHttp.Shown(answer)}'",
            "cut" => hasEnded ? null : "the connection was not ended",
            _ => null,
        };
    }

    private static async Task<(string Answer, bool HasEnded)> ReadAsync(Stream stream)
    {
        var answer = new StringBuilder();
        var buffer = new byte[16 * 1024];
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(3));
        try
        {
            while (true)
            {
                var bytes = await stream.ReadAsync(buffer, limit.Token);
                if (bytes == 0) return (answer.ToString(), true);
                if (answer.Length < 1 << 20) answer.Append(Encoding.Latin1.GetString(buffer, 0, bytes));
            }
        }
        catch (OperationCanceledException)
        {
            return (answer.ToString(), false);
        }
        catch (IOException)
        {
            return (answer.ToString(), true);
        }
    }

    private static string Letters(int bytes) => new StringBuilder().Insert(0, "74", bytes).ToString();

    // Hexadecimal, in which {connect} is a frame with a CONNECT, {200} one with its answer and {t} one with a byte of the tunnel; {125}, {16k} and {100k} are so many letters.
    private static byte[] Frames(AttackCase attack, string field, bool isMasked)
    {
        string Hex(string chunk) => Convert.ToHexString(isMasked ? RawTunnel.Frame(RawTunnel.Data(chunk)) : HostileGateway.ServerFrame(RawTunnel.Data(chunk)));
        var text = field.Replace("{connect}", Hex(RawTunnel.Head("c1.red.test:443")), StringComparison.Ordinal)
            .Replace("{200}", Hex(Established), StringComparison.Ordinal).Replace("{t}", Hex("t"), StringComparison.Ordinal)
            .Replace("{125}", Letters(125), StringComparison.Ordinal).Replace("{16k}", Letters(16384), StringComparison.Ordinal).Replace("{100k}", Letters(100_000), StringComparison.Ordinal);
        return Convert.FromHexString(text.Replace(" ", "", StringComparison.Ordinal));
    }
}
