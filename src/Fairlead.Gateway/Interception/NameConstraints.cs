using System.Diagnostics.CodeAnalysis;
using System.Formats.Asn1;
using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Fairlead.Wire;

namespace Fairlead.Gateway.Interception;

/// <summary>For which names a CA may sign (RFC 5280 §4.2.1.10). Clients hold a leaf for another name for invalid, whoever has the key.</summary>
internal sealed class NameConstraints
{
    private const string Oid = "2.5.29.30";
    private static readonly Asn1Tag DnsName = new(TagClass.ContextSpecific, 2);
    private static readonly Asn1Tag IpAddress = new(TagClass.ContextSpecific, 7);
    private static readonly Asn1Tag Permitted = new(TagClass.ContextSpecific, 0);
    private static readonly Asn1Tag Excluded = new(TagClass.ContextSpecific, 1);

    private readonly Subtrees _permitted;
    private readonly Subtrees _excluded;

    private NameConstraints(Subtrees permitted, Subtrees excluded) => (_permitted, _excluded) = (permitted, excluded);

    /// <param name="Names">In the form of §4.2.1.10: <c>example.com</c> is that name and all below it.</param>
    /// <param name="Addresses">An address and its mask: 8 bytes or 32.</param>
    private sealed record Subtrees(IReadOnlyList<string> Names, IReadOnlyList<byte[]> Addresses);

    /// <summary>The permitted names, for people.</summary>
    public string Text => string.Join(", ", [.. _permitted.Names, .. _permitted.Addresses.Select(AddressText)]);

    /// <summary>Constraints that permit some names with all below them, and some addresses or networks. Without an address, all are excluded.</summary>
    /// <param name="texts"><c>example.com</c>, <c>192.0.2.7</c> or <c>2001:db8::/32</c>.</param>
    /// <param name="constraints">The constraints; the gateway's own self-test is always permitted.</param>
    /// <param name="problem">Which text is wrong, and what was expected.</param>
    public static bool TryCreate(IEnumerable<string> texts, [NotNullWhen(true)] out NameConstraints? constraints, [NotNullWhen(false)] out string? problem)
    {
        (constraints, problem) = (null, null);
        var names = new SortedSet<string>(StringComparer.Ordinal) { Protocol.SelfTestHost };
        var addresses = new SortedDictionary<string, byte[]>(StringComparer.Ordinal);
        foreach (var text in texts)
        {
            if (TryReadNetwork(text) is { } network) addresses[Convert.ToHexString(network)] = network;
            else if (HostPort.TryCanonicalHost(text, out var host, out var address, out _) && address is null) names.Add(host);
            else
            {
                problem = $"expected a name, which stands for all below it too, such as example.com, or an address or network, such as 192.0.2.0/24; got '{HostPort.Printable(text)}'";
                return false;
            }
        }

        // An empty list of addresses would permit them all.
        IReadOnlyList<byte[]> none = addresses.Count > 0 ? [] : [new byte[8], new byte[32]];
        constraints = new NameConstraints(new Subtrees([.. names], [.. addresses.Values]), new Subtrees([], none));
        return true;
    }

    /// <summary>What a certificate says.</summary>
    /// <returns>Null when it is not constrained.</returns>
    /// <exception cref="CryptographicException">The extension cannot be read.</exception>
    public static NameConstraints? Of(X509Certificate2 certificate)
    {
        if (certificate.Extensions[Oid] is not { } extension) return null;
        try
        {
            var content = new AsnReader(extension.RawData, AsnEncodingRules.DER).ReadSequence();
            var permitted = Read(content, Permitted);
            return new NameConstraints(permitted, Read(content, Excluded));
        }
        catch (AsnContentException e)
        {
            throw new CryptographicException("its name constraints cannot be read", e);
        }
    }

    /// <summary>The extension; critical, as §4.2.1.10 demands.</summary>
    public X509Extension Build()
    {
        var writer = new AsnWriter(AsnEncodingRules.DER);
        using (writer.PushSequence())
        {
            Write(writer, Permitted, _permitted);
            Write(writer, Excluded, _excluded);
        }

        return new X509Extension(Oid, writer.Encode(), critical: true);
    }

    /// <summary>True when a leaf for the host would be valid.</summary>
    public bool Permits(string host, IPAddress? address)
    {
        if (address is null) return (_permitted.Names.Count == 0 || _permitted.Names.Any(IsBelow)) && !_excluded.Names.Any(IsBelow);
        var bytes = address.GetAddressBytes();
        return (_permitted.Addresses.Count == 0 || _permitted.Addresses.Any(IsWithin)) && !_excluded.Addresses.Any(IsWithin);

        // With a dot in front only names below are meant; the RFC says nothing of it, and clients agree.
        bool IsBelow(string name) =>
            name.Length == 0 || host == name || (name[0] == '.' ? host.EndsWith(name, StringComparison.Ordinal) : host.EndsWith('.' + name, StringComparison.Ordinal));

        bool IsWithin(byte[] subtree) =>
            subtree.Length == 2 * bytes.Length && bytes.Select((b, i) => b & subtree[bytes.Length + i]).SequenceEqual(subtree.Take(bytes.Length).Select((b, i) => b & subtree[bytes.Length + i]));
    }

    private static byte[]? TryReadNetwork(string text)
    {
        if (!text.Contains('/', StringComparison.Ordinal))
            return HostPort.TryCanonicalHost(text.Trim('[', ']'), out _, out var single, out _) && single is not null ? [.. single.GetAddressBytes(), .. Enumerable.Repeat((byte)0xff, single.GetAddressBytes().Length)] : null;
        if (!IPNetwork.TryParse(text, out var network)) return null;
        var bytes = network.BaseAddress.GetAddressBytes();
        var mask = new byte[bytes.Length];
        for (var bit = 0; bit < network.PrefixLength; bit++) mask[bit / 8] |= (byte)(0x80 >> (bit % 8));
        return [.. bytes, .. mask];
    }

    private static string AddressText(byte[] subtree)
    {
        var half = subtree.Length / 2;
        var bits = subtree.Skip(half).Sum(b => System.Numerics.BitOperations.PopCount(b));
        return $"{new IPAddress(subtree.AsSpan(0, half))}/{bits}";
    }

    private static void Write(AsnWriter writer, Asn1Tag tag, Subtrees subtrees)
    {
        if (subtrees.Names.Count + subtrees.Addresses.Count == 0) return;
        using (writer.PushSequence(tag))
        {
            foreach (var name in subtrees.Names)
            {
                using (writer.PushSequence()) writer.WriteCharacterString(UniversalTagNumber.IA5String, name, DnsName);
            }

            foreach (var address in subtrees.Addresses)
            {
                using (writer.PushSequence()) writer.WriteOctetString(address, IpAddress);
            }
        }
    }

    private static Subtrees Read(AsnReader content, Asn1Tag tag)
    {
        var (names, addresses) = (new List<string>(), new List<byte[]>());
        if (!content.HasData || !content.PeekTag().HasSameClassAndValue(tag)) return new Subtrees(names, addresses);
        for (var list = content.ReadSequence(tag); list.HasData;)
        {
            var subtree = list.ReadSequence();
            var kind = subtree.PeekTag();
            if (kind.HasSameClassAndValue(DnsName)) names.Add(subtree.ReadCharacterString(UniversalTagNumber.IA5String, DnsName).ToLowerInvariant());
            else if (kind.HasSameClassAndValue(IpAddress)) addresses.Add(subtree.ReadOctetString(IpAddress));
            // Other forms of names stand in no leaf of ours.
        }

        return new Subtrees(names, addresses);
    }
}
