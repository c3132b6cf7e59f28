using static Fairlead.Relay.Trust.Variables;

namespace Fairlead.Relay.Trust;

/// <summary>The tools of every image: downloads, git, packages of the distribution, TLS itself, and agents.</summary>
internal static class CommonTools
{
    private static readonly GeneratedFile AgentHelp = new("AGENT.md", "a page for an AI agent", facts => WrittenFiles.Resource("AGENT.md", facts));
    private static readonly GeneratedFile WgetRc = new("wgetrc", "the user's wgetrc with proxy and bundle behind it", WrittenFiles.WgetRc) { IsPrivate = WrittenFiles.HasWgetRc };
    private static readonly GeneratedFile AptConf = new("apt.conf", "the bundle, for apt", WrittenFiles.AptConf);

    private static readonly Variable GitConfig = Variable.Group(
        "GIT_CONFIG_COUNT, _KEY_n, _VALUE_n", "with `--git-https`: ssh addresses of those hosts become https, after the user's own entries", GitHttps.Variables);

    private const string RemoveLine = "Remove the line.";

    public static readonly IReadOnlyList<Tool> All =
    [
        new()
        {
            Name = "curl",
            Commands = ["curl"],
            Variables = [.. ProxyPair, CurlCaBundle],
            Conflicts =
            [
                ConflictRule.InFiles(
                    ["~/.curlrc", "$CURL_HOME/.curlrc", "$XDG_CONFIG_HOME/curlrc"], ["proxy", "-x", "noproxy", "cacert", "capath", "insecure", "-k"],
                    "curl takes this in place of the relay's proxy, direct hosts or CA.", "Remove the line, or run curl -q."),
            ],
            Probe = new("-fsS", Probe.Url),
            Note = "A program built on libcurl reads `CURL_CA_BUNDLE` only if it was written to.",
        },
        new()
        {
            Name = "wget",
            Commands = ["wget"],
            Variables = [.. ProxyPair, SslCertFile, Variable.File("WGETRC", WgetRc)],
            Files = [WgetRc],
            Conflicts =
            [
                ConflictRule.InFiles(["~/.wgetrc", "$WGETRC", "/etc/wgetrc"], ["check_certificate=off", "check-certificate=off"], "wget checks no certificate: whoever answers is trusted.", RemoveLine),
            ],
            Probe = new("-qO-", Probe.Url),
            Note = "wget built with GnuTLS, as Debian's is, reads no variable for its roots, hence the file. BusyBox's wget checks no certificate and reads only the proxy.",
        },
        new()
        {
            Name = "git",
            Commands = ["git"],
            Variables = [.. ProxyPair, Variable.Bundle("GIT_SSL_CAINFO"), GitConfig],
            Conflicts =
            [
                ConflictRule.InFiles(
                    ["~/.gitconfig", "$XDG_CONFIG_HOME/git/config", "~/.config/git/config", "$GIT_CONFIG_GLOBAL", "/etc/gitconfig", "./.git/config"],
                    ["http.proxy", "http.*.proxy", "remote.*.proxy"], "git takes this proxy in place of the relay.", "Remove it: git config --unset with the key."),
                ConflictRule.InFiles(
                    ["~/.gitconfig", "$XDG_CONFIG_HOME/git/config", "~/.config/git/config", "$GIT_CONFIG_GLOBAL", "/etc/gitconfig", "./.git/config"],
                    ["http.sslverify=false", "http.*.sslverify=false"], "git checks no certificate: whoever answers is trusted.", "Remove it: git config --unset with the key."),
                ConflictRule.InEnvironment(["GIT_SSL_NO_VERIFY"], "git checks no certificate: whoever answers is trusted.", "Unset the variable."),
            ],
            Probe = new("ls-remote", Probe.Url) { Shows = "not valid: is this a git repository" },
            Note = "ssh does not pass the relay: with `--git-https HOSTS` (or `FAIRLEAD_GIT_HTTPS`) `git@HOST:` and `ssh://git@HOST/` become `https://HOST/`, whatever ssh has for that host.",
        },
        new()
        {
            Name = "apt",
            Commands = ["apt-get"],
            Variables = [.. ProxyPair, Variable.File("APT_CONFIG", AptConf)],
            Files = [AptConf],
            Conflicts =
            [
                ConflictRule.InFiles(
                    ["/etc/apt/apt.conf.d/*", "/etc/apt/apt.conf"], ["acquire::https::proxy*", "acquire::https::cainfo", "acquire::https::verify-peer=false"],
                    "apt takes this in place of the relay's proxy or CA, for it reads it later.", "Remove the line, or set it with apt-get -o."),
            ],
            Note = "Sources with http:// do not pass the relay, which knows CONNECT alone. Where the user `_apt` cannot reach the bundle, downloads run as root.",
        },
        new()
        {
            Name = "OpenSSL",
            Commands = ["openssl"],
            VersionArguments = ["version"],
            Variables = [SslCertFile],
            Note = "Also what is built on it and asks for its default roots: Ruby, PHP's streams, Qt and others.",
        },
        new()
        {
            Name = "AI agents",
            Variables = [Variable.File("FAIRLEAD_HELP", AgentHelp)],
            Files = [AgentHelp],
            Note = "A page to read when a request fails: what refused it, and what never helps.",
        },
        new()
        {
            Name = "Docker",
            Commands = ["docker"],
            Conflicts =
            [
                ConflictRule.InFiles(["~/.docker/config.json", "$DOCKER_CONFIG/config.json"], ["httpsproxy", "noproxy"], "docker gives this proxy to every container and build in place of the relay.", "Remove it from \"proxies\"."),
            ],
            Note = "The engine is another process: it does not see these variables. For containers and builds see `fairlead docker-args`.",
        },
        new()
        {
            Name = "Programs that read ALL_PROXY",
            Conflicts =
            [
                ConflictRule.InEnvironment(["ALL_PROXY", "all_proxy"], "Plain http:// and other protocols go through this proxy, past the relay.", "Unset the variable."),
            ],
        },
    ];
}
