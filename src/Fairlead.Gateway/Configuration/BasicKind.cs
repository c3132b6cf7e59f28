using System.Text;
using Fairlead.Gateway.Credentials;

namespace Fairlead.Gateway.Configuration;

/// <summary><c>use: basic</c>: a user, or a secret in its place, and a secret as password (RFC 7617).</summary>
internal static class BasicKind
{
    public static readonly CredentialKind Kind = new("basic", ["username", "password", "existing"], input =>
    {
        var username = input.Fields.Required("username");
        var password = input.Secret("password");
        // RFC 7617 §2: the user ends at the first colon.
        if (username.Text().Contains(':', StringComparison.Ordinal)) username.Fail("a ':' would end the user's name (RFC 7617)");
        if (password is null || username.Text().Length == 0) return new() { Secret = password };
        var template = $"{username.Text()}:{{{input.Fields.Required("password").Text()}}}";
        var problem = InjectedHeader.TryCreate("Authorization", template, input.Secrets, out var header, Encode);
        if (problem is not null) username.Fail(problem);
        return new() { Headers = header is null ? [] : [header], Secret = password };
    });

    /// <summary>The value of the header for user and password.</summary>
    public static string Encode(string pair) => "Basic " + Convert.ToBase64String(Encoding.ASCII.GetBytes(pair));
}
