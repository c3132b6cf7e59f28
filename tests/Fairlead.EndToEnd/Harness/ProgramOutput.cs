using System.Text;

namespace Fairlead.EndToEnd.Harness;

/// <summary>What a program has written so far to one of its two outputs.</summary>
internal sealed class ProgramOutput
{
    private readonly Lock _lock = new();
    private readonly List<byte> _bytes = [];
    private TaskCompletionSource _changed = NewSignal();
    private bool _ended;

    public byte[] Bytes
    {
        get
        {
            lock (_lock) return [.. _bytes];
        }
    }

    public string Text => Encoding.UTF8.GetString(Bytes);

    public async Task PumpAsync(Stream source)
    {
        var buffer = new byte[32 * 1024];
        try
        {
            while (await source.ReadAsync(buffer) is > 0 and var count) Append(buffer.AsSpan(0, count), ended: false);
        }
        finally
        {
            Append([], ended: true);
        }
    }

    /// <summary>Waits until the output holds what the reader looks for.</summary>
    /// <exception cref="EndOfStreamException">The program closed its output before.</exception>
    public async Task<T> WaitForAsync<T>(Func<string, T?> find, CancellationToken cancellationToken)
        where T : class
    {
        while (true)
        {
            Task changed;
            bool ended;
            lock (_lock)
            {
                changed = _changed.Task;
                ended = _ended;
            }

            if (find(Text) is { } found) return found;
            if (ended) throw new EndOfStreamException($"expected more output, but it ended with:\n{Text}");
            await changed.WaitAsync(cancellationToken);
        }
    }

    public Task WaitForAsync(string text, CancellationToken cancellationToken) =>
        WaitForAsync(all => all.Contains(text, StringComparison.Ordinal) ? all : null, cancellationToken);

    public Task WaitForBytesAsync(int count, CancellationToken cancellationToken) =>
        WaitForAsync(_ => Bytes.Length >= count ? this : null, cancellationToken);

    private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    private void Append(ReadOnlySpan<byte> bytes, bool ended)
    {
        lock (_lock)
        {
            _bytes.AddRange(bytes);
            _ended |= ended;
            _changed.TrySetResult();
            _changed = NewSignal();
        }
    }
}
