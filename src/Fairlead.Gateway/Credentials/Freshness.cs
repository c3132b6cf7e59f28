namespace Fairlead.Gateway.Credentials;

/// <summary>How long a value of a secret store is used.</summary>
/// <param name="Ttl">Until it is fetched again.</param>
/// <param name="Stale">How much longer it is used when that fails; zero for not at all.</param>
internal sealed record Freshness(TimeSpan Ttl, TimeSpan Stale)
{
    /// <summary>Checks a value as it came.</summary>
    /// <param name="name">The secret's name.</param>
    /// <param name="raw">The value.</param>
    /// <param name="from">Who gave it, for the message.</param>
    /// <param name="began">When it was asked for.</param>
    /// <exception cref="CredentialException">It cannot be used.</exception>
    public FetchedSecret.Kept Keep(string name, string raw, string from, DateTimeOffset began) => Secret.TryCreate(name, raw, out var secret, out _, out var problem)
        ? new FetchedSecret.Kept(secret, began + Ttl, began + Ttl + Stale)
        : throw new CredentialException($"what {from} gave cannot be used: {problem}");
}
