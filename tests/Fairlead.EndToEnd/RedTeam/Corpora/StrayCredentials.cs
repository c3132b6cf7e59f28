using System.Text;
using Fairlead.EndToEnd.Harness;
using Fairlead.EndToEnd.RedTeam.Stage;

namespace Fairlead.EndToEnd.RedTeam.Corpora;

/// <summary>
/// Ways to make a credential leave for another place than its host, or to take it off there. A secret may be in what vault.red.test received, as the one value of its
/// header; at no other origin, in no answer, in no output of either program, and not in the audit.
/// </summary>
internal sealed class StrayCredentials : Corpus
{
    private const string Vault = "vault.red.test";

    public override string Name => "credentials";

    public override async Task<IReadOnlyList<Verdict>> RunAsync(IReadOnlyList<AttackCase> cases)
    {
        await using var arena = await Arena.StartAsync(cases.Count, ["allow * **.red.test", "deny * vault.red.test/denied"], Vault, "a.other.red.test", "x.a.other.red.test", "other.red.test");
        arena.Origin.Answer = (_, request, _) => request.Target switch
        {
            "/redirect" => ("HTTP/1.1 302 Found\r\nLocation: https://c1.red.test/stolen\r\nContent-Length: 0\r\n\r\n", false),
            "/break" => ("HTTP/1.1 2", true),
            "/401" => ("HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"x\"\r\nContent-Length: 0\r\n\r\n", false),
            _ => ("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nserved", false),
        };
        var answers = new System.Collections.Concurrent.ConcurrentDictionary<string, string>();
        var other = await arena.StartRelayAsync("other");
        await Attacker.ForEachAsync(cases, async attack =>
        {
            var relay = attack.Find("session") == "other" ? other : arena.Relay;
            await using var tls = await Attacker.OpenAsync(relay, Filled(attack, "connect", "vault.red.test:443"), Filled(attack, "sni", Vault));
            answers[attack.Name] = tls is null ? "" : await Attacker.SendAsync(tls, Encoding.Latin1.GetBytes(Filled(attack, "send", "").Replace("{CASE}", $"X-Case: {attack.Number}\r\n", StringComparison.Ordinal)));
        });
        var status = await StatusAsync(arena.Relay);
        await arena.EndAsync();
        var outputs = arena.Gateway.Program.Stdout.Text + arena.Gateway.Program.Stderr.Text + arena.Relay.Program.Stdout.Text + arena.Relay.Program.Stderr.Text + status + await File.ReadAllTextAsync(arena.Audit.File);
        var leak = TestSecrets.All.FirstOrDefault(outputs.Contains);
        return [.. cases.Select(attack => new Verdict(attack.Name, FaultOf(attack, arena.Origin, answers[attack.Name])
            ?? (leak is not null && attack.Number == 1 ? "a secret is in an output, the status or the audit" : null)))];
    }

    private static string? FaultOf(AttackCase attack, CanaryOrigin origin, string answer)
    {
        if (TestSecrets.All.Any(answer.Contains)) return "a secret is in the answer";
        foreach (var connection in origin.Connections)
        {
            foreach (var request in connection.Requests.Where(r => r.Header("x-case") == attack.Number.ToString(System.Globalization.CultureInfo.InvariantCulture)))
            {
                var secrets = request.Headers.Where(h => h.Value.Contains(TestSecrets.Datadog, StringComparison.Ordinal)).ToList();
                var others = request.Headers.Where(h => h.Value.Contains(TestSecrets.OtherDatadog, StringComparison.Ordinal)).ToList();
                if (connection.ServerName != Vault && secrets.Count > 0) return $"{connection.ServerName} got the secret of {Vault}";
                if (connection.ServerName != "a.other.red.test" && others.Count > 0) return $"{connection.ServerName} got the secret of *.other.red.test";
                if (request.Body.Contains("FAKE-", StringComparison.Ordinal) || request.Target.Contains("FAKE-", StringComparison.Ordinal)) return "a secret is in a target or a body";
                if (connection.ServerName == Vault && attack.Find("session") is null)
                {
                    // One value each, and nothing of the workload's own that a server could take for it.
                    var named = request.Headers.Where(h => h.Key.Replace('_', '-') is "x-vault-key" or "authorization").Select(h => $"{h.Key}={h.Value}").Order(StringComparer.Ordinal).ToList();
                    if (!named.SequenceEqual([$"authorization=Token {TestSecrets.Datadog}", $"x-vault-key={TestSecrets.Datadog}"])) return $"{Vault} got {named.Count} headers of the credential's names";
                }

                if (connection.ServerName == Vault && attack.Find("session") is not null && secrets.Count > 0) return "a session without the credential had it added";
            }
        }

        var arrived = origin.Connections.SelectMany(c => c.Requests).Any(r => r.Header("x-case") == attack.Number.ToString(System.Globalization.CultureInfo.InvariantCulture));
        return attack["expect"] == "served" && !arrived ? "it was not served" : attack["expect"] == "refused" && arrived ? "it was served" : null;
    }

    private static async Task<string> StatusAsync(RelayProcess relay)
    {
        await using var stream = await TunnelSocket.OpenAsync(relay, Limits.Token());
        return await Attacker.SendAsync(stream, Encoding.ASCII.GetBytes($"GET /fairlead/status HTTP/1.1\r\nHost: 127.0.0.1:{relay.Proxy.Port}\r\n\r\n"));
    }

    private static string Filled(AttackCase attack, string field, string otherwise) =>
        (attack.Find(field) ?? otherwise).Replace("{HOST}", attack.Host, StringComparison.Ordinal);
}
