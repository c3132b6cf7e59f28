namespace Fairlead.Gateway.Configuration;

/// <summary><c>use: bearer</c>: a secret as it is (RFC 6750 §2.1).</summary>
internal static class BearerKind
{
    public static readonly CredentialKind Kind = new("bearer", ["secret", "existing"], input => CredentialKind.Parts.Bearer(input.Secret("secret")));
}
