using Fairlead.Gateway.Configuration;
using Fairlead.Gateway.Policy;
using Fairlead.Wire;

namespace Fairlead.Gateway.Review;

/// <summary>What another configuration would have decided about the requests of an audit.</summary>
/// <param name="Total">Requests that were judged again.</param>
/// <param name="NewlyDenied">Allowed then, denied now.</param>
/// <param name="NewlyAllowed">Denied then, allowed now.</param>
/// <param name="Unclear">Requests that a rule with a condition is about: the audit has neither headers nor bodies.</param>
/// <param name="Unknown">Sessions that the configuration does not have, with their number of requests.</param>
internal sealed record Replay(int Total, IReadOnlyList<Replay.Change> NewlyDenied, IReadOnlyList<Replay.Change> NewlyAllowed, int Unclear, IReadOnlyDictionary<string, int> Unknown)
{
    /// <summary>Requests that differ in nothing a policy looks at.</summary>
    internal sealed record Change(string Session, string Request, string RuleThen, string RuleNow, int Count);

    public static Replay Of(IEnumerable<SeenRequest> seen, GatewayOptions options)
    {
        var sessions = options.Sessions.ToDictionary(s => s.Id);
        var unknown = new SortedDictionary<string, int>(StringComparer.Ordinal);
        var changes = new Dictionary<(Verdict Now, string Session, string Request), Change>();
        var (total, unclear) = (0, 0);
        foreach (var request in seen)
        {
            // A session of an issuer is called ENTRY/SUBJECT.
            if (!sessions.TryGetValue(request.Session, out var session) && (session = options.Sessions.FirstOrDefault(s => request.Session.StartsWith(s.Id + "/", StringComparison.Ordinal))) is null)
            {
                unknown[request.Session] = unknown.GetValueOrDefault(request.Session) + 1;
                continue;
            }

            if (session.Policy.HasConditionsFor(request.Facts))
            {
                unclear++;
                continue;
            }

            total++;
            var now = session.Policy.Decide(request.Facts);
            if (now.Verdict == request.Verdict) continue;
            var text = $"{HostPort.Printable(request.Facts.Method)} https://{request.Facts.Destination.UriHost}{(request.Facts.Destination.Port == 443 ? "" : $":{request.Facts.Destination.Port}")}{HostPort.Printable(request.Facts.Path)}";
            var key = (now.Verdict, session.Id, text);
            changes[key] = changes.TryGetValue(key, out var known) ? known with { Count = known.Count + 1 } : new Change(session.Id, text, request.Rule, now.Rule, 1);
        }

        return new Replay(total, Sorted(changes, Verdict.Deny), Sorted(changes, Verdict.Allow), unclear, unknown);
    }

    private static List<Change> Sorted(Dictionary<(Verdict Now, string Session, string Request), Change> changes, Verdict now) =>
        [.. changes.Where(c => c.Key.Now == now).Select(c => c.Value).OrderByDescending(c => c.Count).ThenBy(c => c.Request, StringComparer.Ordinal).ThenBy(c => c.Session, StringComparer.Ordinal)];
}
