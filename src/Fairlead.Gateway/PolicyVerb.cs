using System.CommandLine;
using System.Globalization;
using Fairlead.Gateway.Configuration;
using Fairlead.Gateway.Policy;
using Fairlead.Gateway.Review;

namespace Fairlead.Gateway;

/// <summary><c>fairlead-gateway policy …</c>: asks a configuration what it would do. No secret is read and nothing is dialled, so it runs in CI.</summary>
internal static class PolicyVerb
{
    private static readonly Argument<string> File = new("file") { Description = "the configuration file" };
    private static readonly Option<string> Config = new("--config", "-c") { Description = "the configuration file", DefaultValueFactory = _ => "fairlead.yaml" };
    private static readonly Option<string?> Session = new("--session") { Description = "whose request it is; default: the first session of the file" };

    public static Command Describe() => new("policy", "Ask a configuration what it would do, without secrets and without a network.")
    {
        Verbs.Guard(Check()), Verbs.Guard(Explain()), Verbs.Guard(Test()), Verbs.Guard(Replay()), Verbs.Guard(Learn()), Verbs.Guard(ListPresets()),
    };

    private static Command Check()
    {
        var command = new Command("check", "Does the file load? Also names rules that never decide and credentials that are never used.") { File };
        command.SetAction(parsed =>
        {
            var file = parsed.GetRequiredValue(File);
            var options = ConfigFile.LoadForReview(file);
            string[] advice = [.. options.Warnings, .. PolicyAdvice.For(options)];
            foreach (var line in advice) Console.WriteLine($"{file}: note: {line}");
            Console.WriteLine($"{file}: ok: {options.Policies.Count} policies, {options.Policies.Sum(p => p.Rules.Count)} rules, {options.Sessions.Count} sessions, {advice.Length} notes");
            return 0;
        });
        return command;
    }

    private static Command Explain()
    {
        var method = new Argument<string>("method") { Description = "GET, POST, …" };
        var url = new Argument<string>("url") { Description = "https://host[:port]/path" };
        var headers = new Option<string[]>("--header", "-H") { Description = "Name: value, for rules with conditions; may stand several times", DefaultValueFactory = _ => [] };
        var body = new Option<string?>("--body") { Description = "the body, for rules with conditions" };
        var command = new Command("explain", "Would this request pass, by which rule, and what would be added? Exit code 0 when it passes, 1 when not.") { method, url, Config, Session, headers, body };
        command.SetAction(parsed =>
        {
            var options = ConfigFile.LoadForReview(parsed.GetRequiredValue(Config));
            var session = parsed.GetValue(Session) is { } id
                ? options.Sessions.FirstOrDefault(s => s.Id == id) ?? throw new ConfigException($"there is no session '{Wire.HostPort.Printable(id)}'; there are: {string.Join(", ", options.Sessions.Select(s => s.Id))}")
                : options.Sessions[0];
            if (!AskedRequest.TryParse(parsed.GetRequiredValue(method), parsed.GetRequiredValue(url), parsed.GetRequiredValue(headers), parsed.GetValue(body), out var facts, out var problem)) throw new ConfigException(problem);
            var (decision, text) = Explanation.Of(session, facts);
            Console.Write(text);
            return decision.LetsPass ? 0 : 1;
        });
        return command;
    }

    private static Command Test()
    {
        var cases = new Argument<string>("cases") { Description = "a file of cases: see docs/policy.md" };
        var command = new Command("test", "Does the policy decide as the cases say? Exit code 1 when one does not hold.") { cases };
        command.SetAction(parsed =>
        {
            var (passed, failures) = PolicyCases.Run(parsed.GetRequiredValue(cases));
            foreach (var failure in failures) Console.WriteLine(failure);
            Console.WriteLine($"{passed} passed, {failures.Count} failed");
            return failures.Count == 0 ? 0 : 1;
        });
        return command;
    }

    private static Command Replay()
    {
        var audits = new Argument<string[]>("audit") { Description = "audit files", Arity = ArgumentArity.OneOrMore };
        var against = new Option<string>("--against") { Description = "the configuration to try", Required = true };
        var command = new Command("replay", "What would another configuration have decided about the requests of an audit? Exit code 1 when it denies what was allowed.") { audits, against };
        command.SetAction(parsed =>
        {
            var options = ConfigFile.LoadForReview(parsed.GetRequiredValue(against));
            var seen = Read(parsed.GetRequiredValue(audits));
            var replay = Review.Replay.Of(seen, options);
            Show("newly denied", replay.NewlyDenied);
            Show("newly allowed", replay.NewlyAllowed);
            foreach (var (session, count) in replay.Unknown) Console.WriteLine($"not judged     {count} of session '{Wire.HostPort.Printable(session)}', which the configuration does not have");
            if (replay.Unclear > 0) Console.WriteLine($"not judged     {replay.Unclear} that a rule with 'when' is about: the audit has neither headers nor bodies");
            var (denied, allowed) = (replay.NewlyDenied.Sum(c => c.Count), replay.NewlyAllowed.Sum(c => c.Count));
            Console.WriteLine($"{replay.Total} requests: {denied} newly denied, {allowed} newly allowed, {replay.Total - denied - allowed} as before");
            return denied == 0 ? 0 : 1;
        });
        return command;
    }

    private static Command Learn()
    {
        var audits = new Argument<string[]>("audit") { Description = "audit files", Arity = ArgumentArity.OneOrMore };
        var session = new Option<string?>("--session") { Description = "only the requests of this session" };
        var command = new Command("learn", "Prints the smallest policy that allows what passed, as an audit of mode observe or open shows it.") { audits, session };
        command.SetAction(parsed =>
        {
            var wanted = parsed.GetValue(session);
            SeenRequest[] seen = [.. Read(parsed.GetRequiredValue(audits)).Where(s => s.Passed && (wanted is null || s.Session == wanted))];
            if (seen.Length == 0) throw new ConfigException("no request in there passed, so there is nothing to learn from");
            var rules = LearnedPolicy.From(seen, out var missed);
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"# Learned from {seen.Length} requests. Read it before you use it: it allows what was done, wanted or not."));
            foreach (var request in missed) Console.WriteLine($"# no rule can say: {Wire.HostPort.Printable(request.Facts.Method)} {request.Facts.Destination}{Wire.HostPort.Printable(request.Facts.Path)}");
            Console.WriteLine("policies:\n  learned:\n    mode: enforce\n    default: deny\n    rules:");
            foreach (var rule in rules) Console.WriteLine($"      - \"{rule.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal)}\"");
            return 0;
        });
        return command;
    }

    private static Command ListPresets()
    {
        var command = new Command("presets", "Lists the presets, each with the hosts that it wants and the rules that it stands for.");
        command.SetAction(_ =>
        {
            foreach (var preset in Presets.All)
            {
                Console.WriteLine($"{preset.Name}: {preset.About}");
                if (preset.Parameters.Count > 0) Console.WriteLine($"  hosts: {string.Join(", ", preset.Parameters.Select(p => p.EndsWith('?') ? $"{p[..^1]} (optional)" : p))}");
                foreach (var line in preset.Rules) Console.WriteLine($"  {line.Text}{(line.When is null ? "" : $" when {line.When.Text}")}");
            }

            return 0;
        });
        return command;
    }

    private static void Show(string what, IReadOnlyList<Replay.Change> changes)
    {
        foreach (var change in changes) Console.WriteLine($"{what,-14} {change.Count,6} x {change.Request}  (session {Wire.HostPort.Printable(change.Session)}; then '{Wire.HostPort.Printable(change.RuleThen)}', now '{change.RuleNow}')");
    }

    private static List<SeenRequest> Read(string[] files)
    {
        var seen = new List<SeenRequest>();
        foreach (var file in files)
        {
            seen.AddRange(SeenRequest.ReadAll(System.IO.File.ReadLines(file), out var skipped));
            if (skipped > 0) Console.Error.WriteLine($"fairlead-gateway: {file}: {skipped} lines are no records of an audit and were passed over");
        }

        if (seen.Count == 0) throw new ConfigException($"{string.Join(", ", files)}: there is no request in there that a policy has judged");
        return seen;
    }
}
