using System.IO.Compression;
using System.Text;
using Fairlead.EndToEnd.RedTeam.Stage;

namespace Fairlead.EndToEnd.RedTeam.Corpora;

/// <summary>
/// Bodies that hide what they ask for from a rule with `when`. Every attack asks some server for something that has the word "mutation" or "destroy" in it; no
/// request that an origin decodes to one of them, in whatever way, may arrive. What is to pass has neither.
/// </summary>
internal sealed class EvasiveBodies : Corpus
{
    private static readonly string[] s_words = ["mutation", "destroy"];

    public override string Name => "bodies";

    public override async Task<IReadOnlyList<Verdict>> RunAsync(IReadOnlyList<AttackCase> cases)
    {
        string[] rules =
        [
            "{ rule: \"allow POST,GET *.red.test/graphql\", when: { graphql: query } }",
            "{ rule: \"allow POST,GET *.red.test/rpc\", when: { json_rpc: [initialize, tools/list] } }",
        ];
        await using var arena = await Arena.StartAsync(cases.Count, rules);
        await Attacker.ForEachAsync(cases, async attack =>
        {
            await using var tls = await Attacker.OpenAsync(arena.Relay, $"{attack.Host}:443", attack.Host);
            Assert.NotNull(tls);
            var body = Encoded(attack);
            var method = attack.Find("method") ?? "POST";
            var head = $"{method} {attack.Find("path") ?? "/graphql"} HTTP/1.1\r\nHost: {attack.Host}\r\n{attack.Find("headers") ?? "Content-Type: application/json"}\r\n"
                + (body.Length > 0 ? $"Content-Length: {body.Length}\r\n\r\n" : "\r\n");
            await Attacker.SendAsync(tls, [.. Encoding.Latin1.GetBytes(head), .. body]);
        });
        await arena.EndAsync();
        return [.. cases.Select(attack => new Verdict(attack.Name, FaultOf(attack, arena.Origin)))];
    }

    private static string? FaultOf(AttackCase attack, CanaryOrigin origin)
    {
        var arrived = origin.To(attack.Host).SelectMany(c => c.Requests).ToList();
        if (attack.Find("expect") == "served") return arrived.Count == 1 ? null : "it was not served";
        foreach (var request in arrived)
        {
            if (LenientBodies.TextsOf(request).FirstOrDefault(t => s_words.Any(w => t.Contains(w, StringComparison.OrdinalIgnoreCase))) is { } text)
                return $"a server may read it as {StrictHttp.Shown(text)}";
        }

        return arrived.Count > 0 ? "it was served, and no reading of it explains why it is an attack" : null;
    }

    private static byte[] Encoded(AttackCase attack)
    {
        var body = attack.Find("body") ?? "";
        byte[] Pack(Func<Stream, Stream> packer)
        {
            using var packed = new MemoryStream();
            using (var stream = packer(packed)) stream.Write(Encoding.Latin1.GetBytes(body));
            return packed.ToArray();
        }

        return attack.Find("as") switch
        {
            null => Encoding.Latin1.GetBytes(body),
            "gzip" => Pack(s => new GZipStream(s, CompressionLevel.Fastest)),
            "deflate" => Pack(s => new ZLibStream(s, CompressionLevel.Fastest)),
            "br" => Pack(s => new BrotliStream(s, CompressionLevel.Fastest)),
            "utf-16le" => Encoding.Unicode.GetBytes(body),
            "utf-16be" => Encoding.BigEndianUnicode.GetBytes(body),
            "utf-16 with mark" => [0xff, 0xfe, .. Encoding.Unicode.GetBytes(body)],
            "utf-32" => Encoding.UTF32.GetBytes(body),
            "utf-7" => Encoding.Latin1.GetBytes(body.Replace("{", "+AHs-", StringComparison.Ordinal)),
            var other => throw new InvalidDataException($"case '{attack.Name}': no encoding '{other}'"),
        };
    }
}
