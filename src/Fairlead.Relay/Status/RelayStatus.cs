using System.Collections.Concurrent;
using System.Reflection;
using Fairlead.Wire;

namespace Fairlead.Relay.Status;

/// <summary>What a running relay knows about itself: its open tunnels, what it counted, and the last refusals and failures with their reasons.</summary>
/// <param name="gateway">Where the tunnels go.</param>
/// <param name="session">The session's id.</param>
/// <param name="time">The clock of ages.</param>
internal sealed class RelayStatus(GatewayFacts gateway, string session, TimeProvider time)
{
    /// <summary>How many refusals are kept: 50.</summary>
    public const int MaxRefusals = 50;

    private readonly long _began = time.GetTimestamp();
    private readonly DateTimeOffset _started = time.GetUtcNow();
    private readonly ConcurrentDictionary<long, TrackedTunnel> _open = new();
    private readonly Lock _lock = new();
    private readonly Queue<Refusal> _refusals = new();
    private readonly SortedDictionary<string, long> _refused = new(StringComparer.Ordinal);
    private long _next;
    private long _opened;
    private long _bytesUp;
    private long _bytesDown;
    private volatile bool _isDraining;
    private volatile string? _gatewayVersion;

    public static string RelayVersion { get; } =
        typeof(RelayStatus).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion.Split('+')[0] ?? "0";

    /// <summary>What tools were told; known once the relay listens.</summary>
    public TrustReport Trust { get; set; } = TrustReport.None;

    /// <summary>Counts the WebSockets on which no tunnel is.</summary>
    public Func<int> Ready { get; set; } = () => 0;

    /// <summary>True once the relay was told to end: new tunnels are refused.</summary>
    public bool IsDraining => _isDraining;

    public void Drain() => _isDraining = true;

    /// <summary>A tool asked for a tunnel. Disposing the result says that it has ended.</summary>
    public TrackedTunnel Track(string target)
    {
        var number = Interlocked.Increment(ref _next);
        return _open[number] = new TrackedTunnel(this, number, HostPort.Printable(target), time.GetTimestamp());
    }

    /// <summary>Something was refused, or failed.</summary>
    public void Record(NoticeKind kind, string host, string message, string? whatToDo) => Record(new Notice(kind, host, message) { WhatToDo = whatToDo });

    /// <summary>The same, as the gateway told it.</summary>
    public void Record(Notice notice)
    {
        var refusal = new Refusal
        {
            Time = time.GetUtcNow(),
            Kind = Notice.NameOf(notice.Kind),
            Host = notice.Host,
            Method = notice.Method,
            Path = notice.Path,
            Rule = notice.Rule,
            Message = notice.Message,
            WhatToDo = notice.WhatToDo,
            RequestId = notice.RequestId,
        };
        lock (_lock)
        {
            _refused[refusal.Kind] = _refused.GetValueOrDefault(refusal.Kind) + 1;
            _refusals.Enqueue(refusal);
            if (_refusals.Count > MaxRefusals) _refusals.Dequeue();
        }
    }

    /// <summary>How things are now.</summary>
    /// <param name="port">The port that was asked.</param>
    public RelaySnapshot Snapshot(int port)
    {
        lock (_lock)
        {
            var tunnels = _open.Values.OrderBy(tunnel => tunnel.Number).Select(tunnel => tunnel.Facts(time)).ToArray();
            return new RelaySnapshot
            {
                State = _isDraining ? "draining" : "ready",
                Port = port,
                ProcessId = Environment.ProcessId,
                RelayVersion = RelayVersion,
                Gateway = gateway with { Version = _gatewayVersion },
                Session = session,
                Started = _started,
                UptimeSeconds = (long)time.GetElapsedTime(_began).TotalSeconds,
                Trust = Trust,
                Tunnels = tunnels,
                ReadyWebsockets = Ready(),
                Counters = new CounterFacts(_opened, _bytesUp + tunnels.Sum(t => t.BytesUp), _bytesDown + tunnels.Sum(t => t.BytesDown), new SortedDictionary<string, long>(_refused, StringComparer.Ordinal)),
                Refusals = [.. _refusals.Reverse()],
            };
        }
    }

    private void Opened(string? gatewayVersion)
    {
        _gatewayVersion = gatewayVersion is null ? null : HostPort.Printable(gatewayVersion);
        lock (_lock) _opened++;
    }

    private void Ended(TrackedTunnel tunnel, TunnelStream? stream)
    {
        lock (_lock)
        {
            if (!_open.TryRemove(tunnel.Number, out _)) return;
            _bytesUp += stream?.BytesWritten ?? 0;
            _bytesDown += stream?.BytesRead ?? 0;
        }
    }

    /// <summary>One tunnel, from its CONNECT to its end.</summary>
    internal sealed class TrackedTunnel(RelayStatus status, long number, string target, long began) : IDisposable
    {
        private TunnelStream? _stream;

        public long Number => number;

        /// <summary>The gateway accepted it. From now on its bytes are counted, and what the gateway tells of it is recorded.</summary>
        public void Opened(TunnelStream stream, string? gatewayVersion)
        {
            stream.NoticeReceived = status.Record;
            Volatile.Write(ref _stream, stream);
            status.Opened(gatewayVersion);
        }

        /// <summary>It was refused, or failed.</summary>
        public void Failed(NoticeKind kind, string message, string? whatToDo) => status.Record(kind, target, message, whatToDo);

        public TunnelFacts Facts(TimeProvider time)
        {
            var stream = Volatile.Read(ref _stream);
            return new TunnelFacts(target, stream is null ? "opening" : "open", (long)time.GetElapsedTime(began).TotalSeconds, stream?.BytesWritten ?? 0, stream?.BytesRead ?? 0);
        }

        public void Dispose() => status.Ended(this, _stream);
    }
}
