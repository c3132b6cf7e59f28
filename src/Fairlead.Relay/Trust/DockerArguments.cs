namespace Fairlead.Relay.Trust;

/// <summary>The options with which containers and builds of Docker use the relay: derived from the table of tools.</summary>
internal static class DockerArguments
{
    /// <summary>Where a container started with these options finds the bundle.</summary>
    public const string BundleInContainer = "/run/fairlead-ca.crt";

    /// <summary>
    /// For <c>docker build</c>: the proxy by build arguments that Docker knows by itself and leaves out of the image's history, and the bundle as a secret,
    /// which is in no layer.
    /// </summary>
    public static IReadOnlyList<string> Build(TrustFacts facts) =>
    [
        "--network=host",
        .. Variables.ProxyPair.SelectMany(variable => variable.ValuesFrom(facts)).SelectMany(v => (string[])["--build-arg", $"{v.Name}={v.Value}"]),
        "--secret", $"id=fairlead-ca,src={facts.CaBundle}",
    ];

    /// <summary>For <c>docker run</c>: the bundle is mounted, and every variable that needs nothing else is set.</summary>
    public static IReadOnlyList<string> Run(TrustFacts facts) =>
    [
        "--network=host",
        "-v", $"{facts.CaBundle}:{BundleInContainer}:ro",
        .. ChildEnvironment.For(new TrustFacts { Port = facts.Port, NoProxy = facts.NoProxy, CaBundle = BundleInContainer })
            .Where(v => !v.Value.Contains(' ', StringComparison.Ordinal))
            .SelectMany(v => (string[])["-e", $"{v.Name}={v.Value}"]),
    ];
}
