using System.Globalization;
using System.Text;
using Fairlead.EndToEnd.RedTeam.Stage;

namespace Fairlead.EndToEnd.RedTeam.Corpora;

/// <summary>
/// Targets that a server behind a rule may read as another path. Each is tried at a host where /public/** alone is allowed, and at one where all but /admin/** and /sealed is.
/// The origin reports every path that any of many lenient servers would have served.
/// </summary>
internal sealed class EvasivePaths : Corpus
{
    public override string Name => "paths";

    public override async Task<IReadOnlyList<Verdict>> RunAsync(IReadOnlyList<AttackCase> cases)
    {
        string[] rules = ["allow GET,POST *.red.test/public/**", "allow GET,POST *.deny.red.test", "deny * *.deny.red.test/admin/**", "deny * *.deny.red.test/sealed"];
        await using var arena = await Arena.StartAsync(cases.Count, rules, [.. cases.Select(DenyHostOf)]);
        await Attacker.ForEachAsync(cases.SelectMany(c => new[] { (Case: c, Host: c.Host), (Case: c, Host: DenyHostOf(c)) }), async attempt =>
        {
            await using var tls = await Attacker.OpenAsync(arena.Relay, $"{attempt.Host}:443", attempt.Host);
            Assert.NotNull(tls);
            var (attack, method) = (attempt.Case, attempt.Case.Find("method") ?? "GET");
            var headers = attack.Find("headers") is { } given ? given + "\r\n" : "";
            await Attacker.SendAsync(tls, Encoding.Latin1.GetBytes($"{method} {attack["path"]} HTTP/1.1\r\nHost: {attempt.Host}\r\n{headers}{(method == "POST" ? "Content-Length: 0\r\n" : "")}\r\n"));
        });
        await arena.EndAsync();
        return [.. cases.SelectMany(attack => new[]
        {
            new Verdict($"{attack.Name} (allow list)", FaultOf(attack, attack.Host, "allowed", arena.Origin, path => !IsBelow(path, "/public", StringComparison.Ordinal))),
            new Verdict($"{attack.Name} (deny list)", FaultOf(attack, DenyHostOf(attack), "passes", arena.Origin, path => IsBelow(path, "/admin", StringComparison.OrdinalIgnoreCase) || path.TrimEnd('/', '.', ' ').Equals("/sealed", StringComparison.OrdinalIgnoreCase))),
        })];
    }

    // "allowed" and "passes" say that a target must be served at the first and at the second host.
    private static string? FaultOf(AttackCase attack, string host, string control, CanaryOrigin origin, Func<string, bool> isForbidden)
    {
        var arrived = origin.To(host).SelectMany(c => c.Requests).ToList();
        if (attack.Find(control) == "yes") return arrived.Count == 1 && arrived[0].Target == attack["path"] ? null : "it was not served as it was sent";
        if (attack.Find("refused") == "yes") return arrived.Count == 0 ? null : $"it was served: {arrived[0].Line}";
        foreach (var request in arrived)
        {
            var path = request.Target.Split('?')[0];
            if (LenientPaths.ReadingsOf(path).FirstOrDefault(isForbidden) is { } reading) return $"a server may read {StrictHttp.Shown(path)} as {StrictHttp.Shown(reading)}";
        }

        return null;
    }

    private static bool IsBelow(string path, string folder, StringComparison comparison) => path.Equals(folder, comparison) || path.StartsWith(folder + "/", comparison);

    private static string DenyHostOf(AttackCase attack) => string.Create(CultureInfo.InvariantCulture, $"c{attack.Number}.deny.red.test");
}
