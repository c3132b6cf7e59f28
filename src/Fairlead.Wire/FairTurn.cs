using System.Runtime.CompilerServices;

namespace Fairlead.Wire;

/// <summary>
/// Counts what a loop does without having to wait, and lets others run once that is much: a peer that floods us would else keep a thread for as long as it likes, and few of
/// them all threads there are. Of one loop; not thread-safe.
/// </summary>
public sealed class FairTurn
{
    private const int Most = 32;

    private int _count;

    /// <summary>Called before each step.</summary>
    /// <param name="isReady">False when the step has to wait anyway.</param>
    /// <returns>True when it is the others' turn: await <see cref="Others"/>.</returns>
    public bool IsOver(bool isReady)
    {
        _count = isReady ? _count + 1 : 0;
        if (_count < Most) return false;
        _count = 0;
        return true;
    }

    /// <summary>To be awaited: goes on behind all that waits for a thread now. <see cref="Task.Yield"/> would go on before it, being queued by the same thread.</summary>
    public static OthersAwaiter Others => default;

    /// <summary>Puts the rest of a method at the end of the pool's queue.</summary>
    public readonly struct OthersAwaiter : ICriticalNotifyCompletion
    {
        /// <summary>False: there is always a turn for the others.</summary>
        public bool IsCompleted => false;

        /// <summary>What is awaited: itself.</summary>
        public OthersAwaiter GetAwaiter() => this;

        /// <summary>Nothing.</summary>
        public void GetResult() { }

        /// <inheritdoc/>
        public void OnCompleted(Action continuation) => ThreadPool.QueueUserWorkItem(static rest => rest(), continuation, preferLocal: false);

        /// <inheritdoc/>
        public void UnsafeOnCompleted(Action continuation) => ThreadPool.UnsafeQueueUserWorkItem(static rest => rest(), continuation, preferLocal: false);
    }
}
