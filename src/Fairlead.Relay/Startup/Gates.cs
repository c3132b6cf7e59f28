namespace Fairlead.Relay.Startup;

/// <summary>Is a proxy wanted here at all? The answer comes from the environment alone: nothing is touched and nobody is asked.</summary>
internal static class Gates
{
    /// <summary>Looks at gates 1 to 3; the fourth is the token, which is step 2.</summary>
    /// <param name="hasNeutralGateway">True when --gateway or FAIRLEAD_GATEWAY names a gateway, which stands for gates 1 and 2.</param>
    /// <param name="sessionId">The session's id, from wherever it came.</param>
    /// <param name="environment">The relay's own environment.</param>
    /// <returns>Null when all hold, else the gate that does not and what would open it.</returns>
    public static string? WhyOff(bool hasNeutralGateway, string? sessionId, IReadOnlyDictionary<string, string> environment)
    {
        if (!hasNeutralGateway)
        {
            if (!IsTruthy(environment.GetValueOrDefault("CLAUDE_CODE_REMOTE")))
                return "gate 1: this is no cloud container; --gateway, FAIRLEAD_GATEWAY or CLAUDE_CODE_REMOTE=1 turns it on";
            if (!IsTruthy(environment.GetValueOrDefault("CCR_UPSTREAM_PROXY_ENABLED")))
                return "gate 2: the server did not enable it for this session; --gateway, FAIRLEAD_GATEWAY or CCR_UPSTREAM_PROXY_ENABLED=1 turns it on";
        }

        return string.IsNullOrEmpty(sessionId)
            ? "gate 3: there is no session id; --session-id, FAIRLEAD_SESSION_ID or CLAUDE_CODE_REMOTE_SESSION_ID turns it on"
            : null;
    }

    /// <summary>1, true, yes and on, in any case; nothing else.</summary>
    public static bool IsTruthy(string? value) => value?.ToLowerInvariant() is "1" or "true" or "yes" or "on";
}
