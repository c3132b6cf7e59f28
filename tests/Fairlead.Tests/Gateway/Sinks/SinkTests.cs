using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Fairlead.Gateway.Audit;
using Fairlead.Gateway.Credentials;
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

    /// <summary>A sync that fails takes back what was written; a sink that looks meanwhile must not keep it.</summary>
    [Fact]
    public void What_was_taken_back_from_the_file_reaches_no_sink()
    {
        var (one, taken, two) = (Line(1, "one"), Line(2, "taken back"), Line(2, "two"));
        File.WriteAllText(Active, one + taken + taken[..20]);
        using var tail = new AuditTail(Active, 0);
        Assert.Equal([one], Read(tail, 1));

        File.WriteAllText(Active, one + two);

        Assert.Equal([two], Read(tail, 2));
    }

    /// <summary>Between the look at the directory and the opening of the file that is written, that one may be closed and another one begun.</summary>
    [Fact]
    public async Task No_file_is_passed_over_however_fast_they_are_closed()
    {
        const int Records = 1000;
        var (onDisk, read) = (0L, new List<long>());
        var writing = Task.Run(
            () =>
            {
                for (var seq = 1; seq <= Records; seq++)
                {
                    // Every other file is begun when all is read, so that the reader is looking for it; and closed after none to a hundred microseconds.
                    if (seq % 2 == 1) SpinWait.SpinUntil(() => Volatile.Read(ref onDisk) == Last() || Limits.Token.IsCancellationRequested);
                    else for (var began = Stopwatch.GetTimestamp(); Stopwatch.GetElapsedTime(began) < TimeSpan.FromMicroseconds(seq % 100);) { }

                    if (seq > 1) File.Move(Active, AuditFiles.ClosedName(Active, seq - 1, DateTimeOffset.UnixEpoch));
                    File.WriteAllText(Active, Line(seq, "x"));
                    Volatile.Write(ref onDisk, seq);
                }
            },
            Limits.Token);
        using var tail = new AuditTail(Active, 0);
        for (var deadline = Limits.Token; !deadline.IsCancellationRequested && Last() < Records;)
        {
            var more = tail.Read(Volatile.Read(ref onDisk), 10);
            lock (read) read.AddRange(more.Select(r => r.Line.Seq));
        }

        await writing;

        Assert.Equal(Enumerable.Range(1, Records).Select(i => (long)i), read);

        long Last()
        {
            lock (read) return read.Count == 0 ? 0 : read[^1];
        }
    }

    [Fact]
    public void A_place_that_could_not_be_noted_is_known_until_the_gateway_ends()
    {
        var cursor = new CursorFile(Path.Combine(_folder["missing"], "cursor"));

        Assert.ThrowsAny<IOException>(() => cursor.Write("c", 7));

        Assert.Equal(7, cursor.Read("c"));
        Assert.Equal(0, cursor.Read("other"));
    }

    [Theory]
    [InlineData("{}")]
    [InlineData("OK")]
    [InlineData("")]
    public async Task What_a_receiver_took_is_not_sent_again_whatever_else_it_says(string answer)
    {
        await using var sink = OtlpTo(answer, new Dictionary<string, Secret>());

        await sink.DeliverAsync("c", [RecordOf(Line(3, "x"))], Limits.Token);

        Assert.Equal(3, await sink.FindLastAsync("c", Limits.Token));
    }

    [Fact]
    public async Task A_secret_that_is_no_header_of_its_kind_is_sent_as_it_is_and_in_no_message()
    {
        Assert.True(Secret.TryCreate("Authorization", "FAKE/key+without=scheme==", out var secret, out _, out _));
        await using var sink = OtlpTo("", new Dictionary<string, Secret> { ["Authorization"] = secret });

        await sink.DeliverAsync("c", [RecordOf(Line(3, "x"))], Limits.Token);

        Assert.Contains("\r\nAuthorization: FAKE/key+without=scheme==\r\n", _head, StringComparison.Ordinal);
    }

    private string _head = "";

    private OtlpSink OtlpTo(string answer, Dictionary<string, Secret> headers)
    {
        var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        _ = Task.Run(async () =>
        {
            using var client = await listener.AcceptSocketAsync(Limits.Token);
            var buffer = new byte[16 * 1024];
            var read = 0;
            // The head, and a body that comes with it or behind it.
            for (var text = ""; !text.Contains("\r\n\r\n", StringComparison.Ordinal) || text.EndsWith("\r\n\r\n", StringComparison.Ordinal); text = Encoding.Latin1.GetString(buffer, 0, read))
                read += await client.ReceiveAsync(buffer.AsMemory(read), Limits.Token);
            _head = Encoding.Latin1.GetString(buffer, 0, read);
            _ = await client.SendAsync(Encoding.ASCII.GetBytes($"HTTP/1.1 200 OK\r\nContent-Length: {answer.Length}\r\n\r\n{answer}"), Limits.Token);
            listener.Stop();
        });
        var url = new Uri($"http://127.0.0.1:{((IPEndPoint)listener.LocalEndpoint).Port}/v1/logs");
        return new OtlpSink(new SinkOptions.Otlp("o", null, url, null) { Headers = new(headers) }, new CursorFile(Active + ".o.cursor"), TimeProvider.System, NullLogger.Instance);
    }

    private static (AuditLine Line, byte[] Bytes) RecordOf(string text)
    {
        var bytes = Encoding.ASCII.GetBytes(text.TrimEnd('\n'));
        Assert.True(AuditLine.TryParse(bytes, out var line));
        return (line, bytes);
    }

    private static string Line(int seq, string type) => $$"""{"version":2,"seq":{{seq}},"prev":"p","type":"{{type}}","time":"2030-01-01T00:00:00Z"}""" + "\n";

    private static IEnumerable<string> Read(AuditTail tail, long upTo) => tail.Read(upTo, 10).Select(r => Encoding.ASCII.GetString(r.Bytes) + "\n");

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
