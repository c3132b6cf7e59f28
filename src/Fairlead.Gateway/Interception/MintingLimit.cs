namespace Fairlead.Gateway.Interception;

/// <summary>How many leaves a session gets in a second for hosts that its policy never allows: 50 at once, and 10 a second on average.</summary>
internal sealed class MintingLimit(TimeProvider time)
{
    public const int PerSecond = 10;
    public const int AtOnce = 50;

    // Sessions that have not asked for as long as this are forgotten: they have their 50 again.
    private static readonly TimeSpan FullAfter = TimeSpan.FromSeconds((double)AtOnce / PerSecond);
    private const int LeastKept = 1024;

    private readonly Lock _lock = new();

    // When the session would have all its 50 again. One that asks for more moves it farther away.
    private readonly Dictionary<string, DateTimeOffset> _fullAt = [];
    private int _forgetAbove = LeastKept;

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
            var next = (fullAt > now ? fullAt : now) + TimeSpan.FromSeconds(1.0 / PerSecond);
            if (next - now > FullAfter) return false;
            _fullAt[session] = next;
            return true;
        }
    }
}
