namespace Fairlead.EndToEnd.Harness;

/// <summary>Values that stand for secrets. A test that finds one where a workload can read it has found a leak.</summary>
internal static class TestSecrets
{
    public const string Token = "FAKE-session-token-for-tests";
    public const string OtherToken = "FAKE-other-session-token-for-tests";
    public const string Datadog = "FAKE-datadog-key-for-tests";
    public const string OtherDatadog = "FAKE-other-datadog-key-for-tests";
    public const string Github = "FAKE-github-token-for-tests";
    public const string Tools = "FAKE-tools-key-for-tests";
    public const string Git = "FAKE-git-token-for-tests";

    public static readonly string[] All = [Token, OtherToken, Datadog, OtherDatadog, Github, Tools, Git];
}
