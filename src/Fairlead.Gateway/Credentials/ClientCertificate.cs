using System.Globalization;
using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Fairlead.Gateway.Files;

namespace Fairlead.Gateway.Credentials;

/// <summary>A certificate by which the gateway shows an upstream who it is (mutual TLS), with its key. It has no string form.</summary>
internal sealed class ClientCertificate
{
    // RFC 5280 §4.2.1.12.
    private const string ForClients = "1.3.6.1.5.5.7.3.2";
    private const string ForAnything = "2.5.29.37.0";

    private static readonly TimeSpan WarningTime = TimeSpan.FromDays(7);

    private readonly X509Certificate2 _leaf;
    private readonly TimeProvider _time;

    private ClientCertificate(X509Certificate2 leaf, X509Certificate2Collection chain, TimeProvider time)
    {
        (_leaf, _time) = (leaf, time);
        Context = SslStreamCertificateContext.Create(leaf, chain, offline: true);
        // Of the key, too: a certificate that was issued anew for the same key is another one.
        Identity = Convert.ToHexString(SHA256.HashData(leaf.RawData)) + string.Concat(chain.Select(c => Convert.ToHexString(SHA256.HashData(c.RawData))));
    }

    /// <summary>What a handshake shows and signs with.</summary>
    public SslStreamCertificateContext Context { get; }

    /// <summary>Equal for equal certificates.</summary>
    public string Identity { get; }

    /// <summary>Reads a certificate, with the chain behind it, and its key.</summary>
    /// <param name="certificateFile">PEM: the certificate first, then its issuers, as far as the upstream has to be told.</param>
    /// <param name="keyFile">PEM, unencrypted, of mode 0600.</param>
    /// <param name="time">The clock that says what "expired" means.</param>
    /// <exception cref="InvalidDataException">They cannot be used; the message says why.</exception>
    /// <exception cref="IOException">They cannot be read.</exception>
    public static ClientCertificate Read(string certificateFile, string keyFile, TimeProvider time)
    {
        PrivateKey.RequireOwnersAlone(keyFile, "a client certificate");
        try
        {
            using var fromPem = X509Certificate2.CreateFromPemFile(certificateFile, keyFile);
            var chain = new X509Certificate2Collection();
            chain.ImportFromPemFile(certificateFile);
            chain.RemoveAt(0);
            // A key that lives with the certificate only for a while is not found by the handshake.
            return new ClientCertificate(X509CertificateLoader.LoadPkcs12(fromPem.Export(X509ContentType.Pkcs12), null), chain, time);
        }
        catch (Exception e) when (e is CryptographicException or ArgumentException)
        {
            throw new InvalidDataException($"expected a certificate in {certificateFile} and its unencrypted key in {keyFile}, both in PEM: {e.Message}", e);
        }
    }

    /// <summary>Why it is of no use now, or null.</summary>
    public string? Problem
    {
        get
        {
            var now = _time.GetUtcNow();
            if (now > _leaf.NotAfter.ToUniversalTime()) return $"the certificate expired on {Date(_leaf.NotAfter)}";
            return now < _leaf.NotBefore.ToUniversalTime() ? $"the certificate is not valid before {Date(_leaf.NotBefore)}" : null;
        }
    }

    /// <summary>What an operator should know, or null: that it is of no use, will soon be of none, or is not for clients.</summary>
    public string? Warning
    {
        get
        {
            if (Problem is { } problem) return problem;
            if (_time.GetUtcNow() + WarningTime > _leaf.NotAfter.ToUniversalTime()) return $"the certificate expires on {Date(_leaf.NotAfter)}";
            var usages = _leaf.Extensions.OfType<X509EnhancedKeyUsageExtension>().FirstOrDefault()?.EnhancedKeyUsages;
            return usages?.OfType<Oid>().All(o => o.Value is not (ForClients or ForAnything)) == true ? "the certificate is not for TLS clients (extended key usage), and servers may refuse it" : null;
        }
    }

    public override string ToString() => "***";

    private static string Date(DateTime date) => date.ToUniversalTime().ToString("yyyy-MM-dd HH:mm 'UTC'", CultureInfo.InvariantCulture);
}
