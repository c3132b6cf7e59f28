using System.Diagnostics.CodeAnalysis;

namespace Fairlead.Gateway.Credentials;

/// <summary>A secret value that cannot be printed by accident: it has no string form, and <see cref="Reveal"/> is the one way to it.</summary>
internal sealed class Secret : ISecret
{
    private readonly string _value;
    private readonly Secret[] _held;

    private Secret(string name, string value) => (Name, _value, _held) = (name, value, [this]);

    /// <summary>The name it has in the configuration.</summary>
    public string Name { get; }

    Secret? ISecret.Constant => this;

    IReadOnlyList<Secret> ISecret.Held => _held;

    ValueTask<Secret> ISecret.GetAsync(CancellationToken cancellationToken) => new(this);

    /// <summary>Checks a value as it came from its source. One trailing line break is trimmed: editors and <c>echo</c> leave it.</summary>
    /// <param name="name">The name in the configuration.</param>
    /// <param name="raw">What the source gave.</param>
    /// <param name="secret">The secret.</param>
    /// <param name="hadLineBreak">True when a trailing line break was trimmed, which is worth a warning.</param>
    /// <param name="problem">What is wrong with it, without its value.</param>
    public static bool TryCreate(
        string name, string raw, [NotNullWhen(true)] out Secret? secret, out bool hadLineBreak, [NotNullWhen(false)] out string? problem)
    {
        secret = null;
        var value = raw.EndsWith("\r\n", StringComparison.Ordinal) ? raw[..^2] : raw.EndsWith('\n') ? raw[..^1] : raw;
        hadLineBreak = value.Length != raw.Length;
        if (value.Length == 0) problem = "it is empty";
        // A line break inside a header value would end the header and begin the next: request splitting.
        else if (value.AsSpan().IndexOfAnyExceptInRange('\x20', '\x7e') is >= 0 and var at) problem = $"character {at + 1} of {value.Length} is not visible ASCII";
        else if (value[0] == ' ' || value[^1] == ' ') problem = "it begins or ends with a blank";
        else problem = null;
        if (problem is not null) return false;
        secret = new Secret(name, value);
        return true;
    }

    /// <summary>Stands for a secret that could not be read, in a configuration that will not load.</summary>
    public static Secret Unreadable(string name) => new(name, "unreadable");

    public string Reveal() => _value;

    public override string ToString() => "***";
}
