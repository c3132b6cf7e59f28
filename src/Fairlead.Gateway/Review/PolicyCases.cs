using Fairlead.Gateway.Configuration;
using Fairlead.Gateway.Policy;
using Fairlead.Wire;

namespace Fairlead.Gateway.Review;

/// <summary>Cases that stand beside a policy and say what it must decide, for CI.</summary>
internal static class PolicyCases
{
    /// <summary>Asks the policy each case.</summary>
    /// <param name="path">The file of cases: <c>config</c>, and <c>cases</c> of <c>{ session, request, headers, body, expect, rule, credentials }</c>.</param>
    /// <returns>How many cases hold, and a line for each that does not.</returns>
    /// <exception cref="ConfigException">The cases or the configuration do not load.</exception>
    public static (int Passed, IReadOnlyList<string> Failures) Run(string path)
    {
        var errors = new ConfigErrors(path);
        var fields = ConfigFile.Open(path, errors).Closed("config", "cases");
        var config = fields.Has("config", out var file) ? file.Text() : "fairlead.yaml";
        var options = ConfigFile.LoadForReview(Path.GetFullPath(config, Path.GetDirectoryName(Path.GetFullPath(path))!));
        var cases = fields.Required("cases").Items();
        var passed = 0;
        var failures = new List<string>();
        foreach (var item in cases)
        {
            var failure = Check(item, options);
            if (failure is null) passed++;
            else failures.Add($"{path}:{item.At.Line}: {failure}");
        }

        if (cases.Count == 0) fields.Required("cases").Fail("there is no case, so nothing was tested");
        errors.ThrowIfAny();
        return (passed, failures);
    }

    private static string? Check(ConfigNode item, GatewayOptions options)
    {
        var fields = item.Closed("session", "request", "headers", "body", "expect", "rule", "credentials");
        var sessionNode = fields.Required("session");
        var session = ConfigContext.Named(sessionNode, options.Sessions.ToDictionary(s => s.Id), "session");
        var requestNode = fields.Required("request");
        var words = requestNode.Text().Split(' ', 2);
        var expect = fields.Required("expect").OneOf("allow", "deny");
        var headers = fields.Has("headers", out var headersNode) ? headersNode.Entries().Select(e => $"{e.Key}: {e.Value.Text()}") : [];
        var body = fields.Has("body", out var bodyNode) ? bodyNode.Text() : null;
        if (!AskedRequest.TryParse(words[0], words.Length > 1 ? words[1].Trim() : "", headers, body, out var facts, out var problem))
        {
            requestNode.Fail($"expected 'METHOD https://host/path': {problem}");
            return null;
        }

        if (session is null || expect.Length == 0) return null;
        var decision = Judgement.Of(session, facts);
        var verdict = decision.Verdict == Verdict.Allow ? "allow" : "deny";
        var subject = $"{HostPort.Printable(requestNode.Text())} (session {session.Id})";
        if (verdict != expect) return $"{subject}: expected {expect}, got {verdict} by '{decision.Rule}'. {decision.Reason}";
        if (fields.Has("rule", out var rule) && rule.Text() != decision.Rule) return $"{subject}: expected {expect} by '{HostPort.Printable(rule.Text())}', got it by '{decision.Rule}'";
        if (!fields.Has("credentials", out var names)) return null;
        string[] expected = [.. names.Items().Select(n => n.Text()).Order(StringComparer.Ordinal)];
        string[] injected = decision.LetsPass ? [.. session.Credentials.For(facts.Destination).Select(c => c.Name).Order(StringComparer.Ordinal)] : [];
        return expected.SequenceEqual(injected) ? null : $"{subject}: expected the credentials [{string.Join(", ", expected)}], got [{string.Join(", ", injected)}]";
    }
}
