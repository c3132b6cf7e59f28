using System.Text;
using System.Text.RegularExpressions;
using Fairlead.EndToEnd.Harness;
using Fairlead.EndToEnd.RedTeam.Stage;

namespace Fairlead.EndToEnd.RedTeam.Corpora;

/// <summary>
/// Files that no gateway may run with: `policy check` and `serve` both end with 78 and say in one line for each fault where it is and what is wrong; neither crashes,
/// and none begins to listen.
/// </summary>
internal sealed partial class BrokenConfigurations : Corpus
{
    private const int ExitConfig = 78;

    private const string Good = """
        version: 1
        listen: http://127.0.0.1:0
        ca: { directory: ./state/ca }
        secrets: { key: { from: env, name: DD_API_KEY } }
        credentials: { vault: { use: header, set: { X-Key: "{key}" }, hosts: [vault.red.test] } }
        policies: { default: { rules: ["allow GET vault.red.test/**"] } }
        sessions: [{ id: demo, token: { from: env, name: FAIRLEAD_TOKEN }, policy: default, credentials: [vault] }]
        audit: { file: ./state/audit.jsonl }

        """;

    public override string Name => "configurations";

    public override async Task<IReadOnlyList<Verdict>> RunAsync(IReadOnlyList<AttackCase> cases)
    {
        using var folder = new TempFolder();
        folder.Folder("state");
        folder.Write("pass.txt", "FAKE-pass\n");
        folder.Write("empty.txt", "");
        folder.Write("split.txt", "FAKE\r\nX: 1");
        folder.Write("not.pem", "-----BEGIN CERTIFICATE-----\nno\n-----END CERTIFICATE-----\n");
        var verdicts = new System.Collections.Concurrent.ConcurrentBag<Verdict>();
        // Programs that start: not more at once than a small machine has cores for.
        await Parallel.ForEachAsync(cases, new ParallelOptions { MaxDegreeOfParallelism = 3, CancellationToken = Limits.Token() }, async (attack, cancellationToken) =>
        {
            var file = folder.File($"{attack.Number}.yaml");
            await File.WriteAllBytesAsync(file, Encoding.Latin1.GetBytes(TextOf(attack)), cancellationToken);
            // What only a start reads (secrets, other files) is not `check`'s business.
            if (attack.Find("only") is null) verdicts.Add(new($"{attack.Name} (check)", await FaultAsync(attack, folder, file, "policy", "check", file)));
            verdicts.Add(new($"{attack.Name} (serve)", await FaultAsync(attack, folder, file, "serve", "--config", file)));
        });
        return [.. verdicts];
    }

    private static string TextOf(AttackCase attack)
    {
        if (attack.Find("text") is { } text) return text;
        Assert.Contains(attack["from"], Good, StringComparison.Ordinal);
        return Good.Replace(attack["from"], attack["to"], StringComparison.Ordinal);
    }

    private static async Task<string?> FaultAsync(AttackCase attack, TempFolder folder, string file, params string[] arguments)
    {
        var environment = ToolEnvironment.ForProduct(folder.Path);
        foreach (var (name, value) in GatewayProcess.Secrets) environment[name] = value;
        await using var program = RunningProgram.Start(Repository.Gateway, arguments, environment, folder.Path);
        program.Stdin.Close();
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(Limits.Token());
        limit.CancelAfter(TimeSpan.FromSeconds(20));
        ToolResult result;
        try
        {
            result = await program.WaitAsync(limit.Token);
        }
        catch (TimeoutException)
        {
            return program.Stdout.Text.Contains("listening on", StringComparison.Ordinal) ? "it listens" : "it does not end";
        }

        var said = result.Stdout + result.Stderr;
        if (result.ExitCode != ExitConfig) return $"exit code {result.ExitCode}: {StrictHttp.Shown(said)}";
        if (said.Contains("   at ", StringComparison.Ordinal) || said.Contains("Unhandled", StringComparison.Ordinal)) return $"a crash: {StrictHttp.Shown(said)}";
        if (TestSecrets.All.Any(said.Contains)) return "it prints a secret";
        var places = said.Split('\n').Where(line => line.Contains(file, StringComparison.Ordinal)).ToList();
        // A file that is none of YAML, or not there, has no line.
        if (places.Count == 0 || (attack.Find("at") != "file" && !places.Any(line => Place().IsMatch(line)))) return $"no line and column: {StrictHttp.Shown(said)}";
        return attack.Find("says") is { } expected && !said.Contains(expected, StringComparison.Ordinal) ? $"expected '{expected}', got: {StrictHttp.Shown(said)}" : null;
    }

    [GeneratedRegex(@"\.yaml:[0-9]+:[0-9]+: \S")]
    private static partial Regex Place();
}
