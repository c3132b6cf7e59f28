using System.Globalization;
using System.Net.Security;
using System.Text;
using Fairlead.EndToEnd.RedTeam.Stage;

namespace Fairlead.EndToEnd.RedTeam.Corpora;

/// <summary>Requests over HTTP/2 that become others in HTTP/1.1, which is what the origin speaks.</summary>
internal sealed class SmuggledStreams : Corpus
{
    private const string Usual = ":method GET|:scheme https|:authority {HOST}|:path /allowed/a";

    public override string Name => "requests-h2";

    public override async Task<IReadOnlyList<Verdict>> RunAsync(IReadOnlyList<AttackCase> cases)
    {
        await using var arena = await Arena.StartAsync(cases.Count, ["allow GET,HEAD,POST,PUT,OPTIONS **.red.test/allowed/**"]);
        await Attacker.ForEachAsync(cases, async attack =>
        {
            await using var tls = await Attacker.OpenAsync(arena.Relay, $"{attack.Host}:443", attack.Host, SslApplicationProtocol.Http2);
            Assert.Equal(SslApplicationProtocol.Http2, tls?.NegotiatedApplicationProtocol);
            await Attacker.SendAsync(tls!, [.. Http2Bytes.Preface, .. Frames(attack)]);
        });
        var records = await arena.EndAsync();
        return [.. cases.Select(attack => new Verdict(attack.Name, Arrivals.FaultOf(attack, arena.Origin.To(attack.Host), records)))];
    }

    // "head" replaces the usual one, "more" stands behind it; "data" is the body, "trailers" follow it, "hex" is frames as they are.
    private static byte[] Frames(AttackCase attack)
    {
        var head = (attack.Find("head") ?? Usual) + (attack.Find("more") is { } more ? "|" + more : "");
        head = head.Replace("{HOST}", attack.Host, StringComparison.Ordinal);
        var data = attack.Find("data");
        var hasTrailers = attack.Find("trailers") is not null;
        var frames = new List<byte>();
        if (attack.Find("head") != "none")
            frames.AddRange(Http2Bytes.Frame(Http2Bytes.HeadersFrame, (byte)(Http2Bytes.EndHeaders | (data is null ? Http2Bytes.EndStream : 0)), 1, Http2Bytes.Block(head)));
        if (data is not null) frames.AddRange(Http2Bytes.Frame(Http2Bytes.Data, hasTrailers ? (byte)0 : Http2Bytes.EndStream, 1, Encoding.Latin1.GetBytes(data.Replace("{HOST}", attack.Host, StringComparison.Ordinal))));
        if (hasTrailers) frames.AddRange(Http2Bytes.Frame(Http2Bytes.HeadersFrame, Http2Bytes.EndHeaders | Http2Bytes.EndStream, 1, Http2Bytes.Block(attack["trailers"])));
        if (attack.Find("hex") is { } hex) frames.AddRange(Convert.FromHexString(hex.Replace(" ", "", StringComparison.Ordinal)));
        // What must be judged by itself, whatever came before it on the connection.
        if (attack.Find("then") is { } path) frames.AddRange(Http2Bytes.Get(3, attack.Host, path));
        return [.. frames];
    }
}
