using Fairlead.Relay.Startup;
using Fairlead.Relay.Status;
using Fairlead.Relay.Trust;
using Fairlead.Relay.Tunnel;

namespace Fairlead.Relay;

/// <summary>A relay that listens, and what a tool's environment must hold to use it. Disposing it stops it and erases the token.</summary>
/// <param name="listener">Its listener.</param>
/// <param name="ready">Its WebSockets on which no tunnel is.</param>
/// <param name="token">Its token.</param>
/// <param name="status">What it knows about itself.</param>
/// <param name="directory">Its files for tools; null when there could be none.</param>
/// <param name="stores">Stores of others that hold the gateway's CA while the relay runs.</param>
/// <param name="facts">What tools are told.</param>
internal sealed class RunningRelay(
    LoopbackListener listener, ReadyWebSockets ready, SessionToken token, RelayStatus status, RelayDirectory? directory, IReadOnlyList<IAsyncDisposable> stores, TrustFacts facts) : IAsyncDisposable
{
    /// <summary>The port on 127.0.0.1.</summary>
    public int Port => listener.Port;

    /// <summary>The variables for tools.</summary>
    public IReadOnlyList<(string Name, string Value)> Environment { get; } = ChildEnvironment.For(facts);

    /// <summary>What tools are told, and the user's environment before it.</summary>
    public TrustFacts Facts => facts;

    /// <summary>What it knows about itself.</summary>
    public RelaySnapshot Status => status.Snapshot(Port);

    /// <summary>Refuses new tunnels, and lets open ones end by themselves for a while before they are cut. Its status can be asked for until then.</summary>
    public Task DrainAsync(TimeSpan limit)
    {
        status.Drain();
        return Task.WhenAll(ready.StopAsync(), listener.StopAsync(limit));
    }

    /// <summary>Stops at once.</summary>
    public async ValueTask DisposeAsync()
    {
        await listener.DisposeAsync();
        await ready.DisposeAsync();
        token.Dispose();
        foreach (var store in stores) await store.DisposeAsync();
        directory?.Dispose();
    }
}
