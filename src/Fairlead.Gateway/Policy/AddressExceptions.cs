using System.Diagnostics.CodeAnalysis;
using System.Net;
using System.Net.Sockets;
using Fairlead.Wire;

namespace Fairlead.Gateway.Policy;

/// <summary>Addresses that are not public and that a policy lets its sessions reach all the same. Which of them an exception can open at all, the address guard says.</summary>
/// <param name="networks">In the order of the file.</param>
internal sealed class AddressExceptions(IReadOnlyList<IPNetwork> networks) : IEquatable<AddressExceptions>
{
    // A typing error must not open half the Internet's private side: at most the largest block that anybody was given.
    private const int ShortestPrefix4 = 8;
    private const int ShortestPrefix6 = 16;

    public static AddressExceptions None { get; } = new([]);

    public IReadOnlyList<IPNetwork> Networks => networks;

    /// <summary>Reads a network: <c>10.20.0.0/16</c>, <c>fd00:1::/32</c>, or an address for itself alone.</summary>
    /// <param name="text">What the author wrote.</param>
    /// <param name="network">The network.</param>
    /// <param name="problem">What was expected and what came.</param>
    public static bool TryParse(string text, out IPNetwork network, [NotNullWhen(false)] out string? problem)
    {
        network = default;
        var slash = text.IndexOf('/', StringComparison.Ordinal);
        // HostPort knows one spelling of an address, the canonical one, where IPAddress takes "9443" for 0.0.36.227.
        if (!HostPort.TryCanonicalHost(slash < 0 ? text : text[..slash], out _, out var address, out _) || address is null)
            return Fail(out problem, $"expected a network such as 10.20.0.0/16 or fd00:1::/32, or an address, got '{HostPort.Printable(text)}'");
        var isIPv4 = address.AddressFamily == AddressFamily.InterNetwork;
        var (shortest, longest) = isIPv4 ? (ShortestPrefix4, 32) : (ShortestPrefix6, 128);
        var length = longest;
        if (slash >= 0 && !TryReadLength(text[(slash + 1)..], out length))
            return Fail(out problem, $"expected the length of a prefix behind '/', got '{HostPort.Printable(text)}'");
        if (length < shortest || length > longest)
            return Fail(out problem, $"expected a prefix of {shortest} to {longest} bits, got '{HostPort.Printable(text)}'");
        var bytes = address.GetAddressBytes();
        var first = (byte[])bytes.Clone();
        for (var bit = length; bit < longest; bit++) first[bit / 8] &= (byte)~(0x80 >> (bit % 8));
        var start = new IPAddress(first);
        if (!bytes.AsSpan().SequenceEqual(first))
            return Fail(out problem, $"'{HostPort.Printable(text)}' has bits behind its prefix: is {start}/{length} meant, or the address {address} alone?");
        network = new IPNetwork(start, length);
        problem = null;
        return true;
    }

    public bool Contain(IPAddress address)
    {
        foreach (var network in networks)
        {
            if (network.Contains(address)) return true;
        }

        return false;
    }

    /// <summary>True when an exception is this address and nothing beside it.</summary>
    public bool Name(IPAddress address)
    {
        foreach (var network in networks)
        {
            if (network.PrefixLength == (address.AddressFamily == AddressFamily.InterNetwork ? 32 : 128) && network.BaseAddress.Equals(address)) return true;
        }

        return false;
    }

    public bool Equals(AddressExceptions? other) => other is not null && Networks.SequenceEqual(other.Networks);

    public override bool Equals(object? obj) => Equals(obj as AddressExceptions);

    public override int GetHashCode() => networks.Count == 0 ? 0 : HashCode.Combine(networks.Count, networks[0]);

    public override string ToString() => string.Join(' ', networks);

    private static bool TryReadLength(string text, out int length)
    {
        length = 0;
        return text.Length is > 0 and <= 3 && text.All(char.IsAsciiDigit) && int.TryParse(text, System.Globalization.CultureInfo.InvariantCulture, out length);
    }

    private static bool Fail([NotNullWhen(false)] out string? problem, string text)
    {
        problem = text;
        return false;
    }
}
