using Fairlead.Gateway.Credentials;

namespace Fairlead.Gateway.Configuration;

/// <summary><c>use: client-certificate</c>: a certificate that upstreams are shown in TLS.</summary>
internal static class ClientCertificateKind
{
    public static readonly CredentialKind Kind = new("client-certificate", ["certificate", "key"], input =>
    {
        var (context, keyNode) = (input.Context, input.Fields.Required("key"));
        var (certificate, key) = (context.ExistingFile(input.Fields.Required("certificate")), context.ExistingFile(keyNode));
        if (certificate.Length == 0 || key.Length == 0 || context.IsReview) return new();
        context.WatchedFiles.Add(certificate);
        context.SecretFiles.Add(key);
        try
        {
            var read = ClientCertificate.Read(certificate, key, TimeProvider.System);
            if (read.Warning is { } warning) context.Warnings.Add($"credentials.{input.Name}: {warning}");
            return new() { Certificate = read };
        }
        catch (Exception e) when (e is InvalidDataException or IOException or UnauthorizedAccessException)
        {
            keyNode.Fail(e.Message);
            return new();
        }
    })
    {
        NeverTravels = true,
    };
}
