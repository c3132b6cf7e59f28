using static Fairlead.Relay.Trust.Variables;

namespace Fairlead.Relay.Trust;

/// <summary>Node.js, Python and the package managers around them.</summary>
internal static class ScriptingTools
{
    public static readonly IReadOnlyList<Tool> All =
    [
        new()
        {
            Name = "Node.js",
            Commands = ["node", "nodejs"],
            Variables = [.. ProxyPair, NodeExtraCaCerts, Variable.Fixed("NODE_USE_ENV_PROXY", "1")],
        },
        new()
        {
            Name = "pip",
            Commands = ["pip", "pip3"],
            Variables = [.. ProxyPair, Variable.Bundle("PIP_CERT")],
            Note = "",
        },
        new()
        {
            Name = "Python",
            Commands = ["python3", "python"],
            Variables = [.. ProxyPair, SslCertFile, RequestsCaBundle, Variable.Bundle("HTTPLIB2_CA_CERTS")],
            Probe = new("-c", $"import urllib.request; urllib.request.urlopen('{Probe.Url}', timeout=20).read()"),
        },
        new() { Name = "Deno", Commands = ["deno"], Variables = [.. ProxyPair, Variable.Bundle("DENO_CERT")] },
    ];
}
