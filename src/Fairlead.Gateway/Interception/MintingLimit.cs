namespace Fairlead.Gateway.Interception;

/// <summary>How many leaves a session gets.</summary>
/// <param name="atOnce">So many at once.</param>
/// <param name="perSecond">So many a second on average.</param>
/// <param name="time">The clock.</param>
internal sealed class MintingLimit(int atOnce, int perSecond, TimeProvider time)
{
    private const int LeastKept = 1024;

    // Sessions that have not asked for as long as this are forgotten: they have all of theirs again.
    private readonly TimeSpan _fullAfter = TimeSpan.FromSeconds((double)atOnce / perSecond);

    private readonly Lock _lock = new();

    // When the session would have all of its leaves again. One that asks for more moves it farther away.
    private readonly Dictionary<string, DateTimeOffset> _fullAt = [];
    private int _forgetAbove = LeastKept;

    /// <summary>The limit in words.</summary>
    public string Shown { get; } = $"{atOnce} at once or {perSecond} new ones a second";

    /// <summary>Takes one of what the session has left.</summary>
    /// <returns>False when nothing is left.</returns>
    public bool TryTake(string session)
    {
        var now = time.GetUtcNow();
        lock (_lock)
        {
            if (_fullAt.Count > _forgetAbove)
            {
                foreach (var (id, _) in _fullAt.Where(f => f.Value <= now).ToList()) _fullAt.Remove(id);
                _forgetAbove = Math.Max(LeastKept, 2 * _fullAt.Count);
            }

            var fullAt = _fullAt.GetValueOrDefault(session);
            var next = (fullAt > now ? fullAt : now) + TimeSpan.FromSeconds(1.0 / perSecond);
            if (next - now > _fullAfter) return false;
            _fullAt[session] = next;
            return true;
        }
    }
}
