using System.Buffers;
using System.Collections.Frozen;
using System.Globalization;
using System.Net;
using System.Net.Security;
using System.Text;
using Fairlead.EndToEnd.Harness;
using Fairlead.EndToEnd.RedTeam.Stage;
using Fairlead.Wire;

namespace Fairlead.EndToEnd.RedTeam.Corpora;

/// <summary>
/// Destinations that must never be dialled, in every spelling, where policy allows everything. Each is asked for through the relay, as raw bytes in the first chunk of
/// a tunnel, and in the structured form; and where a tunnel is opened, a request follows, since names are resolved only then.
/// </summary>
internal sealed class ForbiddenTargets : Corpus
{
    public override string Name => "targets";

    public override async Task<IReadOnlyList<Verdict>> RunAsync(IReadOnlyList<AttackCase> cases)
    {
        var ports = cases.Select(c => c.Find("port") is { } port ? int.Parse(port, CultureInfo.InvariantCulture) : 443).Append(Island.GatewayPort).Append(Island.RelayPort);
        var names = cases.Where(c => c.Find("dns") is not null).ToDictionary(c => HostOf(c["target"]).ToLowerInvariant().TrimEnd('.'), c => c["dns"]);
        await using var island = await Island.StartAsync(ports, names);
        // What is not seen when it happens would prove nothing when it does not.
        Assert.True(await island.ReachesAsync(IPEndPoint.Parse("127.0.0.1:443")));
        Assert.True(await island.ReachesAsync(IPEndPoint.Parse("169.254.169.254:443")));
        Assert.True(await island.ReachesAsync(IPEndPoint.Parse("[2002:7f00:1::]:443")));
        var verdicts = new List<Verdict>();
        foreach (var attack in cases)
        {
            foreach (var (way, ask) in s_ways)
            {
                var before = island.Dials.Count;
                // A name of which DNS says other things later is asked for until it does.
                for (var i = 0; i < (attack.Find("dns")?.Contains(" then ", StringComparison.Ordinal) == true ? 3 : 1); i++) await ask(island, attack);
                var dialled = island.Dials.Skip(before).Distinct().ToList();
                string[] expected = attack.Find("dials") is { } address && (attack.Find("ways") ?? way).Contains(way, StringComparison.Ordinal) ? [address] : [];
                var stray = dialled.Except(expected).ToList();
                verdicts.Add(new Verdict($"{attack.Name} ({way})", stray.Count > 0 ? $"{stray[0]} was dialled" : dialled.Count < expected.Length ? $"{expected[0]} was not dialled" : null));
            }
        }

        Assert.False(island.Gateway.Program.HasExited, "the gateway ended");
        Assert.False(island.Relay.HasExited, "the relay ended");
        return verdicts;
    }

    private static readonly FrozenDictionary<string, Func<Island, AttackCase, Task>> s_ways = new Dictionary<string, Func<Island, AttackCase, Task>>
    {
        ["relay"] = ThroughRelayAsync,
        ["chunk"] = (island, attack) => InTunnelAsync(island, attack, isStructured: false),
        ["fields"] = (island, attack) => InTunnelAsync(island, attack, isStructured: true),
    }.ToFrozenDictionary();

    private static async Task ThroughRelayAsync(Island island, AttackCase attack)
    {
        await using var stream = await island.ConnectAsync(Island.RelayPort);
        await stream.WriteAsync(Encoding.Latin1.GetBytes($"CONNECT {attack["target"]} HTTP/1.1\r\nHost: x\r\n\r\n"), Limits.Token());
        await AskInsideAsync(stream, attack);
    }

    private static async Task InTunnelAsync(Island island, AttackCase attack, bool isStructured)
    {
        await using var tunnel = await RawTunnel.OpenAsync(await island.ConnectAsync(Island.GatewayPort));
        if (isStructured)
        {
            await tunnel.SendFrameAsync(RawTunnel.Structured(HostOf(attack["target"]).Trim('[', ']'), PortOf(attack["target"])));
        }
        else
        {
            await tunnel.SendFrameAsync(RawTunnel.Data(RawTunnel.Head(attack["target"])));
        }

        await using var stream = tunnel.AsStream();
        await AskInsideAsync(stream, attack);
    }

    // The name that is most likely to be believed: the destination as it is spelt when it is one.
    private static async Task AskInsideAsync(Stream stream, AttackCase attack)
    {
        if (!(await TunnelSocket.ReadHeadAsync(stream, Limits.Token())).StartsWith("HTTP/1.1 200", StringComparison.Ordinal)) return;
        var host = HostPort.TryParse(attack["target"], out var destination, out _) ? destination.ToString() : attack["target"];
        try
        {
            await using var tls = new SslStream(stream, leaveInnerStreamOpen: true, (_, certificate, _, _) => certificate is not null);
            await tls.AuthenticateAsClientAsync(new SslClientAuthenticationOptions { TargetHost = "" }, Limits.Token());
            await tls.WriteAsync(Encoding.Latin1.GetBytes($"GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"), Limits.Token());
            await TunnelSocket.ReadToEndAsync(tls, Limits.Token());
        }
        catch (Exception e) when (e is IOException or System.Security.Authentication.AuthenticationException)
        {
            // Refused.
        }
    }

    private static string HostOf(string target) => target.LastIndexOf(':') is >= 0 and var colon && target.IndexOf(']', colon) < 0 ? target[..colon] : target;

    private static long PortOf(string target) => long.TryParse(target[(target.LastIndexOf(':') + 1)..], NumberStyles.Integer, CultureInfo.InvariantCulture, out var port) ? port : 443;
}
