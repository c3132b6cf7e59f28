using System.Text;
using Fairlead.Gateway.Policy;
using Fairlead.Gateway.Sessions;

namespace Fairlead.Gateway.Review;

/// <summary>Why a request would pass or not, in words.</summary>
internal static class Explanation
{
    private const int MaxNear = 3;
    private const string AnotherMethod = "another method";
    private const string AnotherPort = "another port";

    public static (Decision Decision, string Text) Of(Session session, in RequestFacts facts)
    {
        var decision = Judgement.Of(session, facts);
        var text = new StringBuilder();
        var verdict = decision.Verdict == Verdict.Allow ? "allowed" : decision.IsEnforced ? "denied" : "passes, and would be denied";
        text.Append($"{verdict}: {facts.Method} https://{(facts.Destination.Port == 443 ? facts.Destination.UriHost : facts.Destination.ToString())}{facts.Path}\n");
        text.Append($"  session   {session.Id}\n");
        text.Append($"  policy    {session.Policy.Name} (mode {session.Policy.Mode.ToString().ToLowerInvariant()})\n");
        text.Append($"  rule      {decision.Rule}\n");
        text.Append($"  reason    {decision.Reason}\n");
        if (PassthroughJudgement.Of(session.Policy, facts.Destination) is { } passthrough)
            text.Append($"  tls       {passthrough.Why}{(passthrough.Allowed is null ? "" : " No request inside is seen: no rule about paths, no credential, no record of it.")}\n");
        if (!PathReadings.IsPlain(facts.Path) && facts.Path.Length <= PathReadings.MaxLength)
            text.Append($"  read as   {string.Join("  ", PathReadings.Of(facts.Path).Select(Wire.HostPort.Printable))}\n");
        if (decision.LetsPass) text.Append($"  injected  {Injected(session, facts)}\n");
        else if (PathReadings.IsPlain(facts.Path)) AddNear(text, session.Policy, facts);
        return (decision, text.ToString());
    }

    private static void AddNear(StringBuilder text, RuleSet policy, RequestFacts facts)
    {
        foreach (var (rule, why) in Near(policy, facts).OrderByDescending(n => n.Why == AnotherMethod ? 2 : n.Why == AnotherPort ? 1 : 0).Take(MaxNear)) text.Append($"  nearest   {rule}  ({why})\n");
    }

    private static string Injected(Session session, in RequestFacts facts)
    {
        var credentials = session.Credentials.For(facts.Destination);
        return credentials.Count == 0
            ? "nothing: no credential of the session is bound to this host"
            : string.Join("; ", credentials.Select(c => $"{string.Join(", ", c.Headers.Select(h => h.Name).Distinct())} (credential {c.Name})"));
    }

    // Rules that miss the request by one thing: most often that is the answer.
    private static IEnumerable<(string Rule, string Why)> Near(RuleSet policy, RequestFacts facts)
    {
        foreach (var rule in policy.Rules.Where(r => r.Verdict == Verdict.Allow))
        {
            var isHost = rule.Hosts.Any(h => h.Matches(facts.Destination));
            var isPath = rule.Path.Matches(facts.Path);
            var isMethod = rule.IsAbout(facts.Method);
            if (isHost && isPath && !isMethod) yield return (rule.Text, AnotherMethod);
            else if (isHost && isMethod && !isPath) yield return (rule.Text, "another path");
            else if (!isHost && isPath && isMethod && rule.Hosts.Any(h => h.Name == facts.Destination.Host)) yield return (rule.Text, AnotherPort);
        }
    }
}
