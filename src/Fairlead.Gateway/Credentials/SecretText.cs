using System.Text;
using Fairlead.Wire;

namespace Fairlead.Gateway.Credentials;

/// <summary>A text with secrets in it, such as <c>Token {github}</c>. It has no string form.</summary>
internal sealed class SecretText
{
    private static readonly string[] Schemes = ["Bearer ", "Basic ", "Token "];

    private readonly List<(string Text, ISecret? Secret)> _parts;
    private readonly Func<string, string> _encode;
    private readonly string? _constant;

    private SecretText(List<(string Text, ISecret? Secret)> parts, Func<string, string> encode)
    {
        (_parts, _encode) = (parts, encode);
        // What never changes is made once, so that a request with it costs nothing.
        if (parts.All(p => p.Secret is null or { Constant: not null })) _constant = encode(string.Concat(parts.Select(p => p.Secret?.Constant!.Reveal() ?? p.Text)));
    }

    /// <summary>True when it needs nothing to be fetched.</summary>
    public bool IsConstant => _constant is not null;

    /// <summary>The secrets in it.</summary>
    public IEnumerable<ISecret> Secrets => _parts.Select(p => p.Secret).OfType<ISecret>().Distinct();

    /// <summary>The authentication scheme that it begins with, and a blank; else nothing. What else the operator wrote beside the secrets may be one, too.</summary>
    public string Scheme => Array.Find(Schemes, s => _encode(_parts[0].Text).StartsWith(s, StringComparison.OrdinalIgnoreCase)) ?? "";

    /// <summary>The one secret in it; null where there are several.</summary>
    public ISecret? OnlySecret => Secrets.ToArray() is [var only] ? only : null;

    /// <summary>Reads a template in which <c>{name}</c> stands for a secret.</summary>
    /// <param name="what">What the template is of, for the message.</param>
    /// <param name="template">The template; it must name a secret.</param>
    /// <param name="secrets">Those that there are.</param>
    /// <param name="text">The text.</param>
    /// <param name="encode">What becomes of the whole before it is sent; default: nothing.</param>
    /// <param name="isConstantAllowed">True where a template may do without a secret.</param>
    /// <returns>Null, or what is wrong with it.</returns>
    public static string? TryParse(string what, string template, IReadOnlyDictionary<string, ISecret> secrets, out SecretText? text, Func<string, string>? encode = null, bool isConstantAllowed = false)
    {
        text = null;
        var parts = new List<(string, ISecret?)>();
        var literal = new StringBuilder();
        for (var i = 0; i < template.Length; i++)
        {
            if (template[i] != '{')
            {
                if (template[i] is < ' ' or > '~') return $"the template of '{what}' holds a character that is not visible ASCII";
                literal.Append(template[i]);
                continue;
            }

            var end = template.IndexOf('}', i);
            if (end < 0) return $"the template of '{what}' has '{{' without '}}'";
            var name = template[(i + 1)..end];
            if (!secrets.TryGetValue(name, out var secret)) return $"there is no secret '{HostPort.Printable(name)}'";
            parts.Add((literal.ToString(), null));
            parts.Add(("", secret));
            literal.Clear();
            i = end;
        }

        if (parts.Count == 0 && !isConstantAllowed) return $"the template of '{what}' names no secret; write it as {{name}}";
        parts.Add((literal.ToString(), null));
        text = new SecretText(parts, encode ?? (t => t));
        return null;
    }

    /// <summary>The whole, of what never changes. Only what goes to the upstream may hold it.</summary>
    public string Reveal() => _constant ?? throw new InvalidOperationException("the text has secrets that are fetched");

    /// <summary>The text as it is now, for a request; null where none of its secrets depends on one.</summary>
    /// <exception cref="CredentialException">One of its secrets cannot be had.</exception>
    public async ValueTask<SecretText> FillAsync(RequestLine? request, CancellationToken cancellationToken)
    {
        if (IsConstant) return this;
        var filled = new List<(string, ISecret?)>(_parts.Count);
        foreach (var (literal, secret) in _parts) filled.Add((literal, secret is null ? null : await (request is null ? secret : secret.For(request)).GetAsync(cancellationToken)));
        return new SecretText(filled, _encode);
    }

    public override string ToString() => "***";
}
