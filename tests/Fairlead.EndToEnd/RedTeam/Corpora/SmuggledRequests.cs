using Fairlead.EndToEnd.RedTeam.Stage;

namespace Fairlead.EndToEnd.RedTeam.Corpora;

/// <summary>Bytes inside the TLS that two readers would cut into requests differently, over HTTP/1.1.</summary>
internal sealed class SmuggledRequests : Corpus
{
    public override string Name => "requests-h1";

    public override async Task<IReadOnlyList<Verdict>> RunAsync(IReadOnlyList<AttackCase> cases)
    {
        await using var arena = await Arena.StartAsync(cases.Count, ["allow GET,HEAD,POST,PUT,OPTIONS **.red.test/allowed/**"]);
        await Attacker.ForEachAsync(cases, async attack =>
        {
            await using var tls = await Attacker.OpenAsync(arena.Relay, $"{attack.Host}:443", attack.Host);
            Assert.NotNull(tls);
            byte[][] parts = attack.Find("later") is null ? [attack.Bytes("send")] : [attack.Bytes("send"), attack.Bytes("later")];
            await Attacker.SendAsync(tls, parts);
        });
        var records = await arena.EndAsync();
        return [.. cases.Select(attack => new Verdict(attack.Name, Arrivals.FaultOf(attack, arena.Origin.To(attack.Host), records)))];
    }
}
