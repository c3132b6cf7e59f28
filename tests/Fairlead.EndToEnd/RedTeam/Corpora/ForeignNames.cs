using System.Globalization;
using System.Net.Security;
using System.Text;
using Fairlead.EndToEnd.RedTeam.Stage;

namespace Fairlead.EndToEnd.RedTeam.Corpora;

/// <summary>CONNECT, the name in TLS and the Host of a request that do not agree, over both protocols. {HOST} is where the tunnel goes, {OTHER} a host that must see nothing.</summary>
internal sealed class ForeignNames : Corpus
{
    public override string Name => "names";

    public override async Task<IReadOnlyList<Verdict>> RunAsync(IReadOnlyList<AttackCase> cases)
    {
        string[] others = [.. cases.Select(OtherOf)];
        await using var arena = await Arena.StartAsync(cases.Count, ["allow * **.red.test"], others);
        await Attacker.ForEachAsync(cases.SelectMany(c => new[] { (Case: c, IsHttp2: false), (Case: c, IsHttp2: true) }), async attempt =>
        {
            var attack = attempt.Case;
            var protocol = attempt.IsHttp2 ? SslApplicationProtocol.Http2 : SslApplicationProtocol.Http11;
            await using var tls = await Attacker.OpenAsync(arena.Relay, Fill(attack, attack.Find("connect") ?? "{HOST}:443"), Fill(attack, attack.Find("sni") ?? "{HOST}"), protocol);
            if (tls is null) return;
            await Attacker.SendAsync(tls, attempt.IsHttp2 ? OverHttp2(attack) : OverHttp1(attack));
        });
        await arena.EndAsync();
        return [.. cases.Select(attack => new Verdict(attack.Name, FaultOf(attack, arena.Origin)))];
    }

    private static string? FaultOf(AttackCase attack, CanaryOrigin origin)
    {
        if (origin.To(OtherOf(attack)).Count > 0) return "the other host was reached";
        var requests = origin.To(attack.Host).SelectMany(c => c.Requests).ToList();
        if (requests.Any(r => r.Header("host") != attack.Host)) return $"the origin got a request for '{requests.First(r => r.Header("host") != attack.Host).Header("host")}'";
        var expected = attack["expect"] switch { "served" => 2, "first" => 2, _ => 0 };
        return requests.Count != expected ? $"{requests.Count} requests were served, {expected} over both protocols were expected" : null;
    }

    private static string OtherOf(AttackCase attack) => string.Create(CultureInfo.InvariantCulture, $"o{attack.Number}.red.test");

    private static string Fill(AttackCase attack, string text) =>
        text.Replace("{HOST}", attack.Host, StringComparison.Ordinal).Replace("{HOST^}", attack.Host.ToUpperInvariant(), StringComparison.Ordinal).Replace("{OTHER}", OtherOf(attack), StringComparison.Ordinal);

    // A second request, where the case has one, is for another host on the same connection.
    private static byte[] OverHttp1(AttackCase attack) => Encoding.Latin1.GetBytes(string.Concat(HostsOf(attack).Select(host => $"GET /x HTTP/1.1\r\nHost: {host}\r\n\r\n")));

    private static byte[] OverHttp2(AttackCase attack) => [.. Http2Bytes.Preface, .. HostsOf(attack).SelectMany((host, i) => Http2Bytes.Get((2 * i) + 1, host, "/x"))];

    private static string[] HostsOf(AttackCase attack) => Fill(attack, attack.Find("host") ?? "{HOST}").Split(" then ");
}
