using Fairlead.Gateway.Configuration;
using Fairlead.Gateway.Policy;
using Fairlead.Gateway.Sessions;

namespace Fairlead.Gateway.Review;

/// <summary>What loads and is probably not meant: rules that can never decide, credentials that can never be used, policies nobody has.</summary>
internal static class PolicyAdvice
{
    /// <summary>One sentence each.</summary>
    public static IEnumerable<string> For(GatewayOptions options)
    {
        foreach (var policy in options.Policies)
        {
            if (!options.Sessions.Any(s => s.Policy.Name == policy.Name)) yield return $"policy '{policy.Name}': no session has it";
            if (policy.Mode != PolicyMode.Enforce) yield return $"policy '{policy.Name}': mode {policy.Mode.ToString().ToLowerInvariant()} refuses nothing";
            foreach (var advice in DeadRules(policy)) yield return $"policy '{policy.Name}': {advice}";
            foreach (var advice in UselessPassthrough(policy)) yield return $"policy '{policy.Name}': {advice}";
        }

        foreach (var advice in options.Sessions.SelectMany(UnusableCredentials)) yield return advice;
    }

    private static IEnumerable<string> UselessPassthrough(PolicyDefinition policy)
    {
        if (policy.Mode == PolicyMode.Open) yield break;
        foreach (var host in policy.Passthrough)
        {
            var denying = policy.Rules.FirstOrDefault(r => r.Verdict == Verdict.Deny && r.Hosts.Any(h => h.Overlaps(host)));
            if (denying is not null) yield return $"tls.passthrough: '{host.Text}' is intercepted, at least in part: '{denying.Text}' may deny a request to it";
            else if (policy.Default == Verdict.Deny && !policy.Rules.Any(r => r.AllowsEverything && r.Hosts.Any(h => h.Overlaps(host))))
                yield return $"tls.passthrough: '{host.Text}' is intercepted: no rule 'allow * {host.Text}' lets every request to it pass";
        }
    }

    private static IEnumerable<string> DeadRules(PolicyDefinition policy)
    {
        for (var i = 0; i < policy.Rules.Count; i++)
        {
            var rule = policy.Rules[i];
            // Deny wins wherever it stands; among rules of one verdict the first gives its name.
            var cover = policy.Rules.Where((other, j) => j != i && other.Covers(rule) && (other.Verdict == rule.Verdict ? j < i : other.Verdict == Verdict.Deny))
                .MinBy(other => other.Verdict);
            if (cover is not null) yield return $"'{rule.Text}' never decides: '{cover.Text}' covers it";
        }
    }

    private static IEnumerable<string> UnusableCredentials(Session session)
    {
        if (session.Policy.Mode != PolicyMode.Enforce || session.Policy.Default == Verdict.Allow) yield break;
        foreach (var credential in session.Credentials.All)
        {
            if (!session.Policy.Rules.Any(r => r.Verdict == Verdict.Allow && r.Hosts.Any(h => credential.Hosts.Any(h.Overlaps))))
                yield return $"session '{session.Id}': policy '{session.Policy.Name}' allows no host of the credential '{credential.Name}', so it is never used";
        }
    }
}
