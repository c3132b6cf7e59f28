namespace Fairlead.Gateway.Credentials;

/// <summary>
/// A secret that is fetched: kept while it is fresh, fetched once for all who wait for it, and, for as long as it stays usable, used on when a fetch
/// fails. After a failure the next fetch waits five seconds, so that a crowd of requests is not a crowd of fetches.
/// </summary>
/// <param name="name">The name in the configuration.</param>
/// <param name="fetch">Gets a value; a <see cref="CredentialException"/> says why there is none.</param>
/// <param name="time">The clock.</param>
internal sealed class FetchedSecret(string name, Func<CancellationToken, Task<FetchedSecret.Kept>> fetch, TimeProvider time) : IFetched
{
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(5);

    private readonly Lock _gate = new();
    private Task<Secret>? _flight;
    private Kept? _kept;
    private Secret? _before;
    private string? _problem;
    private DateTimeOffset _pausedUntil = DateTimeOffset.MinValue;

    public string Name => name;

    Secret? ISecret.Constant => null;

    public DateTimeOffset? Expires => Volatile.Read(ref _kept)?.UsableUntil;

    // The one before is what a request got that began when it was fetched anew, and what an upstream may still remember.
    IReadOnlyList<Secret> ISecret.Held => [.. new[] { Volatile.Read(ref _kept)?.Value, Volatile.Read(ref _before) }.OfType<Secret>()];

    public string? Problem => Volatile.Read(ref _problem);

    public Action<string?>? Changed { get; set; }

    public Action<string>? Noted { get; set; }

    public ValueTask<Secret> GetAsync(CancellationToken cancellationToken)
    {
        if (Volatile.Read(ref _kept) is { } kept && time.GetUtcNow() < kept.FreshUntil) return new(kept.Value);
        lock (_gate)
        {
            // Without the caller's token: others wait for the same fetch.
            if (_flight is null or { IsCompleted: true }) _flight = Task.Run(RefreshAsync, CancellationToken.None);
            return new(_flight.WaitAsync(cancellationToken));
        }
    }

    public override string ToString() => "***";

    private async Task<Secret> RefreshAsync()
    {
        var kept = Volatile.Read(ref _kept);
        if (kept is not null && time.GetUtcNow() < kept.FreshUntil) return kept.Value;
        if (time.GetUtcNow() >= _pausedUntil)
        {
            try
            {
                var next = await fetch(CancellationToken.None);
                // One that did not change keeps its object, and with it the forms in which it is looked for.
                if (kept?.Value.Reveal() == next.Value.Reveal()) next = next with { Value = kept.Value };
                else Volatile.Write(ref _before, kept?.Value);
                kept = next;
                Volatile.Write(ref _kept, kept);
                Tell(null);
                if (kept.Note is not null) Noted?.Invoke(kept.Note);
                return kept.Value;
            }
            catch (CredentialException e)
            {
                _pausedUntil = time.GetUtcNow() + Pause;
                Tell(e.Message);
            }
            catch (Exception e)
            {
                // Foreseen by nobody, and its text may quote what a store said: a failure like any other, told without it.
                _pausedUntil = time.GetUtcNow() + Pause;
                Tell($"the fetch failed unexpectedly ({e.GetType().Name})");
            }
        }

        if (kept is not null && time.GetUtcNow() < kept.UsableUntil) return kept.Value;
        throw new CredentialException(_problem ?? "it was not fetched");
    }

    private void Tell(string? problem)
    {
        var isNews = _problem is null != problem is null;
        _problem = problem;
        if (isNews) Changed?.Invoke(problem);
    }

    /// <summary>A value and its times.</summary>
    /// <param name="Value">The value.</param>
    /// <param name="FreshUntil">Until then it is not fetched again.</param>
    /// <param name="UsableUntil">Until then it is used when a fetch fails.</param>
    internal sealed record Kept(Secret Value, DateTimeOffset FreshUntil, DateTimeOffset UsableUntil)
    {
        /// <summary>What somebody should look at, or null.</summary>
        public string? Note { get; init; }

        public override string ToString() => "***";
    }
}
