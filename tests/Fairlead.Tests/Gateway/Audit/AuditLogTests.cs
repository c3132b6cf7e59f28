using System.Text;
using System.Text.Json;
using Fairlead.Gateway.Audit;
using Fairlead.Gateway.Policy;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Fairlead.Tests.Gateway.Audit;

public sealed class AuditLogTests : IDisposable
{
    private static readonly string Id = Guid.Empty.ToString("N");

    private readonly TempFolder _folder = new();

    private string Path => _folder["audit.jsonl"];

    public void Dispose() => _folder.Dispose();

    /// <summary>What a stranger can put into a record.</summary>
    public static TheoryData<string> Hostile => new()
    {
        "\n{\"version\":1,\"type\":\"request\"}\n",
        "\r\n",
        "\"},{\"",
        "\\\",\\",
        "\0",
        "\u0001\u001b[2J\u007f\u0085",
        "\u2028\u2029",
        "\ud800",
        "\udc00\ud800",
        "\ufeff\uffff",
        "<script>&amp;'",
        "\u00e9\u4e2d\U0001f600",
        new string('x', 300_000),
    };

    [Fact]
    public async Task A_record_is_what_the_schema_says()
    {
        using (var audit = Open())
        {
            await audit.WriteAsync(RequestOf("/a") with { Decision = new(Verdict.Allow, true, "allow GET a.test", "r"), Credentials = ["c"], QueryNames = ["q"], Status = 200, Detail = "d", FirstByte = TimeSpan.FromMilliseconds(1.2346) });
            await audit.WriteAsync(RequestOf("") with { Outcome = Outcome.Misdirected });
            await audit.WriteAsync(RequestOf("/a") with { Decision = new(Verdict.Deny, false, "default: deny", "r"), Protocol = "h2" });
            await audit.WriteAsync(new TunnelRecord { Time = TimeProvider.System.GetUtcNow(), Tunnel = Id });
            await audit.WriteAsync(new TunnelRecord { Time = TimeProvider.System.GetUtcNow(), Tunnel = Id, Session = "s", Host = "2001:db8::1", Port = 443, Status = 200, Detail = "d", Requests = 3, BytesIn = long.MaxValue, Total = TimeSpan.FromDays(3) });
        }

        var records = Records();
        Assert.Equal(5, records.Length);
        Assert.All(Lines(), AuditSchema.AssertHolds);
        Assert.Equal(["allow", null, "observe"], records.Take(3).Select(r => r.GetProperty("decision").GetString()));
        Assert.Equal(1.235, records[0].GetProperty("duration_ms").GetProperty("first_byte").GetDouble());
    }

    [Fact]
    public void The_outcomes_are_those_of_the_schema() => Assert.Equal(
        AuditSchema.OutcomesOf("request").Concat(AuditSchema.OutcomesOf("tunnel")).Distinct().Order(),
        Enum.GetNames<Outcome>().Select(JsonNamingPolicy.SnakeCaseLower.ConvertName).Order());

    [Theory]
    [MemberData(nameof(Hostile), DisableDiscoveryEnumeration = true)]
    public async Task A_hostile_value_cannot_forge_a_line(string value)
    {
        using (var audit = Open())
        {
            await audit.WriteAsync(RequestOf(value) with { Session = value, Method = value, Host = value, Protocol = "h2", QueryNames = [value], Credentials = [value], Decision = new(Verdict.Deny, true, value, value), Detail = value });
            await audit.WriteAsync(new TunnelRecord { Time = TimeProvider.System.GetUtcNow(), Tunnel = Id, Session = value, Host = value, Detail = value });
        }

        var bytes = File.ReadAllBytes(Path);
        Assert.All(bytes, b => Assert.True(b is >= (byte)' ' and <= (byte)'~' or (byte)'\n', $"byte {b:x2}"));
        Assert.Equal(2 + 2, bytes.Count(b => b == '\n')); // and the first and the last line of all
        var records = Records();
        Assert.All(Lines(), AuditSchema.AssertHolds);
        var expected = Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(value)); // lone surrogates have no bytes; both replace them
        Assert.Equal(expected, records[0].GetProperty("path").GetString());
        Assert.Equal(expected, records[1].GetProperty("detail").GetString());
    }

    [Fact]
    public async Task The_file_is_for_the_owner_alone_and_is_appended_to()
    {
        var path = System.IO.Path.Combine(_folder["new"], "audit.jsonl");
        for (var i = 0; i < 3; i++)
        {
            using var audit = AuditLog.Open(new(path), TimeProvider.System, NullLogger.Instance);
            await audit.WriteAsync(RequestOf($"/{i}"));
        }

        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(path));
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(path + ".key"));
        Assert.Equal(["/0", "/1", "/2"], RecordsOf(path).Select(r => r.GetProperty("path").GetString()));
        Assert.Equal(9, File.ReadLines(path).Count());
    }

    [Theory]
    [InlineData("{\"half\":", true)]
    [InlineData("", false)]
    [InlineData("x", true)]
    [InlineData("{\"version\":2,\"seq\":9}\n\0\0\0\n\0", true)]
    public async Task A_torn_end_is_marked_told_and_left_as_it_is(string torn, bool isTorn)
    {
        using (var audit = Open()) await audit.WriteAsync(RequestOf("/before"));
        var before = File.ReadAllText(Path) + torn;
        File.WriteAllText(Path, before);
        var warnings = new Warnings();

        using (var audit = AuditLog.Open(new(Path), TimeProvider.System, warnings)) await audit.WriteAsync(RequestOf("/next"));

        Assert.StartsWith(before + (isTorn ? "\n" : ""), File.ReadAllText(Path), StringComparison.Ordinal);
        Assert.Equal(isTorn ? 1 : 0, warnings.Count);
        var (finding, verification) = Verification.Of(Path);
        Assert.Null(finding);
        Assert.Equal((isTorn ? 1 : 0, true), (verification.Repairs, verification.Last == CheckpointKind.Closed));
    }

    [Fact]
    public async Task A_first_line_that_was_torn_and_a_last_one_without_an_end_are_continued()
    {
        File.WriteAllText(Path, "{\"version\":2,\"se");
        using (var audit = Open()) await audit.WriteAsync(RequestOf("/1"));
        File.WriteAllText(Path, File.ReadAllText(Path)[..^1]);
        using (var audit = Open()) await audit.WriteAsync(RequestOf("/2"));

        var (finding, verification) = Verification.Of(Path);
        Assert.Null(finding);
        Assert.Equal((1, 7), (verification.Repairs, verification.Records));
    }

    [Theory]
    [InlineData("{}\n")]
    [InlineData("{\"version\":1,\"type\":\"request\"}\n{\"half\"")]
    public void A_file_of_another_kind_is_not_continued(string other)
    {
        File.WriteAllText(Path, other);

        var refused = Assert.Throws<InvalidDataException>(() => Open());
        Assert.Contains("expected an audit of version 2", refused.Message, StringComparison.Ordinal);
        Assert.Equal(other, File.ReadAllText(Path));
    }

    [Fact]
    public void A_key_that_others_can_read_is_refused()
    {
        Open().Dispose();
        File.SetUnixFileMode(Path + ".key", UnixFileMode.UserRead | UnixFileMode.GroupRead);

        Assert.Contains("0600", Assert.Throws<InvalidDataException>(() => Open()).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_file_is_locked_against_a_second_gateway()
    {
        using var audit = Open();

        Assert.Contains("only writer", Assert.Throws<IOException>(() => Open()).Message, StringComparison.Ordinal);
        // Whoever else opens and closes the file takes nothing from the lock.
        File.OpenHandle(Path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite).Dispose();
        Assert.Throws<IOException>(() => Open());
    }

    [Theory]
    [InlineData(nameof(AuditGuarantee.BeforeUpstream), true, true)]
    [InlineData(nameof(AuditGuarantee.BeforeUpstream), false, false)]
    [InlineData(nameof(AuditGuarantee.BeforeUpstreamAlways), false, true)]
    [InlineData(nameof(AuditGuarantee.BestEffort), true, false)]
    public async Task An_intent_is_there_when_a_request_may_be_sent(string guarantee, bool hasCredential, bool isThere)
    {
        using var audit = AuditLog.Open(new(Path) { Guarantee = Enum.Parse<AuditGuarantee>(guarantee) }, TimeProvider.System, NullLogger.Instance);

        Assert.True(await audit.IntendAsync(RequestOf("/now") with { Decision = new(Verdict.Allow, true, "r", "r"), Credentials = hasCredential ? ["c"] : [] }, Limits.Token));

        Assert.Equal(isThere, (await ReadSharedAsync(Path)).Contains("/now", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Of_intents_at_once_each_is_there_when_its_request_may_be_sent()
    {
        using var audit = Open();

        await Task.WhenAll(Enumerable.Range(0, 16).Select(writer => Task.Run(async () =>
        {
            for (var i = 0; i < 8; i++)
            {
                var path = $"/{writer}/{i}/";
                Assert.True(await audit.IntendAsync(RequestOf(path) with { Decision = new(Verdict.Allow, true, "r", "r"), Credentials = ["c"] }, Limits.Token));
                Assert.Contains(path, await ReadSharedAsync(Path), StringComparison.Ordinal);
            }
        })));
    }

    [Fact]
    public async Task Writers_at_once_leave_whole_lines()
    {
        using (var audit = Open())
        {
            await Task.WhenAll(Enumerable.Range(0, 8).Select(writer => Task.Run(async () =>
            {
                for (var i = 0; i < 500; i++)
                {
                    if (i % 2 == 0) await audit.WriteAsync(RequestOf($"/{writer}/{i}/{new string('x', i)}"));
                    else await audit.WriteAsync(new TunnelRecord { Time = TimeProvider.System.GetUtcNow(), Tunnel = Id, Detail = $"{writer}/{i}" });
                }
            })));
        }

        var records = Records();
        Assert.Equal(4000, records.Length);
        Assert.All(records, r => Assert.Equal(JsonValueKind.Object, r.ValueKind));
        foreach (var writer in Enumerable.Range(0, 8))
        {
            var mine = records.Where(r => r.TryGetProperty("path", out var p) && p.GetString()!.StartsWith($"/{writer}/", StringComparison.Ordinal)).Select(r => r.GetProperty("path").GetString()!.Split('/')[2]);
            Assert.Equal(Enumerable.Range(0, 250).Select(i => (i * 2).ToString(System.Globalization.CultureInfo.InvariantCulture)), mine);
        }
    }

    [Fact]
    public async Task A_full_disk_is_told_leaves_no_half_line_and_is_got_over()
    {
        await using var disk = await SmallDisk.MountAsync(_folder["disk"]);
        var warnings = new Warnings();
        var path = System.IO.Path.Combine(disk.Root, "audit.jsonl");
        using (var audit = AuditLog.Open(new(path) { Guarantee = AuditGuarantee.BeforeUpstreamAlways }, TimeProvider.System, warnings))
        {
            Assert.True(await audit.IntendAsync(RequestOf("/first"), Limits.Token));
            disk.Fill();
            for (var i = 0; i < 100 && await audit.IntendAsync(RequestOf("/" + new string('x', 3000)), Limits.Token); i++) { }
            Assert.False(audit.IsWritable);
            await audit.WriteAsync(RequestOf("/" + new string('y', 30_000)));
            for (var deadline = Limits.Token; audit.Lost == 0; deadline.ThrowIfCancellationRequested()) await Task.Delay(10, deadline);
            Assert.Equal(1, warnings.Count);
            Assert.EndsWith("}\n", await ReadSharedAsync(path), StringComparison.Ordinal);

            disk.Empty();
            // Nobody asks a gateway that says it is not ready, so it tries by itself.
            for (var deadline = Limits.Token; !audit.IsWritable; deadline.ThrowIfCancellationRequested()) await Task.Delay(10, deadline);
            await audit.WriteAsync(RequestOf("/after"));
        }

        var paths = File.ReadLines(path).Select(l => JsonDocument.Parse(l).RootElement).Where(r => r.TryGetProperty("path", out _)).Select(r => r.GetProperty("path").GetString()!).ToArray();
        Assert.Equal("/first", paths[0]);
        Assert.Equal("/after", paths[^1]);
        Assert.DoesNotContain(paths, p => p.Contains('y', StringComparison.Ordinal));
        var (finding, verification) = Verification.Of(path);
        Assert.Null(finding);
        Assert.Equal((1, true), (verification.Lost, verification.Last == CheckpointKind.Closed));
    }

    private static async Task<string> ReadSharedAsync(string path)
    {
        await using var reader = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        return await Reply.ReadToEndAsync(reader);
    }

    private AuditLog Open() => AuditLog.Open(new(Path), TimeProvider.System, NullLogger.Instance);

    private JsonElement[] Lines() => [.. File.ReadLines(Path).Select(l => JsonDocument.Parse(l).RootElement)];

    private JsonElement[] Records() => RecordsOf(Path);

    private static JsonElement[] RecordsOf(string path) =>
        [.. File.ReadLines(path).Select(l => JsonDocument.Parse(l).RootElement).Where(r => r.GetProperty("type").GetString() is "request" or "tunnel")];

    internal static RequestRecord RequestOf(string path) => new()
    {
        Time = TimeProvider.System.GetUtcNow(),
        Request = Id,
        Tunnel = Id,
        Session = "s",
        Policy = "p",
        PolicyHash = "0123456789abcdef",
        Protocol = "http/1.1",
        Method = "GET",
        Host = "a.test",
        Port = 443,
        Path = path,
    };

    private sealed class Warnings : ILogger
    {
        public int Count { get; private set; }

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) => Count++;
    }
}
