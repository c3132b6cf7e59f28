using static Fairlead.Relay.Trust.Variables;

namespace Fairlead.Relay.Trust;

/// <summary>Node.js, Python and the package managers around them.</summary>
internal static class ScriptingTools
{
    // It stays: a Node.js that is told to load a file that is gone does not start.
    private static readonly GeneratedFile NodeProxy = new("node-proxy.cjs", "makes `fetch` and `https` of Node.js use the proxy", facts => WrittenFiles.Resource("node-proxy.cjs", facts)) { Stays = true };

    private static readonly Variable NodeOptions = Variable.Of("NODE_OPTIONS", "`--require` of `node-proxy.cjs`, before the user's own", facts =>
        facts.Files.TryGetValue(NodeProxy.Name, out var file) ? NodeOptionsWith(file, facts.Original("NODE_OPTIONS")) : null);

    private static readonly IReadOnlyList<Variable> NodeProxyAndCa = [.. ProxyPair, NodeExtraCaCerts];

    private static readonly Variable NpmHttpsProxy = Variable.Proxy("npm_config_https_proxy");
    private static readonly Variable NpmNoProxy = Variable.NoProxy("npm_config_noproxy");
    private static readonly Variable NpmCaFile = Variable.Bundle("npm_config_cafile");

    private static readonly ConflictRule[] NpmRc =
    [
        ConflictRule.InFiles(["~/.npmrc", "./.npmrc", "$NPM_CONFIG_USERCONFIG", "$npm_config_userconfig"], ["ca", "ca[]", "*:cafile", "*:ca"], "npm takes this CA in place of the bundle.", "Remove the line."),
        ConflictRule.InFiles(["~/.npmrc", "./.npmrc", "$NPM_CONFIG_USERCONFIG", "$npm_config_userconfig"], ["strict-ssl=false"], "npm checks no certificate: whoever answers is trusted.", "Remove the line."),
        ConflictRule.InEnvironment(["npm_config_strict_ssl=false", "NPM_CONFIG_STRICT_SSL=false"], "npm checks no certificate: whoever answers is trusted.", "Unset the variable."),
    ];

    public static readonly IReadOnlyList<Tool> All =
    [
        new()
        {
            Name = "Node.js",
            Commands = ["node", "nodejs"],
            Variables = [.. NodeProxyAndCa, Variable.Fixed("NODE_USE_ENV_PROXY", "1"), NodeOptions],
            Files = [NodeProxy],
            Conflicts = [ConflictRule.InEnvironment(["NODE_TLS_REJECT_UNAUTHORIZED=0"], "Node.js checks no certificate: whoever answers is trusted.", "Unset the variable.")],
            Probe = new("-e", $"fetch('{Probe.Url}').then(a=>a.ok?a.text():process.exit(1),()=>process.exit(1))"),
            Note = "From 10 on; 22.21 and 24.5 read the proxy themselves but for agents that a program makes (and 22 warns that this is experimental). A program that opens its own connections (`http2`, `ws`) is not reached.",
        },
        new()
        {
            Name = "npm",
            Commands = ["npm"],
            Variables = [.. NodeProxyAndCa, NpmHttpsProxy, NpmNoProxy, NpmCaFile],
            Conflicts = NpmRc,
            Probe = new("ping", "--registry", Probe.Url),
        },
        new() { Name = "pnpm", Commands = ["pnpm"], Variables = [.. NodeProxyAndCa, NpmHttpsProxy, NpmNoProxy, NpmCaFile] },
        new()
        {
            Name = "yarn",
            Commands = ["yarn"],
            Variables = [.. NodeProxyAndCa, NpmHttpsProxy, NpmCaFile, Variable.Proxy("YARN_HTTPS_PROXY"), Variable.Bundle("YARN_HTTPS_CA_FILE_PATH")],
            Conflicts =
            [
                ConflictRule.InFiles(["~/.yarnrc"], ["https-proxy", "cafile"], "yarn 1 takes this in place of the relay's proxy or CA.", "Remove the line."),
                ConflictRule.InFiles(["~/.yarnrc.yml", "./.yarnrc.yml"], ["enablestrictssl=false"], "yarn checks no certificate: whoever answers is trusted.", "Remove the line."),
                ConflictRule.InFiles(["~/.yarnrc", "~/.npmrc"], ["strict-ssl=false"], "yarn 1 checks no certificate: whoever answers is trusted.", "Remove the line."),
            ],
        },
        new() { Name = "Bun", Commands = ["bun"], Variables = NodeProxyAndCa },
        new() { Name = "Deno", Commands = ["deno"], Variables = [.. ProxyPair, Variable.Bundle("DENO_CERT")] },
        new()
        {
            Name = "Python",
            Commands = ["python3", "python"],
            Variables = [.. ProxyPair, SslCertFile, RequestsCaBundle, Variable.Bundle("HTTPLIB2_CA_CERTS")],
            Conflicts = [ConflictRule.InEnvironment(["PYTHONHTTPSVERIFY=0"], "Python may check no certificate: whoever answers is trusted.", "Unset the variable.")],
            Probe = new("-c", $"import urllib.request; urllib.request.urlopen('{Probe.Url}', timeout=20).read()"),
            Note = "`urllib`, `requests`, `httpx` and `httplib2` are reached; `aiohttp` reads the proxy only with `trust_env=True`.",
        },
        new()
        {
            Name = "pip",
            Commands = ["pip3", "pip"],
            Variables = [.. ProxyPair, Variable.Bundle("PIP_CERT")],
            Conflicts =
            [
                ConflictRule.InFiles(
                    ["~/.config/pip/pip.conf", "~/.pip/pip.conf", "$XDG_CONFIG_HOME/pip/pip.conf", "$PIP_CONFIG_FILE", "$VIRTUAL_ENV/pip.conf", "/etc/pip.conf"], ["*.proxy", "*.trusted-host"],
                    "pip takes this proxy in place of the relay, or trusts these hosts unchecked.", "Remove it: pip config unset with the key."),
                ConflictRule.InEnvironment(["PIP_PROXY", "PIP_TRUSTED_HOST"], "pip takes this proxy in place of the relay, or trusts these hosts unchecked.", "Unset the variable."),
            ],
        },
        new() { Name = "uv", Commands = ["uv"], Variables = [.. ProxyPair, SslCertFile] },
        new()
        {
            Name = "conda",
            Commands = ["conda", "mamba", "micromamba"],
            Variables = [.. ProxyPair, RequestsCaBundle, Variable.Bundle("CONDA_SSL_VERIFY")],
            Conflicts = [ConflictRule.InFiles(["~/.condarc", "$CONDARC"], ["proxy_servers"], "conda takes these proxies in place of the relay.", "Remove it: conda config --remove-key proxy_servers.")],
        },
    ];

    // Node.js takes quotes in it, and a backslash in them.
    private static string NodeOptionsWith(string file, string? theirs)
    {
        var ours = $"--require {(file.Contains(' ', StringComparison.Ordinal) ? $"\"{file}\"" : file)}";
        return theirs is null || theirs.Contains(ours, StringComparison.Ordinal) ? theirs ?? ours : $"{ours} {theirs}";
    }
}
