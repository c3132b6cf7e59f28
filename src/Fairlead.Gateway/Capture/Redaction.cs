using System.Text;
using System.Text.RegularExpressions;

namespace Fairlead.Gateway.Capture;

/// <summary>Takes out of a capture what looks like a secret: values under names that say so, and values of well-known shapes. What neither says nor shows that it is one, it cannot know.</summary>
internal static partial class Redaction
{
    public const string Redacted = "***";

    // A shorter part of a cookie could be any word.
    private const int ShortestOwn = 8;

    /// <summary>The value of a header or of a parameter, without what is secret in it.</summary>
    public static string Value(string name, string value) => SecretName().IsMatch(name) ? Redacted : Text(value);

    /// <summary>A path and query: values of parameters as above.</summary>
    public static string Target(string target)
    {
        var at = target.IndexOf('?', StringComparison.Ordinal);
        return at < 0 ? Text(target) : $"{Text(target[..at])}?{string.Join('&', Parameters(target).Select(p => p.Value is null ? Text(p.Raw) : $"{p.Raw}={Value(p.Name, p.Value)}"))}";
    }

    /// <summary>As <see cref="SecretsIn"/>, of the parameters of a target.</summary>
    public static IEnumerable<string> SecretsInQuery(string target) =>
        target.Contains('?', StringComparison.Ordinal) ? Parameters(target).Where(p => p.Value is not null).SelectMany(p => SecretsIn(p.Name, Uri.UnescapeDataString(p.Value!))) : [];

    private static IEnumerable<(string Name, string Raw, string? Value)> Parameters(string target) =>
        target[(target.IndexOf('?', StringComparison.Ordinal) + 1)..].Split('&').Select(p => p.Split('=', 2)).Select(p => (Uri.UnescapeDataString(p[0].Replace('+', ' ')), p[0], p.Length > 1 ? p[1] : null));

    /// <summary>Any text: members of JSON, fields of forms, and shapes of tokens and keys.</summary>
    public static string Text(string text)
    {
        text = JsonMember().Replace(text, "${name}\"" + Redacted + "\"");
        text = EscapedMember().Replace(text, "${name}" + Redacted);
        text = FormField().Replace(text, "${name}" + Redacted);
        text = MultipartField().Replace(text, "${name}" + Redacted);
        return KnownShape().Replace(text, Redacted);
    }

    /// <summary>The parts of a value that are secret when its name says so: a token behind its scheme, the values of cookies. An answer may give them back.</summary>
    public static IEnumerable<string> SecretsIn(string name, string value) =>
        SecretName().IsMatch(name) ? value.Split([' ', ';', ',', '='], StringSplitOptions.RemoveEmptyEntries).Where(part => part.Length >= ShortestOwn).Append(value) : [];

    /// <summary>The same text without certain values, in the forms in which a server may give them back.</summary>
    public static string Without(string text, IEnumerable<string> secrets)
    {
        foreach (var secret in secrets)
        {
            if (secret.Length < 6) continue;
            foreach (var form in (string[])[secret, Convert.ToBase64String(Encoding.UTF8.GetBytes(secret)), Uri.EscapeDataString(secret)]) text = text.Replace(form, Redacted, StringComparison.Ordinal);
        }

        return text;
    }

    // Anywhere in a name.
    private const string Parts = "auth|cookie|token|secret|passw|pwd|api[-_]?key|access[-_]?key|private[-_]?key|credential|signature|session[-_]?id|csrf|xsrf|jwt|assertion";

    [GeneratedRegex(Parts + "|-key$|^code$|^sig$|^key$", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex SecretName();

    [GeneratedRegex("""(?<name>"[^"\\]{0,60}(""" + Parts + """)[^"\\]{0,60}"\s*:\s*)"(\\.|[^"\\])*("|$)""", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture | RegexOptions.NonBacktracking)]
    private static partial Regex JsonMember();

    // JSON within a text of JSON.
    [GeneratedRegex("""(?<name>(\\+"|\\+u0022)[^"\\]{0,60}(""" + Parts + """)[^"\\]{0,60}(\\+"|\\+u0022)\s*:\s*(\\+"|\\+u0022))([^"\\]|\\[^"u\\])+""", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture | RegexOptions.NonBacktracking)]
    private static partial Regex EscapedMember();

    [GeneratedRegex("""(?<name>((^|[&?;\s])[A-Za-z0-9_.\[\]-]{0,60}(""" + Parts + """)[A-Za-z0-9_.\[\]-]{0,60}|[&?](code|sig|key))=)[^&\s;"]+""", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture | RegexOptions.NonBacktracking)]
    private static partial Regex FormField();

    // multipart/form-data (RFC 7578): the name, the other headers of the part, and its first line.
    [GeneratedRegex("""(?<name>\bname="[^"\r\n]{0,60}(""" + Parts + """)[^"\r\n]{0,60}"[^\r\n]*\r\n([^\r\n]+\r\n)*\r\n)[^\r\n]+""", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture | RegexOptions.NonBacktracking)]
    private static partial Regex MultipartField();

    // JSON Web Tokens; keys of GitHub, GitLab, OpenAI and Anthropic, AWS, Google, Slack, npm, Stripe; HTTP schemes; PEM.
    [GeneratedRegex("""eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*|(gh[pousr]|github_pat|glpat|npm|xox[abeoprs]|sk|rk|pk|hf)[-_][A-Za-z0-9_-]{16,}|(AKIA|ASIA)[A-Z0-9]{16}|AIza[A-Za-z0-9_-]{30,}|ya29\.[A-Za-z0-9_-]{16,}|(Bearer|Basic|Negotiate)\s+[A-Za-z0-9+/=._~-]{8,}|-----BEGIN [A-Z ]*PRIVATE KEY-----[^-]*(-----END [A-Z ]*PRIVATE KEY-----)?""", RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture | RegexOptions.NonBacktracking)]
    private static partial Regex KnownShape();
}
