using System.Collections.Concurrent;

namespace Fairlead.EndToEnd.Origins;

/// <summary>Named moments: the origin tells a test that something arrived, or waits for the test's permission.</summary>
internal sealed class Signals
{
    private readonly ConcurrentDictionary<string, TaskCompletionSource> _signals = new();

    public void Raise(string name) => Of(name).TrySetResult();

    public Task WaitAsync(string name, CancellationToken cancellationToken) => Of(name).Task.WaitAsync(cancellationToken);

    private TaskCompletionSource Of(string name) =>
        _signals.GetOrAdd(name, _ => new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));
}
