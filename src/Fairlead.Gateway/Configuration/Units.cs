using System.Globalization;
using Fairlead.Wire;

namespace Fairlead.Gateway.Configuration;

/// <summary>Values with a unit: sizes, times and counts.</summary>
internal static class Units
{
    private static readonly (string Suffix, long Factor)[] Sizes = [("KiB", 1024), ("MiB", 1024 * 1024), ("GiB", 1024 * 1024 * 1024)];
    private static readonly (string Suffix, long Factor)[] Times = [("s", 1), ("m", 60), ("h", 3600), ("d", 86_400)];

    /// <summary>Bytes: <c>500000</c>, <c>64KiB</c>, <c>10MiB</c>, <c>2GiB</c>.</summary>
    public static long? ReadBytes(ConfigNode node) => Read(node, Sizes, allowsBare: true, "a number of bytes such as 500000, 64KiB or 10MiB");

    /// <summary>A count of one or more.</summary>
    public static int? ReadCount(ConfigNode node) => Read(node, [], allowsBare: true, "a number of 1 or more") switch
    {
        null => null,
        > 0 and <= int.MaxValue and var count => (int)count,
        _ => Odd(node, "a number of 1 or more"),
    };

    /// <summary>A time: <c>90s</c>, <c>15m</c>, <c>4h</c>, <c>7d</c>; not zero, and 366 days at most.</summary>
    public static TimeSpan? ReadTime(ConfigNode node)
    {
        const string expected = "a time such as 90s, 15m, 4h or 7d, of 366 days at most";
        if (Read(node, Times, allowsBare: false, expected) is not { } seconds) return null;
        if (seconds is > 0 and <= 366 * 86_400) return TimeSpan.FromSeconds(seconds);
        _ = Odd(node, expected);
        return null;
    }

    /// <summary>The same, as an option of a command has it.</summary>
    public static bool TryReadTime(string text, out TimeSpan time)
    {
        time = default;
        if (!TryParse(text, Times, allowsBare: false, out var seconds) || seconds is <= 0 or > 366 * 86_400) return false;
        time = TimeSpan.FromSeconds(seconds);
        return true;
    }

    private static long? Read(ConfigNode node, (string Suffix, long Factor)[] units, bool allowsBare, string expected)
    {
        var text = node.Text();
        if (text.Length == 0) return null;
        return TryParse(text, units, allowsBare, out var value) ? value : Odd(node, expected);
    }

    private static bool TryParse(string text, (string Suffix, long Factor)[] units, bool allowsBare, out long value)
    {
        value = 0;
        var (suffix, factor) = Array.Find(units, u => text.EndsWith(u.Suffix, StringComparison.Ordinal));
        if (suffix is null && !allowsBare) return false;
        var digits = suffix is null ? text : text[..^suffix.Length].TrimEnd();
        if (!long.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out var number) || number > long.MaxValue / Math.Max(factor, 1)) return false;
        value = number * Math.Max(factor, 1);
        return true;
    }

    private static int? Odd(ConfigNode node, string expected)
    {
        node.Fail($"expected {expected}, got '{HostPort.Printable(node.Text())}'");
        return null;
    }
}
