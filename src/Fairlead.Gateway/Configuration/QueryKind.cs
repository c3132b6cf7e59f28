using Fairlead.Gateway.Credentials;
using Fairlead.Wire;

namespace Fairlead.Gateway.Configuration;

/// <summary><c>use: query</c>: parameters made from templates.</summary>
internal static class QueryKind
{
    public static readonly CredentialKind Kind = new("query", ["set"], input =>
    {
        var parameters = new List<InjectedParameter>();
        foreach (var (name, at) in input.Set("parameter"))
        {
            if (parameters.Any(p => p.Name.Equals(name, StringComparison.OrdinalIgnoreCase))) at.Fail($"the parameter '{HostPort.Printable(name)}' is set twice");
            else if (InjectedParameter.TryCreate(name, at.Text(), input.Secrets, out var made) is { } problem) at.Fail(problem);
            else parameters.Add(made!);
        }

        return new() { Parameters = parameters };
    });
}
