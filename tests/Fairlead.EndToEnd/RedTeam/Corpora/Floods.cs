using System.Collections.Frozen;
using System.Globalization;
using System.Net.Security;
using System.Text;
using Fairlead.EndToEnd.Harness;
using Fairlead.EndToEnd.RedTeam.Stage;

namespace Fairlead.EndToEnd.RedTeam.Corpora;

/// <summary>
/// A workload that spends the gateway's memory or time. While it does, another session asks for something again and again: each of its requests must be answered, and
/// the gateway may not grow by more than <see cref="Allowance"/> for one attack. Where a case says "ends", the gateway must end the attacker's connections by itself.
/// </summary>
internal sealed class Floods : Corpus
{
    /// <summary>For one attack, on top of what the gateway held before it. Blocks of 64 KiB are kept for use again, so not all of it is given back.</summary>
    private const long Allowance = 128 << 20;

    private static readonly TimeSpan s_attack = TimeSpan.FromSeconds(1);

    public override string Name => "floods";

    public override async Task<IReadOnlyList<Verdict>> RunAsync(IReadOnlyList<AttackCase> cases)
    {
        await using var arena = await Arena.StartAsync(cases.Count, ["allow * **.red.test"], "probe.red.test");
        var body = new string('x', 8 << 20);
        arena.Origin.Answer = (_, request, _) => request.Target switch
        {
            "/hang" => ("", false),
            "/big" => ($"HTTP/1.1 200 OK\r\nContent-Length: {body.Length}\r\n\r\n{body}", false),
            _ => ("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nserved", false),
        };
        var other = await arena.StartRelayAsync("other");
        using var over = CancellationTokenSource.CreateLinkedTokenSource(Limits.Token());
        await using var probing = (await Attacker.OpenAsync(other, "probe.red.test:443", "probe.red.test"))!;
        var verdicts = new List<Verdict>();
        // Those that end by a limit of time run beside the others.
        var slow = cases.Where(c => c.Find("slow") is not null).Select(async attack => new Verdict(attack.Name, await SlowFaultAsync(arena, attack))).ToList();
        foreach (var attack in cases.Where(c => c.Find("slow") is null))
        {
            var before = ProcessMemory.Of(arena.Gateway.Program).ResidentBytes;
            var attacking = Task.WhenAll(Enumerable.Range(0, int.Parse(attack.Find("connections") ?? "4", CultureInfo.InvariantCulture)).Select(_ => AttackAsync(arena, attack)));
            var (probes, peak, failure) = (0, before, (string?)null);
            while (!attacking.IsCompleted || probes == 0)
            {
                failure ??= await ProbeAsync(probing);
                probes++;
                peak = Math.Max(peak, ProcessMemory.Of(arena.Gateway.Program).ResidentBytes);
            }

            await attacking;
            verdicts.Add(new(attack.Name, failure ?? (peak - before > Allowance ? $"the gateway grew by {(peak - before) >> 20} MiB" : null)));
            TestContext.Current.TestOutputHelper?.WriteLine($"{attack.Name}: +{(peak - before) >> 20} MiB, {probes} probes");
        }

        verdicts.AddRange(await Task.WhenAll(slow));
        await arena.EndAsync();
        // The operator's log is not the workload's to fill.
        if (arena.Gateway.Program.Stderr.Text.Length > 64 * 1024) verdicts.Add(new(cases[0].Name + " (the log)", $"the gateway wrote {arena.Gateway.Program.Stderr.Text.Length >> 10} KiB to its log"));
        return verdicts;
    }

    // One request of the other session, on its one connection; null when it was answered.
    private static async Task<string?> ProbeAsync(SslStream probing)
    {
        await probing.WriteAsync("GET /probe HTTP/1.1\r\nHost: probe.red.test\r\n\r\n"u8.ToArray(), Limits.Token());
        var buffer = new byte[4096];
        var answer = "";
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(10));
        try
        {
            while (!answer.EndsWith("served", StringComparison.Ordinal))
            {
                var bytes = await probing.ReadAsync(buffer, limit.Token);
                if (bytes == 0) return "another session's connection was ended";
                answer += Encoding.Latin1.GetString(buffer, 0, bytes);
            }
        }
        catch (OperationCanceledException)
        {
            return "another session's request was not answered within 10 s";
        }

        return null;
    }

    private static async Task AttackAsync(Arena arena, AttackCase attack)
    {
        await using var tls = await Attacker.OpenAsync(arena.Relay, $"{attack.Host}:443", attack.Host, SslApplicationProtocol.Http2);
        if (tls is null) return;
        using var limit = new CancellationTokenSource(s_attack);
        try
        {
            await tls.WriteAsync(Http2Bytes.Preface, limit.Token);
            var next = 1;
            // An attacker that reads nothing, or all.
            var reading = attack.Find("reads") == "nothing" ? Task.CompletedTask : tls.CopyToAsync(Stream.Null, limit.Token);
            var once = attack.Find("once") is { } first ? Encoded(first, attack, ref next) : [];
            await tls.WriteAsync(once, limit.Token);
            while (!limit.IsCancellationRequested)
            {
                if (attack.Find("again") is { } again) await tls.WriteAsync(Encoded(again, attack, ref next), limit.Token);
                else await Task.Delay(s_attack, limit.Token);
            }

            await reading;
        }
        catch (Exception e) when (e is IOException or OperationCanceledException)
        {
            // It was ended, or has had its time.
        }
    }

    private static readonly FrozenDictionary<string, Func<AttackCase, int, byte[]>> s_frames = new Dictionary<string, Func<AttackCase, int, byte[]>>
    {
        ["get"] = (attack, stream) => Http2Bytes.Get(stream, attack.Host, "/a"),
        ["hang"] = (attack, stream) => Http2Bytes.Get(stream, attack.Host, "/hang"),
        ["big"] = (attack, stream) => Http2Bytes.Get(stream, attack.Host, "/big"),
        ["post"] = (attack, stream) => Http2Bytes.Frame(Http2Bytes.HeadersFrame, Http2Bytes.EndHeaders, stream, Http2Bytes.Block($":method POST|:scheme https|:authority {attack.Host}|:path /hang")),
        ["reset"] = (_, stream) => Http2Bytes.Frame(Http2Bytes.RstStream, 0, stream, [0, 0, 0, 8]),
        // What makes the server reset the stream: a window that overflows, and a frame of a wrong size.
        ["overflow"] = (_, stream) => Http2Bytes.Frame(Http2Bytes.WindowUpdate, 0, stream, [0x7f, 0xff, 0xff, 0xff]),
        ["zero-update"] = (_, stream) => Http2Bytes.Frame(Http2Bytes.WindowUpdate, 0, stream, [0, 0, 0, 0]),
        ["byte"] = (_, stream) => Http2Bytes.Frame(Http2Bytes.Data, 0, stream, "x"u8),
        ["empty"] = (_, stream) => Http2Bytes.Frame(Http2Bytes.Data, 0, stream, []),
        ["block"] = (_, stream) => Http2Bytes.Frame(Http2Bytes.Data, 0, stream, new byte[16 * 1024]),
        ["ping"] = (_, _) => Http2Bytes.Frame(Http2Bytes.Ping, 0, 0, new byte[8]),
        ["settings"] = (_, _) => Http2Bytes.Frame(Http2Bytes.Settings, 0, 0, []),
        ["no-window"] = (_, _) => Http2Bytes.Frame(Http2Bytes.Settings, 0, 0, [0, 4, 0, 0, 0, 0]),
        ["priority"] = (_, stream) => Http2Bytes.Frame(2, 0, stream, [0, 0, 0, 0, 1]),
        ["unfinished"] = (attack, stream) => Http2Bytes.Frame(Http2Bytes.HeadersFrame, 0, stream, Http2Bytes.Block($":method GET|:scheme https|:authority {attack.Host}|:path /hang")),
        ["continuation"] = (_, stream) => Http2Bytes.Frame(Http2Bytes.Continuation, 0, stream, Http2Bytes.Block("x " + new string('a', 1000))),
        ["no-continuation"] = (_, stream) => Http2Bytes.Frame(Http2Bytes.Continuation, 0, stream, []),
        // One entry of 4,000 bytes in the table (RFC 7541 §6.2.1), and references to it of one byte each.
        ["bomb"] = (attack, stream) => Http2Bytes.Frame(Http2Bytes.HeadersFrame, Http2Bytes.EndHeaders | Http2Bytes.EndStream, stream,
            [.. Http2Bytes.Block($":method GET|:scheme https|:authority {attack.Host}|:path /hang"), 0x40, 1, (byte)'x', 0x7f, 0xa1, 0x1e, .. new byte[4000].Select(_ => (byte)'a'), .. Enumerable.Repeat((byte)0xbe, 62)]),
        ["large-bomb"] = (attack, stream) => Http2Bytes.Frame(Http2Bytes.HeadersFrame, Http2Bytes.EndHeaders | Http2Bytes.EndStream, stream,
            [.. Http2Bytes.Block($":method GET|:scheme https|:authority {attack.Host}|:path /hang"), 0x40, 1, (byte)'x', 0x7f, 0xa1, 0x1e, .. new byte[4000].Select(_ => (byte)'a'), .. Enumerable.Repeat((byte)0xbe, 12_000)]),
        ["crumbs"] = (attack, stream) => Http2Bytes.Frame(Http2Bytes.HeadersFrame, Http2Bytes.EndHeaders | Http2Bytes.EndStream, stream,
            [.. Http2Bytes.Block($":method GET|:scheme https|:authority {attack.Host}|:path /hang"), .. Enumerable.Range(0, 1500).SelectMany(_ => Http2Bytes.Block("cookie a"))]),
    }.ToFrozenDictionary();

    // Names of frames; "next" goes to the next stream, and "N*NAME" is the same frame N times on this one.
    private static byte[] Encoded(string script, AttackCase attack, ref int stream)
    {
        var bytes = new List<byte>();
        foreach (var word in script.Split(' ', StringSplitOptions.RemoveEmptyEntries))
        {
            var (times, name) = word.Split('*') is [var count, var repeated] ? (int.Parse(count, CultureInfo.InvariantCulture), repeated) : (1, word);
            if (name == "next") stream += 2;
            else for (var i = 0; i < times; i++) bytes.AddRange(s_frames[name](attack, stream));
        }

        return [.. bytes];
    }

    // A connection on which something is sent every second, and which must be ended within the time that the case says.
    private static async Task<string?> SlowFaultAsync(Arena arena, AttackCase attack)
    {
        await using Stream connection = attack["slow"] switch
        {
            "outer" => await Plain.ConnectAsync(arena.Gateway.Address),
            "upgraded" => (await RawTunnel.OpenAsync(await Plain.ConnectAsync(arena.Gateway.Address))).Connection,
            "tunnel" => await OpenTunnelAsync(arena, attack),
            "h2" => (await Attacker.OpenAsync(arena.Relay, $"{attack.Host}:443", attack.Host, SslApplicationProtocol.Http2))!,
            _ => (await Attacker.OpenAsync(arena.Relay, $"{attack.Host}:443", attack.Host))!,
        };
        var seconds = int.Parse(attack["within"], CultureInfo.InvariantCulture);
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(seconds));
        var drip = attack.Find("drip") is { } drops ? Encoding.Latin1.GetBytes(drops) : null;
        var reading = connection.CopyToAsync(Stream.Null, limit.Token);
        try
        {
            if (attack.Find("first") is not null) await connection.WriteAsync(attack["slow"] == "h2" ? [.. Http2Bytes.Preface, .. s_frames["unfinished"](attack, 1)] : attack.Bytes("first"), limit.Token);
            using var timer = new PeriodicTimer(TimeSpan.FromSeconds(1));
            while (!reading.IsCompleted && await timer.WaitForNextTickAsync(limit.Token))
            {
                if (drip is not null) await connection.WriteAsync(attack["slow"] == "h2" ? s_frames["no-continuation"](attack, 1) : drip, limit.Token);
            }

            await reading;
            return null;
        }
        catch (IOException)
        {
            return null;
        }
        catch (OperationCanceledException)
        {
            return $"the connection was still open after {seconds} s";
        }
    }

    private static async Task<Stream> OpenTunnelAsync(Arena arena, AttackCase attack)
    {
        var stream = await TunnelSocket.OpenAsync(arena.Relay, Limits.Token());
        await stream.WriteAsync(TunnelSocket.Connect($"{attack.Host}:443"), Limits.Token());
        Assert.StartsWith("HTTP/1.1 200", await TunnelSocket.ReadHeadAsync(stream, Limits.Token()), StringComparison.Ordinal);
        return stream;
    }
}
