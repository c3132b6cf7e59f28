namespace Fairlead.Gateway.Credentials;

/// <summary>
/// A secret under its name: one that stands (<see cref="Secret"/>), one that is fetched again and again (<see cref="FetchedSecret"/>), or a token of which
/// each request gets the one that is for it (<see cref="ScopedTokens{TScope}"/>).
/// </summary>
internal interface ISecret
{
    string Name { get; }

    /// <summary>The value, where it never changes while the configuration is in force; else null.</summary>
    Secret? Constant { get; }

    /// <summary>The secret for one request: this one, unless it depends on the request.</summary>
    ISecret For(RequestLine request) => this;

    /// <summary>The values that an upstream may have got, of those still known: what it would be now, and what it was before.</summary>
    IReadOnlyList<Secret> Held => Constant is { } constant ? [constant] : [];

    /// <summary>The value to use now. Takes no time while there is a fresh one.</summary>
    /// <exception cref="CredentialException">There is none.</exception>
    ValueTask<Secret> GetAsync(CancellationToken cancellationToken);
}
