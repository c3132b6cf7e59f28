using Fairlead.Gateway.Credentials;
using Fairlead.Gateway.Policy;
using Fairlead.Gateway.Sessions;
using Fairlead.Wire;

namespace Fairlead.Gateway.Configuration;

/// <summary><c>sessions</c>: who may connect, and what was given to them.</summary>
internal static class SessionsSection
{
    public static List<Session> Read(ConfigNode node, Dictionary<string, PolicyDefinition> policies, Dictionary<string, Credential> credentials, ConfigContext context)
    {
        var sessions = new List<Session>();
        var items = node.Items();
        if (items.Count == 0 && node.Node is not null) node.Fail("there is no session, so nobody could connect");
        var foundLocal = false;
        foreach (var item in items)
        {
            var fields = item.Closed("id", "token", "policy", "credentials");
            var id = ReadSessionId(fields.Required("id"), sessions);
            // All sources are read for their names, so that no command sees any of them; in local mode one session lives, with the caller's token.
            var tokenNode = fields.Required("token");
            var source = context.ReadSource(tokenNode);
            var isLocal = context.Local is not null && !foundLocal && (context.Local.Id is null || context.Local.Id == id);
            foundLocal |= isLocal;
            var token = isLocal ? context.Local!.Token : context.Local is null && source is not null ? context.ReadSecret("token", tokenNode, source)?.Reveal() : null;

            var policy = ConfigContext.Named(fields.Required("policy"), policies, "policy");
            var granted = fields.Has("credentials", out var names)
                ? names.Items().Select(n => (Node: n, Credential: ConfigContext.Named(n, credentials, "credential"))).Where(g => g.Credential is not null).ToList()
                : [];
            FailOnConflicts(granted!);
            ReachSection.FailOnPassthrough(granted!, policy);
            if (context.Local is not null && !isLocal) continue;
            if (policy is null || token is null) continue;
            var hash = SessionRegistry.HashOf(token);
            if (!context.IsReview && sessions.Any(s => s.TokenHash.AsSpan().SequenceEqual(hash))) tokenNode.Fail("another session has the same token, so a caller could not be told apart");
            Credential[] credentialsGranted = [.. granted.Select(g => g.Credential!)];
            sessions.Add(new Session(id, hash, policy.For(credentialsGranted.Select(c => (c.Name, c.Hosts))), new CredentialSet(credentialsGranted)));
        }

        if (context.Local is { Id: { } wanted } && !foundLocal) node.Fail($"there is no session '{HostPort.Printable(wanted)}'");
        return sessions;
    }

    private static string ReadSessionId(ConfigNode node, List<Session> others)
    {
        var id = node.Text();
        // It is the user of HTTP Basic, which ends at the first colon (RFC 7617 §2).
        if (id.Any(c => c is <= ' ' or > '~' or ':')) node.Fail($"expected visible ASCII without ':', got '{HostPort.Printable(id)}'");
        if (others.Any(s => s.Id == id)) node.Fail($"there are two sessions '{HostPort.Printable(id)}'");
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
