using static Fairlead.Relay.Trust.Variables;

namespace Fairlead.Relay.Trust;

/// <summary>Command lines of clouds and clusters.</summary>
internal static class CloudTools
{
    public static readonly IReadOnlyList<Tool> All =
    [
        new() { Name = "AWS CLI and SDKs", Commands = ["aws"], Variables = [.. ProxyPair, Variable.Bundle("AWS_CA_BUNDLE")] },
        new() { Name = "gcloud", Commands = ["gcloud"], Variables = [.. ProxyPair, Variable.Bundle("CLOUDSDK_CORE_CUSTOM_CA_CERTS_FILE")] },
        new() { Name = "gRPC", Variables = [.. ProxyPair, Variable.Bundle("GRPC_DEFAULT_SSL_ROOTS_FILE_PATH")] },
    ];
}
