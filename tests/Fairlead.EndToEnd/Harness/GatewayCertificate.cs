using System.Net;
using Fairlead.EndToEnd.Origins;

namespace Fairlead.EndToEnd.Harness;

/// <summary>A certificate for the gateway's own listener, from an authority that only the relay is told about.</summary>
internal static class GatewayCertificate
{
    /// <returns>The file with the authority's certificate.</returns>
    public static string Write(TempFolder folder)
    {
        using var authority = new TestAuthority("Gateway Listener Test CA");
        using var leaf = authority.Issue(["localhost"], [IPAddress.Loopback]);
        folder.Write("gw.pem", leaf.ExportCertificatePem());
        using var key = System.Security.Cryptography.X509Certificates.ECDsaCertificateExtensions.GetECDsaPrivateKey(leaf)!;
        folder.Write("gw.key", key.ExportPkcs8PrivateKeyPem());
        return folder.Write("gw-ca.pem", authority.Pem);
    }
}
