using System.Buffers;
using System.Globalization;
using System.IO.Pipelines;
using System.Text;

namespace Fairlead.Gateway.Signing;

/// <summary>
/// A body of S3 whose chunks are signed one by one, each signature over the one before (<c>STREAMING-AWS4-HMAC-SHA256-PAYLOAD</c> and <c>…-TRAILER</c>):
/// <code>
/// SIZE;chunk-signature=HEX64 CRLF data CRLF      any number, SIZE in hexadecimal
/// 0;chunk-signature=HEX64 CRLF                   the last one
/// name:value CRLF   x-amz-trailer-signature:HEX64 CRLF      with trailers
/// CRLF
/// </code>
/// Read from the workload, it comes out with our signatures in place of the workload's and is otherwise the same, byte for byte. One chunk is held at a time.
/// What is not of this form is a <see cref="BadHttpRequestException"/>.
/// </summary>
/// <param name="source">The workload's body.</param>
/// <param name="maxChunk">How long a chunk may be, in bytes.</param>
/// <param name="hasTrailers">True when trailers follow the last chunk.</param>
internal sealed class AwsChunkedBody(PipeReader source, int maxChunk, bool hasTrailers) : Stream
{
    private static readonly SearchValues<char> HexDigits = SearchValues.Create("0123456789abcdef");

    private const int MaxLine = 4096;
    private const int MaxTrailers = 32;
    private const int MaxSizeDigits = 16;
    private const string SignaturePart = ";chunk-signature=";
    private const string TrailerPart = "x-amz-trailer-signature:";
    private const int SignatureLength = 64;

    private AwsKey? _key;
    private string _previous = "";
    private ReadOnlyMemory<byte> _ready;
    private bool _isOver;

    /// <summary>The body, for whoever sends it.</summary>
    public PipeReader AsReader() => PipeReader.Create(this, new StreamPipeReaderOptions(bufferSize: 64 * 1024, leaveOpen: true));

    /// <summary>Begins the chain of signatures; before the body is read.</summary>
    /// <param name="key">Signs.</param>
    /// <param name="seed">The signature of the head.</param>
    public void SignWith(AwsKey key, string seed) => (_key, _previous) = (key, seed);

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        while (_ready.IsEmpty && !_isOver) _ready = await NextAsync(cancellationToken);
        var length = Math.Min(buffer.Length, _ready.Length);
        _ready[..length].CopyTo(buffer);
        _ready = _ready[length..];
        return length;
    }

    // The next chunk as it goes out; the last one with what follows it.
    private async ValueTask<byte[]> NextAsync(CancellationToken cancellationToken)
    {
        var line = await ReadLineAsync(cancellationToken);
        var mark = line.IndexOf(';', StringComparison.Ordinal);
        if (mark is <= 0 or > MaxSizeDigits || !long.TryParse(line.AsSpan(0, mark), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var size) || size < 0)
            throw Malformed("the size of a chunk in hexadecimal, and its signature");
        if (line.Length != mark + SignaturePart.Length + SignatureLength || !line.AsSpan(mark).StartsWith(SignaturePart) || !IsHex(line.AsSpan(mark + SignaturePart.Length))) throw Malformed("the signature of a chunk behind its size");
        if (size > maxChunk) throw Malformed($"at most {maxChunk} bytes in it, got {size}");

        var data = new byte[(int)size];
        await FillAsync(data, cancellationToken);
        _previous = _key!.SignChunk(_previous, data);
        var chunk = new ArrayBufferWriter<byte>(line.Length + data.Length + 4);
        WriteLine(chunk, line[..mark] + SignaturePart + _previous);
        chunk.Write(data);
        if (size > 0)
        {
            await ReadLineEndAsync(cancellationToken);
            WriteLine(chunk, "");
        }
        else
        {
            await ReadEndAsync(chunk, cancellationToken);
            _isOver = true;
        }

        return chunk.WrittenSpan.ToArray();
    }

    // What follows the last chunk: trailers with their signature, an empty line, and nothing.
    private async ValueTask ReadEndAsync(ArrayBufferWriter<byte> chunk, CancellationToken cancellationToken)
    {
        var trailers = new StringBuilder();
        for (var count = 0; hasTrailers; count++)
        {
            var line = await ReadLineAsync(cancellationToken);
            if (line.StartsWith(TrailerPart, StringComparison.OrdinalIgnoreCase))
            {
                if (line.Length != TrailerPart.Length + SignatureLength || !IsHex(line.AsSpan(TrailerPart.Length))) throw Malformed("the signature of the trailers");
                WriteLine(chunk, line[..TrailerPart.Length] + _key!.SignTrailers(_previous, Encoding.Latin1.GetBytes(trailers.ToString())));
                break;
            }

            var colon = line.IndexOf(':', StringComparison.Ordinal);
            if (colon <= 0 || count == MaxTrailers) throw Malformed($"trailers, {MaxTrailers} at most, and their signature");
            trailers.Append(line[..colon].ToLowerInvariant()).Append(':').Append(line[(colon + 1)..].Trim()).Append('\n');
            WriteLine(chunk, line);
        }

        await ReadLineEndAsync(cancellationToken);
        WriteLine(chunk, "");
        var rest = await source.ReadAsync(cancellationToken);
        var isEnd = rest.Buffer.IsEmpty && rest.IsCompleted;
        source.AdvanceTo(rest.Buffer.End);
        if (!isEnd) throw Malformed("nothing behind the last chunk");
    }

    private async ValueTask<string> ReadLineAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            var read = await source.ReadAsync(cancellationToken);
            if (LineEndIn(read.Buffer) is { } end)
            {
                var line = Encoding.Latin1.GetString(read.Buffer.Slice(0, end));
                source.AdvanceTo(read.Buffer.GetPosition(2, end));
                return line;
            }

            var isTooLong = read.Buffer.Length > MaxLine || read.IsCompleted;
            source.AdvanceTo(isTooLong ? read.Buffer.End : read.Buffer.Start, read.Buffer.End);
            if (isTooLong) throw Malformed($"a line of at most {MaxLine} bytes");
        }
    }

    private static SequencePosition? LineEndIn(in ReadOnlySequence<byte> buffer)
    {
        var reader = new SequenceReader<byte>(buffer);
        return reader.TryReadTo(out ReadOnlySequence<byte> line, "\r\n"u8) && line.Length <= MaxLine ? line.End : null;
    }

    private async ValueTask ReadLineEndAsync(CancellationToken cancellationToken)
    {
        var end = new byte[2];
        await FillAsync(end, cancellationToken);
        if (!end.AsSpan().SequenceEqual("\r\n"u8)) throw Malformed("the end of a chunk where its size says");
    }

    private async ValueTask FillAsync(Memory<byte> into, CancellationToken cancellationToken)
    {
        while (!into.IsEmpty)
        {
            var read = await source.ReadAsync(cancellationToken);
            var length = (int)Math.Min(read.Buffer.Length, into.Length);
            read.Buffer.Slice(0, length).CopyTo(into.Span);
            source.AdvanceTo(read.Buffer.GetPosition(length));
            into = into[length..];
            if (length == 0 && read.IsCompleted) throw Malformed("the rest of a chunk");
        }
    }

    private static void WriteLine(ArrayBufferWriter<byte> to, string line)
    {
        to.Write(Encoding.Latin1.GetBytes(line));
        to.Write("\r\n"u8);
    }

    private static bool IsHex(ReadOnlySpan<char> text) => text.IndexOfAnyExcept(HexDigits) < 0;

    private static BadHttpRequestException Malformed(string expected) => new($"its chunks are signed (x-amz-content-sha256), and one of them does not hold: expected {expected}");

    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => false;

    public override long Length => throw new NotSupportedException();

    public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

    public override void Flush() { }

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException("it is read asynchronously");

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
}
