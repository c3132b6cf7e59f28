using Fairlead.Gateway.Policy;
using Fairlead.Gateway.Sessions;
using Fairlead.Wire;

namespace Fairlead.Gateway.Review;

/// <summary>What the gateway would decide, its own self-test host included.</summary>
internal static class Judgement
{
    private static readonly Decision SelfTest = new(Verdict.Allow, true, "self-test", $"The gateway answers {Protocol.SelfTestHost} itself, for every session.");

    public static Decision Of(Session session, in RequestFacts facts) =>
        facts.Destination.Host == Protocol.SelfTestHost ? SelfTest : session.Decide(facts);
}
