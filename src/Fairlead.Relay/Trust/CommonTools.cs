using static Fairlead.Relay.Trust.Variables;

namespace Fairlead.Relay.Trust;

/// <summary>The tools of every image: downloads, git, TLS itself.</summary>
internal static class CommonTools
{
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
                    "curl uses this in place of the relay's proxy and CA.", "Remove the line, or run curl -q."),
            ],
            Probe = new("-fsS", Probe.Url),
        },
        new()
        {
            Name = "git",
            Commands = ["git"],
            Variables = [.. ProxyPair, Variable.Bundle("GIT_SSL_CAINFO")],
            Probe = new("ls-remote", Probe.Url) { Shows = "is this a git repository" },
        },
        new()
        {
            Name = "OpenSSL, Ruby, Go, Rust, PHP",
            Variables = [.. ProxyPair, SslCertFile],
        },
    ];
}
