using System.Formats.Asn1;
using System.Globalization;
using System.Security.Cryptography;

namespace Fairlead.Relay.Trust;

/// <summary>
/// Makes the trust store that Java reads: PKCS#12 (RFC 7292), which has been its own format since JDK 9. Nothing in it is secret, so it is neither encrypted nor
/// has it a MAC; without a password Java asks for neither.
/// </summary>
internal static class JavaTrustStore
{
    private const string Data = "1.2.840.113549.1.7.1";
    private const string CertificateBag = "1.2.840.113549.1.12.10.1.3";
    private const string X509Certificate = "1.2.840.113549.1.9.22.1";
    private const string FriendlyName = "1.2.840.113549.1.9.20";

    // Java takes a certificate without a key for an anchor only with Oracle's attribute "trusted key usage"; its value says for what: anything.
    private const string TrustedKeyUsage = "2.16.840.1.113894.746875.1.1";
    private const string AnyExtendedKeyUsage = "2.5.29.37.0";

    private static readonly Asn1Tag Explicit0 = new(TagClass.ContextSpecific, 0, isConstructed: true);

    /// <summary>Makes the store.</summary>
    /// <param name="pem">PEM certificates, with anything between them.</param>
    /// <returns>The file's content.</returns>
    /// <exception cref="FormatException">A certificate's text is no base64.</exception>
    public static byte[] Encode(string pem)
    {
        var bags = new AsnWriter(AsnEncodingRules.DER);
        using (bags.PushSequence())
        {
            var number = 0;
            for (var rest = pem.AsSpan(); PemEncoding.TryFind(rest, out var found); rest = rest[found.Location.End..])
            {
                if (rest[found.Label] is not "CERTIFICATE") continue;
                WriteBag(bags, Convert.FromBase64String(rest[found.Base64Data].ToString()), string.Create(CultureInfo.InvariantCulture, $"fairlead-{++number}"));
            }
        }

        // PFX ::= SEQUENCE { version 3, authSafe ContentInfo, macData OPTIONAL }; authSafe holds a sequence of ContentInfo, here one, not encrypted.
        var safes = new AsnWriter(AsnEncodingRules.DER);
        using (safes.PushSequence()) WriteData(safes, bags.Encode());
        var store = new AsnWriter(AsnEncodingRules.DER);
        using (store.PushSequence())
        {
            store.WriteInteger(3);
            WriteData(store, safes.Encode());
        }

        return store.Encode();
    }

    // ContentInfo ::= SEQUENCE { id-data, [0] OCTET STRING }
    private static void WriteData(AsnWriter writer, byte[] content)
    {
        using (writer.PushSequence())
        {
            writer.WriteObjectIdentifier(Data);
            using (writer.PushSequence(Explicit0)) writer.WriteOctetString(content);
        }
    }

    // SafeBag ::= SEQUENCE { certBag, [0] SEQUENCE { x509Certificate, [0] OCTET STRING }, SET OF attribute }
    private static void WriteBag(AsnWriter writer, byte[] certificate, string alias)
    {
        using (writer.PushSequence())
        {
            writer.WriteObjectIdentifier(CertificateBag);
            using (writer.PushSequence(Explicit0))
            using (writer.PushSequence())
            {
                writer.WriteObjectIdentifier(X509Certificate);
                using (writer.PushSequence(Explicit0)) writer.WriteOctetString(certificate);
            }

            using (writer.PushSetOf())
            {
                // Java keeps one entry of each alias.
                WriteAttribute(writer, FriendlyName, w => w.WriteCharacterString(UniversalTagNumber.BMPString, alias));
                WriteAttribute(writer, TrustedKeyUsage, w => w.WriteObjectIdentifier(AnyExtendedKeyUsage));
            }
        }
    }

    private static void WriteAttribute(AsnWriter writer, string name, Action<AsnWriter> writeValue)
    {
        using (writer.PushSequence())
        {
            writer.WriteObjectIdentifier(name);
            using (writer.PushSetOf()) writeValue(writer);
        }
    }
}
