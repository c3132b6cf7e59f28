using System.Buffers;
using System.Diagnostics;
using System.Text;
using Fairlead.Gateway.Credentials;

namespace Fairlead.Gateway.Upstream;

/// <summary>
/// What an upstream sends, without the secrets in it. It passes on what is there at once, less an end that may be the beginning of a secret: that waits for what
/// comes next. When nothing comes for a moment, an end that tells little of a secret passes too, so that a dialogue does not stand still for one letter; what follows
/// is still recognised. A stream that is silent holds no buffer.
/// </summary>
/// <param name="inner">What the upstream sends.</param>
/// <param name="scrubber">What finds secrets.</param>
/// <param name="keepsLength">True where lengths were announced, or stand between the bytes: the label is then cut, or filled with <c>*</c>, to the length of what it replaces.</param>
internal sealed class ScrubbedStream(Stream inner, Scrubber scrubber, bool keepsLength) : Stream
{
    /// <summary>How long the end of something may wait for what comes next: 100 ms.</summary>
    public static readonly TimeSpan Moment = TimeSpan.FromMilliseconds(100);

    private const int ReadBytes = 64 * 1024;

    private Task<int>? _arrival;
    private bool _isOver;

    // | passed on already | not yet passed on |   the end of what came, of which the next bytes say what it is
    private byte[] _held = [];
    private int _heldLength;
    private int _passed;
    private bool _mayPass;

    // Scrubbed, and not yet read.
    private byte[]? _ready;
    private int _start;
    private int _end;

    /// <summary>False for what is no text: reading escapes in it costs more than the search, and nobody escapes there. Default true.</summary>
    public bool ReadsEscapes { get; init; } = true;

    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => false;

    public override long Length => throw new NotSupportedException();

    public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

    /// <summary>Reads what is there. An empty buffer waits until something is, or until the end.</summary>
    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        while (_start == _end)
        {
            if (_isOver) return 0;
            await FillAsync(cancellationToken);
        }

        var bytes = Math.Min(buffer.Length, _end - _start);
        _ready.AsSpan(_start, bytes).CopyTo(buffer.Span);
        _start += bytes;
        if (_start == _end) Return();
        return bytes;
    }

    /// <summary>Reads all of a short answer at once, before anything else is read, where it comes without a pause: then its length may change.</summary>
    /// <param name="announced">How long it is said to be.</param>
    /// <param name="cancellationToken">Ends the reading.</param>
    /// <returns>How long it is now; null when it did not come at once, or is not as long as was said. It is then read with its length kept.</returns>
    public async Task<int?> TryReadWholeAsync(int announced, CancellationToken cancellationToken)
    {
        var buffer = ArrayPool<byte>.Shared.Rent(announced + 1);
        var length = 0;
        var began = Stopwatch.GetTimestamp();
        while (length <= announced && await ArrivesAsync(Moment - Stopwatch.GetElapsedTime(began), cancellationToken))
        {
            var bytes = await ReadInnerAsync(buffer.AsMemory(length, announced + 1 - length), cancellationToken);
            _isOver = bytes == 0;
            if (_isOver) break;
            length += bytes;
        }

        keepsLength = !_isOver || length != announced;
        Scrub(buffer, length);
        return keepsLength ? null : _end - _start;
    }

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override void Flush() => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        // What is not yet read is left to the garbage collector: a read that nobody waits for any more, since the workload left, may just be ending, and a buffer that both
        // give back would be lent to two at once.
        if (disposing) inner.Dispose();

        base.Dispose(disposing);
    }

    private async Task FillAsync(CancellationToken cancellationToken)
    {
        TimeSpan? patience = _mayPass && _passed < _heldLength ? Moment : null;
        var hasArrived = await ArrivesAsync(patience, cancellationToken);
        var buffer = ArrayPool<byte>.Shared.Rent(Math.Max(ReadBytes, 2 * _heldLength));
        _held.AsSpan(0, _heldLength).CopyTo(buffer);
        if (!hasArrived)
        {
            Offer(buffer, _passed, _heldLength);
            _passed = _heldLength;
            return;
        }

        var length = _heldLength;
        do
        {
            try
            {
                var bytes = await ReadInnerAsync(buffer.AsMemory(length), cancellationToken);
                _isOver = bytes == 0;
                length += bytes;
            }
            catch (Exception e) when (length > _heldLength)
            {
                // What came before the break is told first.
                _arrival = Task.FromException<int>(e);
            }
        }
        while (!_isOver && length < buffer.Length && HasMore(cancellationToken));
        Scrub(buffer, length);
    }

    /// <returns>False when the time is over before there is something to read.</returns>
    private async ValueTask<bool> ArrivesAsync(TimeSpan? within, CancellationToken cancellationToken)
    {
        // One that was waited for before is still under way.
        _arrival ??= ReadInnerAsync(Memory<byte>.Empty, cancellationToken);
        if (within is { } time && !_arrival.IsCompleted)
        {
            if (time <= TimeSpan.Zero || await Task.WhenAny(_arrival, Task.Delay(time, cancellationToken)) != _arrival)
            {
                cancellationToken.ThrowIfCancellationRequested();
                return false;
            }
        }

        var arrival = _arrival;
        _arrival = null;
        _ = await arrival;
        return true;
    }

    /// <returns>True when there is more to read already: a search of larger pieces costs less.</returns>
    private bool HasMore(CancellationToken cancellationToken)
    {
        _arrival ??= ReadInnerAsync(Memory<byte>.Empty, cancellationToken);
        if (!_arrival.IsCompletedSuccessfully) return false;
        _arrival = null;
        return true;
    }

    private async Task<int> ReadInnerAsync(Memory<byte> buffer, CancellationToken cancellationToken)
    {
        try
        {
            return await inner.ReadAsync(buffer, cancellationToken);
        }
        catch (Exception e) when (e is InvalidDataException || (e is InvalidOperationException && inner is System.IO.Compression.BrotliStream))
        {
            throw new UpstreamException(UpstreamFailure.Aborted, "the upstream's compressed answer is broken", e);
        }
    }

    private void Scrub(byte[] buffer, int length)
    {
        var passed = _passed;
        var sightings = scrubber.Look(buffer.AsSpan(0, length), ReadsEscapes, out var beginning, out _mayPass);
        // At the end nothing comes that could make it a secret; and nobody writes one as long as that.
        if (_isOver || length - beginning > scrubber.MostHeld) beginning = length;
        _heldLength = length - beginning;
        if (_held.Length < _heldLength) _held = new byte[_heldLength];
        buffer.AsSpan(beginning, _heldLength).CopyTo(_held);
        _passed = Math.Max(0, passed - beginning);

        if (sightings.Count == 0) Offer(buffer, passed, Math.Max(passed, beginning));
        else if (keepsLength) Mask(buffer, sightings, passed, beginning);
        else Replace(buffer, sightings, passed, beginning);
    }

    private void Mask(byte[] buffer, IReadOnlyList<Sighting> sightings, int passed, int end)
    {
        foreach (var sighting in sightings)
        {
            var place = buffer.AsSpan(0, sighting.End)[Math.Min(sighting.End, Math.Max(passed, sighting.Start))..];
            var label = Encoding.ASCII.GetBytes(Scrubber.LabelOf(sighting.Credential));
            place.Fill((byte)'*');
            label.AsSpan(0, Math.Min(label.Length, place.Length)).CopyTo(place);
        }

        Offer(buffer, passed, Math.Max(passed, end));
    }

    private void Replace(byte[] buffer, IReadOnlyList<Sighting> sightings, int passed, int end)
    {
        var replaced = new ArrayBufferWriter<byte>(end + 64);
        var at = passed;
        foreach (var sighting in sightings)
        {
            if (sighting.Start > at) replaced.Write(buffer.AsSpan(at, sighting.Start - at));
            replaced.Write(Encoding.ASCII.GetBytes(Scrubber.LabelOf(sighting.Credential)));
            at = Math.Max(at, sighting.End);
        }

        if (end > at) replaced.Write(buffer.AsSpan(at, end - at));
        ArrayPool<byte>.Shared.Return(buffer);
        var bytes = ArrayPool<byte>.Shared.Rent(replaced.WrittenCount);
        replaced.WrittenSpan.CopyTo(bytes);
        Offer(bytes, 0, replaced.WrittenCount);
    }

    private void Offer(byte[] bytes, int start, int end)
    {
        (_ready, _start, _end) = (bytes, start, end);
        if (start == end) Return();
    }

    private void Return()
    {
        if (_ready is not null) ArrayPool<byte>.Shared.Return(_ready);
        (_ready, _start, _end) = (null, 0, 0);
    }
}
