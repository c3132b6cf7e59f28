using System.Net;
using System.Net.Sockets;

namespace Fairlead.Gateway.Upstream;

/// <summary>
/// Asks the machine's resolver, which blocks a thread until it answers or loses patience, ten seconds say. .NET would take one of the pool that carries
/// everything else, so that a few slow name servers stop the gateway: here each lookup has a thread of its own, and there are so many at once and no more,
/// in all and for one caller. A place that becomes free goes to the caller that has the fewest. What was found is used again for a while, by everybody: the resolver does not say how long
/// it holds, so the while is short. Who uses it judges it each time as if it were new.
/// </summary>
/// <param name="resolve">Asks, and blocks.</param>
/// <param name="keepFor">How long an answer is used again; zero for never. A failure is never kept.</param>
/// <param name="time">The clock.</param>
internal sealed class NameLookup(Func<string, IPAddress[]> resolve, TimeSpan keepFor, TimeProvider time)
{
    /// <summary>Lookups at once: 64. Others wait, within their own limit.</summary>
    public const int MaxAtOnce = 64;

    /// <summary>Lookups of one caller at once: 8. One whose callers gave up counts until the resolver ends it.</summary>
    public const int MaxPerCaller = 8;

    /// <summary>Answers that are kept: 4096. Beyond them nothing is, until some are too old.</summary>
    public const int MaxKept = 4096;

    private readonly Lock _lock = new();
    private readonly Dictionary<string, (IPAddress[] Addresses, long Since)> _kept = [];
    private readonly Dictionary<string, Lookup> _running = [];
    private readonly Dictionary<(string Caller, string Name), Lookup> _waiting = [];
    private readonly Dictionary<string, Caller> _callers = [];
    private int _free = MaxAtOnce;

    public NameLookup(TimeSpan keepFor, TimeProvider time)
        : this(Dns.GetHostAddresses, keepFor, time)
    {
    }

    private sealed class Caller
    {
        public LinkedList<Lookup> Waiting { get; } = [];

        public int Running { get; set; }
    }

    private sealed record Lookup(string Caller, string Name)
    {
        public TaskCompletionSource<IPAddress[]> Result { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public int Listeners { get; set; }
    }

    /// <summary>Looks up a name, or listens to a lookup of it that is running, or takes what was found a moment ago.</summary>
    /// <param name="caller">Who asks; each has a share.</param>
    /// <param name="name">A name, with a dot behind it to keep the search list out.</param>
    /// <param name="cancellationToken">Ends the wait; a lookup that has begun goes on unheard until the resolver ends it.</param>
    /// <exception cref="SocketException">There is no such name, no answer, or no thread to ask with.</exception>
    public async Task<IPAddress[]> ResolveAsync(string caller, string name, CancellationToken cancellationToken)
    {
        Lookup lookup;
        lock (_lock)
        {
            if (_kept.TryGetValue(name, out var kept) && time.GetElapsedTime(kept.Since) < keepFor) return kept.Addresses;
            lookup = Join(caller, name);
        }

        try
        {
            return await lookup.Result.Task.WaitAsync(cancellationToken);
        }
        finally
        {
            Leave(lookup);
        }
    }

    /// <summary>Asks again the next time, since nobody answered at what was found.</summary>
    public void Forget(string name)
    {
        lock (_lock) _kept.Remove(name);
    }

    private Lookup Join(string caller, string name)
    {
        if (!_running.TryGetValue(name, out var lookup) && !_waiting.TryGetValue((caller, name), out lookup))
        {
            _waiting[(caller, name)] = lookup = new Lookup(caller, name);
            if (!_callers.TryGetValue(caller, out var place)) _callers[caller] = place = new Caller();
            place.Waiting.AddLast(lookup);
        }

        lookup.Listeners++;
        StartWhatMay();
        return lookup;
    }

    private void Keep(string name, IPAddress[] addresses)
    {
        if (keepFor == TimeSpan.Zero) return;
        if (_kept.Count >= MaxKept)
        {
            foreach (var (old, _) in _kept.Where(k => time.GetElapsedTime(k.Value.Since) >= keepFor).ToArray()) _kept.Remove(old);
        }

        if (_kept.Count < MaxKept || _kept.ContainsKey(name)) _kept[name] = (addresses, time.GetTimestamp());
    }

    // What nobody waits for any more is not begun.
    private void Leave(Lookup lookup)
    {
        lock (_lock)
        {
            if (--lookup.Listeners == 0 && IsWaiting(lookup)) TakeOut(lookup);
        }
    }

    private bool IsWaiting(Lookup lookup) => _waiting.TryGetValue((lookup.Caller, lookup.Name), out var waiting) && ReferenceEquals(waiting, lookup);

    private void TakeOut(Lookup lookup)
    {
        _waiting.Remove((lookup.Caller, lookup.Name));
        var caller = _callers[lookup.Caller];
        caller.Waiting.Remove(lookup);
        if (caller is { Running: 0, Waiting.Count: 0 }) _callers.Remove(lookup.Caller);
    }

    private void StartWhatMay()
    {
        while (_free > 0 && _callers.Values.Where(c => c.Waiting.Count > 0 && c.Running < MaxPerCaller).MinBy(c => c.Running)?.Waiting.First?.Value is { } next)
        {
            if (_running.TryGetValue(next.Name, out var same))
            {
                TakeOut(next);
                _ = same.Result.Task.ContinueWith(next.Result.SetFromTask, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
                continue;
            }

            // Its place is counted before the caller could be forgotten.
            _callers[next.Caller].Running++;
            TakeOut(next);
            _running[next.Name] = next;
            _free--;
            try
            {
                _ = Task.Factory.StartNew(() => Run(next), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
            }
            catch (Exception e) when (e is TaskSchedulerException or OutOfMemoryException)
            {
                Release(next);
                next.Result.SetException(new SocketException((int)SocketError.TryAgain, "there is no thread to ask with"));
            }
        }
    }

    private void Run(Lookup lookup)
    {
        IPAddress[] addresses = [];
        Exception? failure = null;
        try
        {
            addresses = resolve(lookup.Name);
        }
        catch (Exception e)
        {
            failure = e;
        }

        lock (_lock)
        {
            Release(lookup);
            if (addresses.Length > 0) Keep(lookup.Name, addresses);
            StartWhatMay();
        }

        if (failure is null) lookup.Result.SetResult(addresses);
        else lookup.Result.SetException(failure);
    }

    private void Release(Lookup lookup)
    {
        _running.Remove(lookup.Name);
        _free++;
        var caller = _callers[lookup.Caller];
        if (--caller.Running == 0 && caller.Waiting.Count == 0) _callers.Remove(lookup.Caller);
    }
}
