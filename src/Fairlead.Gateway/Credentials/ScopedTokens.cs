namespace Fairlead.Gateway.Credentials;

/// <summary>
/// Tokens of one issuer, each for no more than a request needs. A token serves all requests of its scope until it expires; what scopes there are is
/// for the workload to choose, so the longest unused is given up when there are too many.
/// </summary>
/// <param name="name">The name for messages.</param>
/// <param name="scopeOf">What a request needs.</param>
/// <param name="fetch">Gets a token of a scope.</param>
/// <param name="time">The clock.</param>
internal sealed class ScopedTokens<TScope>(string name, Func<RequestLine, TScope> scopeOf, Func<TScope, CancellationToken, Task<FetchedSecret.Kept>> fetch, TimeProvider time) : IFetched
    where TScope : notnull
{
    /// <summary>How many tokens are kept: 256.</summary>
    public const int Most = 256;

    private const int MostHeld = 32;

    private readonly Lock _gate = new();
    private readonly Dictionary<TScope, (FetchedSecret Token, long Used)> _tokens = [];
    private FetchedSecret? _failing;
    private long _uses;

    public string Name => name;

    Secret? ISecret.Constant => null;

    public DateTimeOffset? Expires
    {
        get
        {
            lock (_gate) return _tokens.Count == 0 ? null : _tokens.Values.MaxBy(t => t.Used).Token.Expires;
        }
    }

    // Those that were used last: what comes back is looked through for each of them.
    IReadOnlyList<Secret> ISecret.Held
    {
        get
        {
            lock (_gate) return [.. _tokens.Values.OrderByDescending(t => t.Used).Take(MostHeld).SelectMany(t => ((ISecret)t.Token).Held)];
        }
    }

    public string? Problem => Volatile.Read(ref _failing)?.Problem;

    public Action<string?>? Changed { get; set; }

    public Action<string>? Noted { get; set; }

    public ISecret For(RequestLine request)
    {
        var scope = scopeOf(request);
        lock (_gate)
        {
            var token = _tokens.TryGetValue(scope, out var known) ? known.Token : NewToken(scope);
            _tokens[scope] = (token, ++_uses);
            return token;
        }
    }

    public ValueTask<Secret> GetAsync(CancellationToken cancellationToken) => throw new InvalidOperationException("which token depends on the request");

    public override string ToString() => "***";

    private FetchedSecret NewToken(TScope scope)
    {
        if (_tokens.Count >= Most && _tokens.Remove(_tokens.MinBy(t => t.Value.Used).Key, out var oldest) && oldest.Token == _failing) _failing = null;
        var token = new FetchedSecret(name, cancellation => fetch(scope, cancellation), time) { Noted = note => Noted?.Invoke(note) };
        token.Changed = problem => Tell(token, problem);
        return token;
    }

    // Once for all: who asks for a thousand scopes that are refused must not write a thousand lines into the log.
    private void Tell(FetchedSecret token, string? problem)
    {
        lock (_gate)
        {
            if (problem is null ? _failing != token : _failing is not null) return;
            _failing = problem is null ? null : token;
        }

        Changed?.Invoke(problem);
    }
}
