using static Fairlead.Relay.Trust.Variables;

namespace Fairlead.Relay.Trust;

/// <summary>Compilers' and interpreters' package managers.</summary>
internal static class LanguageTools
{
    private static readonly GeneratedFile PhpIni = new("php.ini", "the bundle, for PHP", WrittenFiles.PhpIni);

    private static readonly GeneratedFile GemRc = new("gemrc", "the proxy, for bundler", facts => System.Text.Encoding.ASCII.GetBytes($"http_proxy: {facts.Proxy}\n"));

    // RubyGems reads these after ~/.gemrc, in their order.
    private static readonly Variable GemRcList = Variable.Of("GEMRC", "the user's list, then `gemrc`", facts =>
        facts.Files.TryGetValue(GemRc.Name, out var file) ? facts.Original("GEMRC") is { } theirs ? $"{theirs}:{file}" : file : null);

    // PHP reads every .ini in these directories; an empty name stands for its own.
    private static readonly Variable PhpScan = Variable.Of("PHP_INI_SCAN_DIR", "PHP's own directories, then that of `php.ini`", facts =>
        facts.Files.TryGetValue(PhpIni.Name, out var file) ? $"{facts.Environment.GetValueOrDefault("PHP_INI_SCAN_DIR")}:{Path.GetDirectoryName(file)}" : null);

    public static readonly IReadOnlyList<Tool> All =
    [
        new()
        {
            Name = "Go",
            Commands = ["go"],
            VersionArguments = ["version"],
            Variables = [.. ProxyPair, SslCertFile],
            Note = "Also every program written in Go: gh, terraform, helm.",
        },
        new()
        {
            Name = "cargo",
            Commands = ["cargo"],
            Variables = [.. ProxyPair, Variable.Bundle("CARGO_HTTP_CAINFO")],
            Conflicts =
            [
                ConflictRule.InFiles(["~/.cargo/config.toml", "~/.cargo/config", "$CARGO_HOME/config.toml", "./.cargo/config.toml"], ["http.proxy"], "cargo takes this proxy in place of the relay.", "Remove the line."),
                ConflictRule.InEnvironment(["CARGO_HTTP_PROXY"], "cargo takes this proxy in place of the relay.", "Unset the variable."),
            ],
        },
        new() { Name = "Rust", Commands = ["rustup"], Variables = [.. ProxyPair, SslCertFile], Note = "Programs that ask for the system's roots (rustls-native-certs, native-tls); one with roots compiled in trusts no other." },
        new()
        {
            Name = ".NET and NuGet",
            Commands = ["dotnet"],
            Variables = [.. ProxyPair, SslCertFile],
            Conflicts = [ConflictRule.InFiles(["~/.nuget/NuGet/NuGet.Config", "~/.config/NuGet/NuGet.Config", "./nuget.config", "./NuGet.Config"], ["<add key=\"http_proxy\"*"], "NuGet takes this proxy in place of the relay.", "Remove the element.")],
        },
        new()
        {
            Name = "Ruby and gem",
            Commands = ["ruby"],
            Variables = [.. ProxyPair, SslCertFile],
            Conflicts = [ConflictRule.InFiles(["~/.gemrc"], [":http_proxy", "http_proxy", ":ssl_ca_cert", "ssl_ca_cert"], "gem takes this in place of the relay's proxy or CA.", "Remove the line.")],
            Note = "`open-uri` and gem use the proxy; `Net::HTTP` by itself reads `http_proxy` alone, which the relay does not set.",
            Probe = new("-ropen-uri", "-e", $"URI.open('{Probe.Url}').read"),
        },
        new()
        {
            Name = "bundler",
            Commands = ["bundle"],
            Variables = [SslCertFile, GemRcList, Variable.Bundle("BUNDLE_SSL_CA_CERT")],
            Files = [GemRc],
            Conflicts = [ConflictRule.InFiles(["./.bundle/config"], ["bundle_ssl_ca_cert"], "bundler takes this CA in place of the bundle: a project's file beats the environment.", "Remove it: bundle config unset --local ssl_ca_cert.")],
        },
        new()
        {
            Name = "PHP",
            Commands = ["php"],
            Variables = [SslCertFile, PhpScan],
            Files = [PhpIni],
            Note = "PHP's streams and its curl extension trust the CA; curl uses the proxy, `file_get_contents` uses none.",
        },
        new()
        {
            Name = "Composer",
            Commands = ["composer"],
            Variables = [.. ProxyPair, SslCertFile, PhpScan, Variable.Bundle("COMPOSER_CAFILE")],
            Conflicts = [ConflictRule.InFiles(["~/.config/composer/config.json", "~/.composer/config.json", "$COMPOSER_HOME/config.json"], ["disable-tls=true", "secure-http=false"], "Composer checks no certificate, or takes packages over http.", "Remove it: composer config -g --unset with the key.")],
        },
        new()
        {
            Name = "Perl",
            Commands = ["perl"],
            Variables = [.. ProxyPair, SslCertFile, Variable.Bundle("PERL_LWP_SSL_CA_FILE"), Variable.Fixed("PERL_LWP_ENV_PROXY", "1")],
            Conflicts = [ConflictRule.InEnvironment(["PERL_LWP_SSL_VERIFY_HOSTNAME=0"], "Perl's LWP checks no certificate: whoever answers is trusted.", "Unset the variable.")],
            Note = "LWP and HTTP::Tiny.",
        },
        new() { Name = "Elixir's hex", Commands = ["mix"], Variables = [.. ProxyPair, Variable.Bundle("HEX_CACERTS_PATH")] },
        new() { Name = "Julia", Commands = ["julia"], Variables = [.. ProxyPair, SslCertFile, Variable.Bundle("JULIA_SSL_CA_ROOTS_PATH")] },
        new() { Name = "R", Commands = ["R"], Variables = [.. ProxyPair, CurlCaBundle] },
        new() { Name = "Nix", Commands = ["nix"], Variables = [.. ProxyPair, Variable.Bundle("NIX_SSL_CERT_FILE")], Note = "A daemon of Nix downloads in a process of its own, with its own environment." },
    ];
}
