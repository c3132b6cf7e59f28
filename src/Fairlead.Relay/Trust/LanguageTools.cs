using static Fairlead.Relay.Trust.Variables;

namespace Fairlead.Relay.Trust;

/// <summary>Compilers' and interpreters' package managers.</summary>
internal static class LanguageTools
{
    public static readonly IReadOnlyList<Tool> All =
    [
        new() { Name = "cargo", Commands = ["cargo"], Variables = [.. ProxyPair, Variable.Bundle("CARGO_HTTP_CAINFO")] },
        new() { Name = "bundler", Commands = ["bundle"], Variables = [.. ProxyPair, SslCertFile, Variable.Bundle("BUNDLE_SSL_CA_CERT")] },
        new() { Name = "Elixir's hex", Commands = ["mix"], Variables = [.. ProxyPair, Variable.Bundle("HEX_CACERTS_PATH")] },
        new() { Name = "Nix", Commands = ["nix"], Variables = [.. ProxyPair, Variable.Bundle("NIX_SSL_CERT_FILE")] },
    ];
}
