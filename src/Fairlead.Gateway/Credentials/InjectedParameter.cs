using System.Text;
using Fairlead.Wire;

namespace Fairlead.Gateway.Credentials;

/// <summary>A parameter of the query that a credential sets. It has no string form.</summary>
internal sealed class InjectedParameter
{
    private readonly SecretText _value;

    private InjectedParameter(string name, SecretText value) => (Name, _value) = (name, value);

    public string Name { get; }

    /// <summary>True when its value is the same for every request.</summary>
    public bool IsConstant => _value.IsConstant;

    /// <summary>Makes a parameter from a template in which <c>{name}</c> stands for a secret.</summary>
    /// <returns>Null, or what is wrong with it.</returns>
    public static string? TryCreate(string name, string template, IReadOnlyDictionary<string, ISecret> secrets, out InjectedParameter? parameter)
    {
        parameter = null;
        if (name.Length == 0 || !name.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.' or '~'))
            return $"'{HostPort.Printable(name)}' is not the name of a parameter: expected letters, digits, '-', '_', '.' and '~'";
        if (SecretText.TryParse(name, template, secrets, out var value) is { } problem) return problem;
        parameter = new InjectedParameter(name, value!);
        return null;
    }

    /// <summary>The one secret in its value; null where there are several.</summary>
    public ISecret? OnlySecret() => _value.OnlySecret;

    /// <summary>The secrets in its value.</summary>
    public IEnumerable<ISecret> Secrets => _value.Secrets;

    /// <summary>The parameter as it is now, for a request.</summary>
    /// <exception cref="CredentialException">A secret of it cannot be had.</exception>
    public async ValueTask<InjectedParameter> FillAsync(RequestLine request, CancellationToken cancellationToken) => IsConstant ? this : new InjectedParameter(Name, await _value.FillAsync(request, cancellationToken));

    /// <summary>Sets parameters: the workload's own of these names are taken out, ours stand at the end, and everything else stays byte for byte.</summary>
    /// <param name="target">Path and query.</param>
    /// <param name="parameters">Those to set, with known values; none changes nothing.</param>
    public static string SetIn(string target, IReadOnlyList<InjectedParameter> parameters)
    {
        if (parameters.Count == 0) return target;
        var rest = QueryText.Without(target, piece => parameters.Any(p => QueryText.IsNamed(piece, p.Name)));
        var result = new StringBuilder(rest);
        var separator = rest.Contains('?', StringComparison.Ordinal) ? '&' : '?';
        foreach (var parameter in parameters)
        {
            result.Append(separator).Append(parameter.Name).Append('=').Append(Uri.EscapeDataString(parameter._value.Reveal()));
            separator = '&';
        }

        return result.ToString();
    }

    public override string ToString() => $"{Name}=***";
}
