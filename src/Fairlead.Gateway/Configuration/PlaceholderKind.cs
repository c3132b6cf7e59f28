namespace Fairlead.Gateway.Configuration;

/// <summary><c>use: placeholder</c>: nothing is set; what the workload holds in place of the secret is swapped.</summary>
internal static class PlaceholderKind
{
    public static readonly CredentialKind Kind = new("placeholder", ["secret"], input => new() { Secret = input.Secret("secret") });
}
