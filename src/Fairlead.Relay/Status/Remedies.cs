using Fairlead.Wire;

namespace Fairlead.Relay.Status;

/// <summary>What to do about a failure for which the gateway gave no sentence of its own.</summary>
internal static class Remedies
{
    public static string For(NoticeKind kind) => kind switch
    {
        NoticeKind.Policy => "Ask the owner of the policy whether this session needs the destination.",
        NoticeKind.Address => "The address is not public. If it is meant, the operator of the gateway can name it under upstream.resolve.",
        NoticeKind.Auth => "The gateway does not know this session, or no longer: ask whoever starts sessions for a new one.",
        NoticeKind.Dns or NoticeKind.Connect or NoticeKind.Tls or NoticeKind.Upstream => "Try again; if it lasts, look at the upstream.",
        NoticeKind.Timeout => "Look whether the gateway is overloaded; --open-timeout gives it longer.",
        NoticeKind.Request => "Look at what the tool asks for.",
        _ => "Check that the gateway runs and that this container may reach it: `fairlead doctor` names the hop.",
    };
}
