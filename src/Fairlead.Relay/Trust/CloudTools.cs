using static Fairlead.Relay.Trust.Variables;

namespace Fairlead.Relay.Trust;

/// <summary>Command lines of clouds and clusters, and browsers.</summary>
internal static class CloudTools
{
    public static readonly IReadOnlyList<Tool> All =
    [
        new() { Name = "AWS CLI and SDKs", Commands = ["aws"], Variables = [.. ProxyPair, Variable.Bundle("AWS_CA_BUNDLE")] },
        new()
        {
            Name = "gcloud",
            Commands = ["gcloud"],
            Variables = [.. ProxyPair, Variable.Bundle("CLOUDSDK_CORE_CUSTOM_CA_CERTS_FILE")],
            Conflicts = [ConflictRule.InFiles(["~/.config/gcloud/properties", "~/.config/gcloud/configurations/*", "$CLOUDSDK_CONFIG/properties"], ["proxy.*"], "gcloud takes this proxy in place of the relay.", "Remove it: gcloud config unset with the key.")],
            Note = "gsutil also reads `~/.boto`; there `ca_certificates_file` and `[Boto] proxy` win.",
        },
        new()
        {
            Name = "kubectl",
            Commands = ["kubectl"],
            VersionArguments = ["version", "--client"],
            Variables = [.. ProxyPair, SslCertFile],
            Note = "A cluster whose CA stands in the kubeconfig trusts no other: name its API server with `--no-proxy-add`.",
        },
        new() { Name = "gRPC", Variables = [.. ProxyPair, Variable.Bundle("GRPC_DEFAULT_SSL_ROOTS_FILE_PATH")] },
        new()
        {
            Name = "Chromium",
            Commands = ["chromium", "chromium-browser", "google-chrome"],
            Variables = ProxyPair,
            Note = "It uses the proxy, and trusts what is in the user's NSS database, which the relay changes only with `--browser-trust`.",
        },
        new()
        {
            Name = "Firefox",
            Commands = ["firefox", "firefox-esr"],
            Note = "It reads no variable: set its proxy to \"use system proxy settings\", and with `--browser-trust` a profile below `~/.mozilla/firefox` trusts the CA.",
        },
    ];
}
