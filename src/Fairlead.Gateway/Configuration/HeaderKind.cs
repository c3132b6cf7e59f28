using Fairlead.Gateway.Credentials;
using Fairlead.Wire;

namespace Fairlead.Gateway.Configuration;

/// <summary><c>use: header</c>: headers made from templates.</summary>
internal static class HeaderKind
{
    public static readonly CredentialKind Kind = new("header", ["set", "existing"], input =>
    {
        var headers = new List<InjectedHeader>();
        foreach (var (name, at) in input.Set("header"))
        {
            if (headers.Any(h => h.IsNamed(name))) at.Fail($"the header '{HostPort.Printable(name)}' is set twice");
            else if (InjectedHeader.TryCreate(name, at.Text(), input.Secrets, out var made) is { } problem) at.Fail(problem);
            else headers.Add(made!);
        }

        return new() { Headers = headers };
    });
}
