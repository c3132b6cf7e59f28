using System.Collections.Concurrent;
using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using Fairlead.EndToEnd.Harness;
using Fairlead.EndToEnd.RedTeam.Stage;

namespace Fairlead.EndToEnd.RedTeam.Corpora;

/// <summary>
/// Ways to get a secret back from the host that it was sent to, or to have it led on from there. It may be at that host, and in nothing that a workload was given, at no
/// other origin, in no output of either program, and not in the audit.
/// </summary>
internal sealed partial class EchoedSecrets : Corpus
{
    private const string Vault = "vault.red.test";
    private const string Swap = "swap.red.test";

    public override string Name => "exfiltration";

    public override async Task<IReadOnlyList<Verdict>> RunAsync(IReadOnlyList<AttackCase> cases)
    {
        await using var arena = await Arena.StartAsync(cases.Count, ["allow * **.red.test"], Vault, Swap);
        var remembered = "";
        arena.Origin.Answer = (_, request, _) =>
        {
            // Where a client was led to there is nothing more to tell.
            if (cases.FirstOrDefault(c => request.Header("x-case") == Id(c)) is not { } attack) return ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nthere", false);
            var key = request.Header("x-vault-key") ?? "";
            if (key == TestSecrets.Datadog) remembered = key;
            return (EchoedKey.Fill(attack.Filled("answer"), attack.Find("memory") is null ? key : remembered, attack.Find("coding")), attack.Find("then") == "close");
        };
        var answers = new ConcurrentDictionary<string, string>();
        var other = await arena.StartRelayAsync("other");
        await Attacker.ForEachAsync(cases, async attack => answers[attack.Name] = await TryAsync(attack.Find("session") == "other" ? other : arena.Relay, attack));
        await arena.EndAsync();
        var outputs = arena.Gateway.Program.Stdout.Text + arena.Gateway.Program.Stderr.Text + arena.Relay.Program.Stdout.Text + arena.Relay.Program.Stderr.Text + await File.ReadAllTextAsync(arena.Audit.File);
        var isLeaked = Secrets.Any(secret => EchoedKey.IsReadable(outputs, secret));
        return [.. cases.Select(attack => new Verdict(attack.Name, FaultOf(attack, arena.Origin, answers[attack.Name]) ?? (isLeaked && attack.Number == 1 ? "a secret is in an output or the audit" : null)))];
    }

    private static readonly string[] Secrets = [TestSecrets.Datadog, TestSecrets.OtherDatadog];

    private static async Task<string> TryAsync(RelayProcess relay, AttackCase attack)
    {
        var answer = await AskAsync(relay, Filled(attack, "connect", Vault + ":443"), Filled(attack, "sni", Vault), Filled(attack, "send", $"GET /x HTTP/1.1\r\nHost: {Vault}\r\n{{CASE}}\r\n").Replace("{CASE}", $"X-Case: {Id(attack)}\r\n", StringComparison.Ordinal), isSlow: attack.Find("slow") is not null);
        if (attack.Find("follow") is null) return answer;
        var location = Location().Match(answer);
        var (host, target) = (location.Groups[1].Value, location.Groups[2].Value);
        return answer + await AskAsync(relay, host + ":443", host, $"GET {target} HTTP/1.1\r\nHost: {host}\r\n\r\n", isSlow: false);
    }

    private static async Task<string> AskAsync(RelayProcess relay, string target, string name, string request, bool isSlow)
    {
        await using var tls = await Attacker.OpenAsync(relay, target, name);
        if (tls is null) return "";
        var answer = await Attacker.SendAsync(tls, Encoding.Latin1.GetBytes(request));
        return isSlow ? answer + await Attacker.ListenAsync(tls, silence: 10 * CanaryOrigin.LengthOfPause) : answer;
    }

    private static string? FaultOf(AttackCase attack, CanaryOrigin origin, string answer)
    {
        if (Secrets.Any(secret => EchoedKey.IsReadable(answer, secret))) return "a secret can be read out of the answer";
        var has = origin.Connections.SelectMany(c => c.Requests).Any(r => r.Header("x-case") == Id(attack));
        if (has == (attack.Find("expect") == "refused")) return has ? "it was served" : "it was not served";
        if (attack.Find("shows") is { } shown && !answer.Contains(shown, StringComparison.Ordinal)) return $"the workload got '{StrictHttp.Shown(answer)}'";
        if (attack.Find("follow") is not null && !answer.EndsWith("there", StringComparison.Ordinal)) return "the client did not get where it was led";
        foreach (var connection in origin.Connections)
        {
            foreach (var request in connection.Requests)
            {
                var all = $"{request.Target} {string.Join(' ', request.Headers.Select(h => h.Value))} {request.Body}";
                if (connection.ServerName != Vault && EchoedKey.IsReadable(all, TestSecrets.Datadog)) return $"{connection.ServerName} got the secret of {Vault}";
                if (connection.ServerName != Swap && EchoedKey.IsReadable(all, TestSecrets.OtherDatadog)) return $"{connection.ServerName} got the secret of {Swap}";
            }

            // Of two sessions only one has the credential; a connection that carried both would have mixed them.
            var keys = connection.Requests.Where(r => connection.ServerName == Vault).Select(r => r.Header("x-vault-key") is null).Distinct().Count();
            if (keys > 1) return $"sessions share a connection to {Vault}";
        }

        return null;
    }

    private static string Id(AttackCase attack) => attack.Number.ToString(CultureInfo.InvariantCulture);

    private static string Filled(AttackCase attack, string field, string otherwise) => (attack.Find(field) ?? otherwise).Replace("{HOST}", attack.Host, StringComparison.Ordinal);

    [GeneratedRegex("\nLocation: https://([^/]+)(/[^\r]*)")]
    private static partial Regex Location();
}
