using Fairlead.Gateway.Policy;
using Fairlead.Wire;

namespace Fairlead.Gateway.Credentials;

/// <summary>A header that a credential sets: its name, and what it is sent with. It has no string form.</summary>
internal sealed class InjectedHeader
{
    // They frame or describe the message or belong to one hop; a credential in them would break the request or reach the wrong peer.
    private static readonly HashSet<string> Forbidden = new(StringComparer.OrdinalIgnoreCase)
    {
        "Allow", "Connection", "Content-Disposition", "Content-Encoding", "Content-Language", "Content-Length", "Content-Location", "Content-MD5", "Content-Range",
        "Content-Type", "Expect", "Expires", "Host", "Keep-Alive", "Last-Modified", "Proxy-Authorization", "Proxy-Connection", "TE", "Trailer", "Transfer-Encoding", "Upgrade",
    };

    private readonly SecretText _value;
    private readonly Func<RequestLine, bool>? _isFor;

    private InjectedHeader(string name, SecretText value, Func<RequestLine, bool>? isFor) => (Name, _value, _isFor) = (name, value, isFor);

    public string Name { get; }

    /// <summary>True when its value is the same for every request.</summary>
    public bool IsConstant => _value.IsConstant;

    /// <summary>Whether it is for a request, where a credential has several of one name.</summary>
    public bool IsFor(RequestLine request) => _isFor?.Invoke(request) ?? true;

    /// <summary>Why a credential cannot set a header of this name; null when it can.</summary>
    public static string? ProblemOf(string name)
    {
        if (name.Length == 0 || !name.All(c => char.IsAsciiLetterOrDigit(c) || "!#$%&'*+-.^_`|~".Contains(c, StringComparison.Ordinal)))
            return $"'{HostPort.Printable(name)}' is not the name of a header";
        return Forbidden.Contains(name) ? $"'{name}' frames or describes the message, or belongs to one hop; a credential cannot set it" : null;
    }

    /// <summary>Makes a header from a template such as <c>Token {github}</c>, in which <c>{name}</c> stands for a secret.</summary>
    /// <returns>Null, or what is wrong with it.</returns>
    public static string? TryCreate(string name, string template, IReadOnlyDictionary<string, ISecret> secrets, out InjectedHeader? header, Func<string, string>? encode = null, Func<RequestLine, bool>? isFor = null)
    {
        header = null;
        if (ProblemOf(name) is { } oddName) return oddName;
        if (SecretText.TryParse(name, template, secrets, out var value, encode) is { } problem) return problem;
        header = new InjectedHeader(name, value!, isFor);
        return null;
    }

    /// <summary>True for its own name. Servers that hand headers on as variables (CGI and its kin) do not tell '-' from '_', so neither does this.</summary>
    public bool IsNamed(string name) => HeaderName.IsOneVariable(Name, name);

    /// <summary>The one secret in its value; null where there are several.</summary>
    public ISecret? OnlySecret() => _value.OnlySecret;

    /// <summary>The secrets in its value.</summary>
    public IEnumerable<ISecret> Secrets => _value.Secrets;

    /// <summary>What a person is shown of it: its name, and the scheme where it has one.</summary>
    public string Shape => $"{Name}: {_value.Scheme}***";

    /// <summary>The header as it is now, for a request.</summary>
    /// <exception cref="CredentialException">A secret of it cannot be had.</exception>
    public async ValueTask<InjectedHeader> FillAsync(RequestLine? request, CancellationToken cancellationToken) => IsConstant ? this : new InjectedHeader(Name, await _value.FillAsync(request, cancellationToken), _isFor);

    /// <summary>The value as it goes to the upstream, of a header whose value is known. Only the upstream request may hold it.</summary>
    public string Reveal() => _value.Reveal();

    public override string ToString() => $"{Name}: ***";
}
