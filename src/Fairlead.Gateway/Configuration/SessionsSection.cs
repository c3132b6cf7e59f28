using Fairlead.Gateway.Capture;
using Fairlead.Gateway.Credentials;
using Fairlead.Gateway.Identity;
using Fairlead.Gateway.Policy;
using Fairlead.Gateway.Sessions;
using Fairlead.Wire;

namespace Fairlead.Gateway.Configuration;

/// <summary><c>sessions</c>: who may connect, and what was given to them.</summary>
internal static class SessionsSection
{
    /// <summary>The claim by which a token of the gateway's own names its entry.</summary>
    public const string EntryClaim = "session";

    public static (List<Session> Fixed, List<SessionEntry> Entries) Read(
        ConfigNode node,
        Dictionary<string, PolicyDefinition> policies,
        Dictionary<string, Credential> credentials,
        Dictionary<string, TokenIssuer> issuers,
        ConfigContext context)
    {
        var sessions = new List<Session>();
        var entries = new List<SessionEntry>();
        var ids = new List<string>();
        var items = node.Items();
        if (items.Count == 0 && node.Node is not null) node.Fail("there is no session, so nobody could connect");
        var foundLocal = false;
        foreach (var item in items)
        {
            var fields = item.Closed("id", "token", "issuer", "match", "lifetime", "policy", "credentials", "limits", "capture");
            var id = ReadSessionId(fields.Required("id"), ids);
            var hasIssuer = fields.Has("issuer", out var issuerNode);
            var issuer = hasIssuer ? ConfigContext.Named(issuerNode!, issuers, "issuer") : null;
            var (match, lifetime) = ReadIssued(fields, item, id, issuer, hasIssuer);

            var isLocal = context.Local is not null && !foundLocal && (context.Local.Id is null || context.Local.Id == id);
            foundLocal |= isLocal;
            var token = ReadToken(fields, hasIssuer, isLocal, context, out var tokenNode);

            var policy = ConfigContext.Named(fields.Required("policy"), policies, "policy");
            var granted = fields.Has("credentials", out var names)
                ? names.Items().Select(n => (Node: n, Credential: ConfigContext.Named(n, credentials, "credential"))).Where(g => g.Credential is not null).ToList()
                : [];
            FailOnConflicts(granted!);
            var limits = fields.Has("limits", out var limitsNode) ? ReadLimits(limitsNode) : SessionLimits.None;
            var capture = fields.Has("capture", out var captureNode) ? ReadCapture(captureNode) : null;
            ReachSection.FailOnPassthrough(granted!, policy);
            if (context.Local is not null && !isLocal) continue;
            if (policy is null) continue;
            Credential[] credentialsGranted = [.. granted.Select(g => g.Credential!)];
            var rules = policy.For(credentialsGranted.Select(c => (c.Name, c.Hosts)));
            if (hasIssuer && !isLocal)
            {
                if (issuer is not null) entries.Add(new SessionEntry(new Session(id, [], rules, new CredentialSet(credentialsGranted)) { Limits = limits, Capture = capture }, issuer.Name, match, lifetime));
                continue;
            }

            if (token is null) continue;
            var hash = SessionRegistry.HashOf(token);
            if (!context.IsReview && sessions.Any(s => s.TokenHash.AsSpan().SequenceEqual(hash))) tokenNode!.Fail("another session has the same token, so a caller could not be told apart");
            sessions.Add(new Session(id, hash, rules, new CredentialSet(credentialsGranted)) { Limits = limits, Capture = capture });
        }

        if (context.Local is { Id: { } wanted } && !foundLocal) node.Fail($"there is no session '{HostPort.Printable(wanted)}'");
        return (sessions, entries);
    }

    private static (List<ClaimCondition> Match, TimeSpan? Lifetime) ReadIssued(ConfigNode.Fields fields, ConfigNode item, string id, TokenIssuer? issuer, bool hasIssuer)
    {
        var hasMatch = fields.Has("match", out var matchNode);
        var hasLifetime = fields.Has("lifetime", out var lifetimeNode);
        if (!hasIssuer)
        {
            if (hasMatch) matchNode!.Fail("'match' is for sessions with 'issuer'");
            if (hasLifetime) lifetimeNode!.Fail("'lifetime' is for sessions with 'issuer'");
            return ([], null);
        }

        var match = new List<ClaimCondition>();
        foreach (var (claim, value) in hasMatch ? matchNode!.Entries() : [])
        {
            if (ConditionReader.Words(value) is { Count: > 0 } words) match.Add(new ClaimCondition(claim, words));
        }

        // Of a platform's issuer everybody on the platform has tokens; of our own, each token names its entry.
        if (match.Count == 0 && issuer is { KeyFile: null }) item.Fail($"'match' is missing: without a claim, whoever '{issuer.Name}' knows would be this session");
        if (issuer is { KeyFile: not null } && match.All(m => m.Claim != EntryClaim)) match.Add(new ClaimCondition(EntryClaim, [id]));
        return (match, hasLifetime ? Units.ReadTime(lifetimeNode!) : null);
    }

    // All sources are read for their names, so that no command sees any of them; in local mode one session lives, with the caller's token.
    private static string? ReadToken(ConfigNode.Fields fields, bool hasIssuer, bool isLocal, ConfigContext context, out ConfigNode? node)
    {
        node = null;
        if (hasIssuer)
        {
            if (fields.Has("token", out var odd)) odd.Fail("a session has 'token' or 'issuer', not both");
            return isLocal ? context.Local!.Token : null;
        }

        node = fields.Required("token");
        var source = context.ReadSource(node);
        return isLocal ? context.Local!.Token : context.Local is null && source is not null ? context.ReadSecret("token", node, source)?.Reveal() : null;
    }

    private static CaptureOptions ReadCapture(ConfigNode node)
    {
        var fields = node.Closed("bodies", "max_body");
        var capture = new CaptureOptions { Bodies = fields.Required("bodies").OneOf("true", "false") == "true" };
        if (!fields.Has("max_body", out var most) || Units.ReadBytes(most) is not { } bytes) return capture;
        if (!capture.Bodies) most.Fail("'max_body' is for 'bodies: true'");
        if (bytes is > 0 and <= CaptureOptions.LargestBody) return capture with { MaxBody = (int)bytes };
        most.Fail($"expected 1 to {CaptureOptions.LargestBody / 1024}KiB");
        return capture;
    }

    private static SessionLimits ReadLimits(ConfigNode node)
    {
        var fields = node.Closed("tunnels", "requests_per_minute", "bytes", "max_body");
        return new SessionLimits
        {
            Tunnels = fields.Has("tunnels", out var tunnels) ? Units.ReadCount(tunnels) : null,
            RequestsPerMinute = fields.Has("requests_per_minute", out var requests) ? Units.ReadCount(requests) : null,
            Bytes = fields.Has("bytes", out var bytes) ? Units.ReadBytes(bytes) : null,
            MaxBody = fields.Has("max_body", out var body) ? Units.ReadBytes(body) : null,
        };
    }

    private static string ReadSessionId(ConfigNode node, List<string> others)
    {
        var id = node.Text();
        // It is the user of HTTP Basic, which ends at the first colon (RFC 7617 §2).
        if (id.Any(c => c is <= ' ' or > '~' or ':' or '#')) node.Fail($"expected visible ASCII without ':' and '#', got '{HostPort.Printable(id)}'");
        if (others.Contains(id)) node.Fail($"there are two sessions '{HostPort.Printable(id)}'");
        // Sessions of an issuer are called ENTRY/SUBJECT.
        else if (id.Length > 0 && others.Find(o => o.StartsWith(id + "/", StringComparison.Ordinal) || id.StartsWith(o + "/", StringComparison.Ordinal)) is { } like)
            node.Fail($"'{HostPort.Printable(id)}' and '{HostPort.Printable(like)}' could name one session: one begins with the other and '/'");
        others.Add(id);
        return id;
    }

    private static void FailOnConflicts(List<(ConfigNode Node, Credential Credential)> granted)
    {
        for (var i = 0; i < granted.Count; i++)
        {
            for (var j = 0; j < i; j++)
            {
                if (granted[i].Credential.ConflictWith(granted[j].Credential) is { } header)
                    granted[i].Node.Fail($"'{granted[i].Credential.Name}' and '{granted[j].Credential.Name}' both set {header} for the same host; which of them won would be an accident");
            }
        }
    }
}
