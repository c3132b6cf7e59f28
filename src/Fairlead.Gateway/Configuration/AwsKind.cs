using Fairlead.Gateway.Credentials;
using Fairlead.Gateway.Signing;
using Fairlead.Wire;

namespace Fairlead.Gateway.Configuration;

/// <summary><c>use: aws-sigv4</c>: requests are signed by a key of AWS.</summary>
internal static class AwsKind
{
    private const long LargestMaxBody = 64 * 1024 * 1024;

    public static readonly CredentialKind Kind = new("aws-sigv4", ["access_key_id", "secret_access_key", "session_token", "region", "service", "max_body"], input =>
    {
        var fields = input.Fields;
        var idNode = fields.Required("access_key_id");
        var id = idNode.Text();
        if (SecretText.TryParse("access_key_id", id, input.Secrets, out var idText, isConstantAllowed: true) is { } problem && id.Length > 0) idNode.Fail(problem);
        var secret = input.Secret("secret_access_key");
        var headers = new List<InjectedHeader>();
        if (fields.Has("session_token", out var tokenNode) && ConfigContext.Named(tokenNode, input.Secrets, "secret") is { } token)
        {
            _ = InjectedHeader.TryCreate("X-Amz-Security-Token", "{token}", new Dictionary<string, ISecret> { ["token"] = token }, out var header);
            headers.Add(header!);
        }

        var (region, service, maxBody) = (ReadName(fields, "region"), ReadName(fields, "service"), ReadMaxBody(fields));
        return idText is null || secret is null ? new() : new() { Headers = headers, Signer = new AwsSigner(new(idText, secret, region, service, maxBody), TimeProvider.System) };
    })
    {
        NeverTravels = true,
    };

    /// <summary>How long a body may be that is held to be signed. Default: 1 MiB.</summary>
    internal static long ReadMaxBody(ConfigNode.Fields fields)
    {
        if (!fields.Has("max_body", out var node) || Units.ReadBytes(node) is not { } bytes) return TextBody.MaxBytes;
        if (bytes < 1 || bytes > LargestMaxBody) node.Fail($"expected 1 to {LargestMaxBody} bytes: a body is held in memory to be signed");
        return Math.Min(bytes, LargestMaxBody);
    }

    private static string? ReadName(ConfigNode.Fields fields, string key)
    {
        if (!fields.Has(key, out var node)) return null;
        var name = node.Text();
        if (name.Length > 0 && !AwsScope.IsName(name)) node.Fail($"expected letters, digits, '-' and '_', got '{HostPort.Printable(name)}'");
        return name.Length == 0 ? null : name;
    }
}
