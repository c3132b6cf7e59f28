using System.Text;
using System.Text.Json.Nodes;
using Fairlead.EndToEnd.Harness;
using Fairlead.EndToEnd.RedTeam.Stage;

namespace Fairlead.EndToEnd.RedTeam.Corpora;

/// <summary>Hostile values in every field that a record takes from a workload. Each line of the audit must be one record that validates, each request has one, and none says what the workload made up.</summary>
internal sealed class ForgedRecords : Corpus
{
    // What every case tries to have said of it.
    private const string Forged = "forged-session";

    public override string Name => "audit";

    public override async Task<IReadOnlyList<Verdict>> RunAsync(IReadOnlyList<AttackCase> cases)
    {
        await using var arena = await Arena.StartAsync(cases.Count, ["allow GET,POST **.red.test/allowed/**"]);
        await Attacker.ForEachAsync(cases, async attack =>
        {
            if (attack.Find("raw") is not null)
            {
                // To the gateway's own listener.
                await using var plain = await Plain.ConnectAsync(arena.Gateway.Address);
                await Attacker.SendAsync(plain, attack.Bytes("raw"));
                return;
            }

            await using var tls = await Attacker.OpenAsync(arena.Relay, attack.Find("connect") ?? $"{attack.Host}:443", attack.Find("sni") ?? attack.Host);
            if (tls is not null && attack.Find("send") is not null) await Attacker.SendAsync(tls, attack.Bytes("send"));
        });
        // Ends the gateway and checks every record against the schema.
        var records = await arena.EndAsync();
        var text = await File.ReadAllTextAsync(arena.Audit.File);
        var lines = text.Split('\n', StringSplitOptions.RemoveEmptyEntries).Length;
        var whole = lines != (await arena.Audit.ReadAllAsync(Limits.Token())).Count || text.Any(c => c is < ' ' and not '\n' or > '~') ? "the audit holds other bytes than lines of ASCII, or a line that is no record" : null;
        var forged = records.Any(r => AuditLog.Text(r, "session") is { } session && session is not ("demo" or "other")) ? $"a record says session '{Forged}'" : null;
        return [.. cases.Select(attack => new Verdict(attack.Name, whole ?? forged ?? CountFault(attack, records)))];
    }

    private static string? CountFault(AttackCase attack, IReadOnlyList<JsonNode> records)
    {
        if (attack.Find("requests") is not { } expected) return null;
        var requests = records.Count(r => AuditLog.Text(r, "type") == "request" && AuditLog.Text(r, "host") == attack.Host);
        return requests == int.Parse(expected, System.Globalization.CultureInfo.InvariantCulture) ? null : $"{requests} records for {expected} requests";
    }
}
