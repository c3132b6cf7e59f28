using System.Text;
using Fairlead.Gateway.Audit;
using Fairlead.Gateway.Policy;
using Fairlead.Gateway.Sinks;
using Fairlead.Tests.Gateway.Audit;
using Microsoft.Extensions.Logging.Abstractions;

namespace Fairlead.Tests.Gateway.Sinks;

/// <summary>What a sink gets of an audit: every record, in order, whatever happens to it or to the gateway.</summary>
public sealed class SinkTests : IDisposable
{
    private const string Sink = "copy";

    private readonly TempFolder _folder = new();

    private string Active => _folder["audit.jsonl"];

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task A_sink_gets_every_line_as_it_is_over_files_and_starts()
    {
        var sink = new Recording();
        for (var run = 0; run < 3; run++)
        {
            using var progress = Progress();
            SinkFeed feed;
            using (var audit = Open([progress]))
            {
                feed = Feed(sink, progress, audit);
                await WriteAsync(audit, 40);
            }

            await feed.DisposeAsync();
        }

        Assert.Equal(AllLines(), sink.Lines);
        Assert.True(AuditFiles.ClosedOf(Active).Count > 3);
    }

    [Fact]
    public async Task A_sink_that_was_down_catches_up_from_the_file_and_holds_nobody_up()
    {
        var sink = new Recording { IsDown = true };
        using var progress = Progress();
        SinkFeed feed;
        using (var audit = Open([progress]))
        {
            feed = Feed(sink, progress, audit);
            await WriteAsync(audit, 40);
            await UntilAsync(() => progress is { Problem: not null, Lag: > 40 });
            Assert.True(audit.IsWritable);
            sink.IsDown = false;
            await UntilAsync(() => progress is { Problem: null, Lag: 0 });
        }

        await feed.DisposeAsync();
        Assert.Equal(AllLines(), sink.Lines);
    }

    [Fact]
    public async Task While_a_required_sink_is_down_for_too_long_nothing_may_be_sent()
    {
        var sink = new Recording { IsDown = true };
        var time = new FakeTimeProvider();
        using var progress = new SinkProgress(Sink, TimeSpan.FromMinutes(5), time);
        using var audit = Open([progress]);
        await WriteAsync(audit, 1);
        time.Advance(TimeSpan.FromMinutes(4));
        Assert.True(audit.IsWritable);

        time.Advance(TimeSpan.FromMinutes(2));
        Assert.False(audit.IsWritable);
        // One that says how far it has got, and takes nothing, is down.
        await using var feed = Feed(sink, progress, audit);
        await UntilAsync(() => progress.Problem is not null);
        Assert.False(audit.IsWritable);
        Assert.False(await audit.IntendAsync(RequestOf("/refused"), Limits.Token));

        sink.IsDown = false;
        await UntilAsync(() => audit.IsWritable);
        Assert.True(await audit.IntendAsync(RequestOf("/allowed"), Limits.Token));
    }

    [Fact]
    public async Task A_file_that_a_sink_does_not_have_stays_until_there_is_no_room()
    {
        using var progress = Progress();
        using (var audit = Open([progress], new RetentionOptions { Files = 1 }))
        {
            await WriteAsync(audit, 60);
            Assert.True(AuditFiles.ClosedOf(Active).Count > 3);
        }

        using (var audit = Open([progress], new RetentionOptions { Files = 1, Unsent = 10_000 }))
        {
            await WriteAsync(audit, 10);
            await UntilAsync(() => AuditFiles.ClosedOf(Active).Count <= 3);
        }

        Assert.Contains("\"unsent\":true", string.Concat(AllLines()), StringComparison.Ordinal);
        Assert.Null(Verification.Of(Active).Finding);
    }

    [Fact]
    public async Task Standard_output_has_the_lines_and_goes_on_where_it_was()
    {
        using var output = new MemoryStream();
        for (var run = 0; run < 2; run++)
        {
            using var progress = Progress();
            SinkFeed feed;
            using (var audit = Open([progress]))
            {
                feed = Feed(new StandardOutputSink(output, new CursorFile(Active + ".copy.cursor")), progress, audit);
                await WriteAsync(audit, 5);
            }

            await feed.DisposeAsync();
        }

        Assert.Equal(string.Concat(AllLines().Select(l => l + "\n")), Encoding.ASCII.GetString(output.ToArray()));
    }

    private static SinkProgress Progress() => new(Sink, null, TimeProvider.System);

    private AuditLog Open(IReadOnlyList<SinkProgress> sinks, RetentionOptions? keep = null) =>
        AuditLog.Open(new(Active) { Rotation = new() { Size = 4096 }, Retention = keep ?? new() }, TimeProvider.System, NullLogger.Instance, sinks);

    private SinkFeed Feed(IAuditSink sink, SinkProgress progress, AuditLog audit) => new(sink, progress, Active, audit.ChainId, TimeProvider.System, NullLogger.Instance);

    private static async Task WriteAsync(AuditLog audit, int requests)
    {
        for (var i = 0; i < requests; i++) Assert.True(await audit.IntendAsync(RequestOf($"/{i}"), Limits.Token));
    }

    private static RequestRecord RequestOf(string path) =>
        AuditLogTests.RequestOf(path) with { Request = Guid.CreateVersion7().ToString("N"), Credentials = ["c"], Decision = new(Verdict.Allow, true, "allow", "r") };

    private string[] AllLines() => [.. AuditFiles.Expand([Active]).SelectMany(File.ReadAllLines)];

    private static async Task UntilAsync(Func<bool> isTrue)
    {
        for (var deadline = Limits.Token; !isTrue(); deadline.ThrowIfCancellationRequested()) await Task.Delay(Limits.Poll, deadline);
    }

    private sealed class Recording : IAuditSink
    {
        private long _last;

        public volatile bool IsDown;

        public List<string> Lines { get; } = [];

        public Task<long> FindLastAsync(string chain, CancellationToken cancellationToken) => Task.FromResult(_last);

        public Task DeliverAsync(string chain, IReadOnlyList<(AuditLine Line, byte[] Bytes)> records, CancellationToken cancellationToken)
        {
            if (IsDown) throw new IOException("down");
            Lines.AddRange(records.Select(r => Encoding.ASCII.GetString(r.Bytes)));
            _last = records[^1].Line.Seq;
            return Task.CompletedTask;
        }

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }
}
