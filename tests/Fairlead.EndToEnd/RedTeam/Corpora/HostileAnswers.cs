using System.Text;
using Fairlead.EndToEnd.Harness;
using Fairlead.EndToEnd.RedTeam.Stage;

namespace Fairlead.EndToEnd.RedTeam.Corpora;

/// <summary>
/// An upstream that answers the first request for a host with bytes of its choice, and every later one honestly. Three requests ask: two on one tunnel, and one of
/// another session. The honest answer must be what the later ones get, and what the first gets must be one well-formed answer without what the case says
/// is never to be seen.
/// </summary>
internal sealed class HostileAnswers : Corpus
{
    private const string Honest = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\nX-Honest: yes\r\n\r\nhonest";

    public override string Name => "answers";

    public override async Task<IReadOnlyList<Verdict>> RunAsync(IReadOnlyList<AttackCase> cases)
    {
        await using var arena = await Arena.StartAsync(cases.Count, ["allow GET,HEAD **.red.test"]);
        var byHost = cases.ToDictionary(c => c.Host);
        arena.Origin.Answer = (host, _, number) => number == 1
            ? (byHost[host].Filled("answer"), byHost[host].Find("then") == "close")
            : (Honest, false);
        var other = await arena.StartRelayAsync("other");
        var faults = new System.Collections.Concurrent.ConcurrentDictionary<string, string?>();
        await Attacker.ForEachAsync(cases, async attack => faults[attack.Name] = await TryAsync(arena, other, attack));
        await arena.EndAsync();
        return [.. cases.Select(attack => new Verdict(attack.Name, faults[attack.Name] ?? DialsOf(attack, arena.Origin)))];
    }

    private static async Task<string?> TryAsync(Arena arena, RelayProcess other, AttackCase attack)
    {
        var request = Encoding.ASCII.GetBytes($"{attack.Find("method") ?? "GET"} / HTTP/1.1\r\nHost: {attack.Host}\r\n\r\n");
        var second = Encoding.ASCII.GetBytes($"GET /second HTTP/1.1\r\nHost: {attack.Host}\r\n\r\n");
        await using var tls = (await Attacker.OpenAsync(arena.Relay, $"{attack.Host}:443", attack.Host))!;
        var first = await Attacker.SendAsync(tls, request);
        var fault = FirstFault(attack, first);
        if (fault is not null) return fault;

        // The tunnel may have been cut with a broken answer; a new one then asks.
        var again = await Attacker.SendAsync(tls, second);
        if (again.Length == 0)
        {
            await using var anew = (await Attacker.OpenAsync(arena.Relay, $"{attack.Host}:443", attack.Host))!;
            again = await Attacker.SendAsync(anew, second);
        }

        if (!IsHonest(again)) return $"the next request got '{StrictHttp.Shown(again)}'";
        await using var foreign = (await Attacker.OpenAsync(other, $"{attack.Host}:443", attack.Host))!;
        var theirs = await Attacker.SendAsync(foreign, second);
        return IsHonest(theirs) ? null : $"another session got '{StrictHttp.Shown(theirs)}'";
    }

    private static bool IsHonest(string answer) =>
        answer.StartsWith("HTTP/1.1 200 OK\r\n", StringComparison.Ordinal) && answer.EndsWith("\r\n\r\nhonest", StringComparison.Ordinal) && answer.Contains("X-Honest: yes", StringComparison.Ordinal)
        && answer.Split("HTTP/1.1").Length == 2;

    private static string? FirstFault(AttackCase attack, string answer)
    {
        if (attack.Find("shows") is { } shown && !answer.Contains(shown, StringComparison.Ordinal)) return $"expected '{shown}', got '{StrictHttp.Shown(answer)}'";
        foreach (var never in (attack.Find("never") ?? "").Split(" or ", StringSplitOptions.RemoveEmptyEntries).Append("HTTP/1.1 200 EVIL"))
        {
            if (answer.Contains(never, StringComparison.OrdinalIgnoreCase)) return $"'{never}' was passed on in '{StrictHttp.Shown(answer)}'";
        }

        // One answer, and before it no more than 1xx that the protocol allows.
        var heads = System.Text.RegularExpressions.Regex.Count(answer, "HTTP/1\\.1 [2-5][0-9][0-9]");
        if (heads > 1) return $"{heads} answers were passed on";
        return answer.Contains("\r\n\r\n", StringComparison.Ordinal) || answer.Length == 0 ? null : $"half a head was passed on: '{StrictHttp.Shown(answer)}'";
    }

    // The gateway follows no redirect and repeats no answer: what went out is what was asked.
    private static string? DialsOf(AttackCase attack, CanaryOrigin origin)
    {
        var targets = origin.To(attack.Host).SelectMany(c => c.Requests).Select(r => r.Target).ToList();
        // A GET whose connection ends before its answer may be sent again (RFC 9110 9.2.2).
        return targets.Any(t => t is not ("/" or "/second")) ? $"the origin was asked for {string.Join(' ', targets)}" : null;
    }
}
