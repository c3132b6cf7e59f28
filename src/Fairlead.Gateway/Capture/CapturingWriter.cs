using System.IO.Pipelines;
using Microsoft.AspNetCore.Http.Features;

namespace Fairlead.Gateway.Capture;

/// <summary>The answer's body as the workload gets it, whoever writes it. Nothing waits for this.</summary>
internal sealed class CapturingWriter : PipeWriter, IHttpResponseBodyFeature
{
    private readonly IHttpResponseBodyFeature _inner;
    private readonly PipeWriter _writer;
    private readonly BoundedBody _body;
    private Memory<byte> _given;

    public CapturingWriter(IHttpResponseBodyFeature inner, BoundedBody body)
    {
        (_inner, _writer, _body) = (inner, inner.Writer, body);
        Stream = AsStream(leaveOpen: true);
    }

    public Stream Stream { get; }

    public PipeWriter Writer => this;

    public override bool CanGetUnflushedBytes => _writer.CanGetUnflushedBytes;

    public override long UnflushedBytes => _writer.UnflushedBytes;

    public override Memory<byte> GetMemory(int sizeHint = 0) => _given = _writer.GetMemory(sizeHint);

    // A span cannot be kept until it is advanced over; its memory is the same place.
    public override Span<byte> GetSpan(int sizeHint = 0) => GetMemory(sizeHint).Span;

    public override void Advance(int bytes)
    {
        _body.Add(_given.Span[..bytes]);
        _given = _given[bytes..];
        _writer.Advance(bytes);
    }

    public override ValueTask<FlushResult> FlushAsync(CancellationToken cancellationToken = default) => _writer.FlushAsync(cancellationToken);

    public override ValueTask<FlushResult> WriteAsync(ReadOnlyMemory<byte> source, CancellationToken cancellationToken = default)
    {
        _body.Add(source.Span);
        return _writer.WriteAsync(source, cancellationToken);
    }

    public override void CancelPendingFlush() => _writer.CancelPendingFlush();

    public override void Complete(Exception? exception = null) => _writer.Complete(exception);

    public void DisableBuffering() => _inner.DisableBuffering();

    public Task StartAsync(CancellationToken cancellationToken = default) => _inner.StartAsync(cancellationToken);

    public Task SendFileAsync(string path, long offset, long? count, CancellationToken cancellationToken = default) => SendFileFallback.SendFileAsync(Stream, path, offset, count, cancellationToken);

    public Task CompleteAsync() => _inner.CompleteAsync();
}
