using System.Text;
using Fairlead.Wire;

namespace Fairlead.Gateway.Credentials;

/// <summary>A header that a credential sets: its name, and a value ready to be sent. It has no string form.</summary>
internal sealed class InjectedHeader
{
    // They frame or describe the message or belong to one hop; a credential in them would break the request or reach the wrong peer.
    private static readonly HashSet<string> Forbidden = new(StringComparer.OrdinalIgnoreCase)
    {
        "Allow", "Connection", "Content-Disposition", "Content-Encoding", "Content-Language", "Content-Length", "Content-Location", "Content-MD5", "Content-Range",
        "Content-Type", "Expect", "Expires", "Host", "Keep-Alive", "Last-Modified", "Proxy-Authorization", "Proxy-Connection", "TE", "Trailer", "Transfer-Encoding", "Upgrade",
    };

    private readonly string _value;

    private InjectedHeader(string name, string value) => (Name, _value) = (name, value);

    public string Name { get; }

    /// <summary>Makes a header from a template such as <c>Token {github}</c>, in which <c>{name}</c> stands for a secret.</summary>
    /// <returns>Null, or what is wrong with it.</returns>
    public static string? TryCreate(string name, string template, IReadOnlyDictionary<string, Secret> secrets, out InjectedHeader? header)
    {
        header = null;
        if (name.Length == 0 || !name.All(c => char.IsAsciiLetterOrDigit(c) || "!#$%&'*+-.^_`|~".Contains(c, StringComparison.Ordinal)))
            return $"'{HostPort.Printable(name)}' is not the name of a header";
        if (Forbidden.Contains(name)) return $"'{name}' frames or describes the message, or belongs to one hop; a credential cannot set it";

        var value = new StringBuilder();
        var usesSecret = false;
        for (var i = 0; i < template.Length; i++)
        {
            if (template[i] != '{')
            {
                if (template[i] is < ' ' or > '~') return $"the template of '{name}' holds a character that is not visible ASCII";
                value.Append(template[i]);
                continue;
            }

            var end = template.IndexOf('}', i);
            if (end < 0) return $"the template of '{name}' has '{{' without '}}'";
            var secretName = template[(i + 1)..end];
            if (!secrets.TryGetValue(secretName, out var secret)) return $"there is no secret '{HostPort.Printable(secretName)}'";
            value.Append(secret.Reveal());
            usesSecret = true;
            i = end;
        }

        if (!usesSecret) return $"the template of '{name}' names no secret; write it as {{name}}";
        header = new InjectedHeader(name, value.ToString());
        return null;
    }

    /// <summary>The value as it goes to the upstream. Only the upstream request may hold it.</summary>
    public string Reveal() => _value;

    public override string ToString() => $"{Name}: ***";
}
