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
        var mark = target.IndexOf('?', StringComparison.Ordinal);
        var result = new StringBuilder(mark < 0 ? target : target[..mark]).Append('?');
        var isFirst = true;
        foreach (var (separator, piece) in mark < 0 ? [] : PiecesOf(target[(mark + 1)..]))
        {
            if (parameters.Any(p => p.IsNamed(piece))) continue;
            if (!isFirst) result.Append(separator);
            result.Append(piece);
            isFirst = false;
        }

        foreach (var parameter in parameters)
        {
            if (!isFirst) result.Append('&');
            result.Append(parameter.Name).Append('=').Append(Uri.EscapeDataString(parameter._value.Reveal()));
            isFirst = false;
        }

        return result.ToString();
    }

    public override string ToString() => $"{Name}=***";

    /// <summary>The parameters of a query, each with the separator before it. Some servers take ';' for one: what only they see must not be left in.</summary>
    internal static IEnumerable<(char Separator, string Piece)> PiecesOf(string query)
    {
        var separator = '&';
        for (var start = 0; start < query.Length;)
        {
            var length = query.AsSpan(start).IndexOfAny('&', ';');
            if (length < 0) length = query.Length - start;
            yield return (separator, query.Substring(start, length));
            if (start + length < query.Length) separator = query[start + length];
            start += length + 1;
        }
    }

    // The name as a lenient server reads it: decoded, in any case, without the index of an array.
    private bool IsNamed(string piece)
    {
        var name = Uri.UnescapeDataString(piece.Split('=')[0].Replace('+', ' ')).Trim();
        var index = name.IndexOf('[', StringComparison.Ordinal);
        return Name.Equals(index < 0 ? name : name[..index], StringComparison.OrdinalIgnoreCase);
    }
}
