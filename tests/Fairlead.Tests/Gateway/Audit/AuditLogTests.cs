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
    public void A_record_is_what_the_schema_says()
    {
        using (var audit = Open())
        {
            audit.Write(RequestOf("/a") with { Decision = new(Verdict.Allow, true, "allow GET a.test", "r"), Credentials = ["c"], QueryNames = ["q"], Status = 200, Detail = "d", FirstByte = TimeSpan.FromMilliseconds(1.2346) });
            audit.Write(RequestOf("") with { Outcome = Outcome.Misdirected });
            audit.Write(RequestOf("/a") with { Decision = new(Verdict.Deny, false, "default: deny", "r"), Protocol = "h2" });
            audit.Write(new TunnelRecord { Time = TimeProvider.System.GetUtcNow(), Tunnel = Id });
            audit.Write(new TunnelRecord { Time = TimeProvider.System.GetUtcNow(), Tunnel = Id, Session = "s", Host = "2001:db8::1", Port = 443, Status = 200, Detail = "d", Requests = 3, BytesIn = long.MaxValue, Total = TimeSpan.FromDays(3) });
        }

        var records = Records();
        Assert.Equal(5, records.Length);
        Assert.All(records, AuditSchema.AssertHolds);
        Assert.Equal(["allow", null, "observe"], records.Take(3).Select(r => r.GetProperty("decision").GetString()));
        Assert.Equal(1.235, records[0].GetProperty("duration_ms").GetProperty("first_byte").GetDouble());
    }

    [Fact]
    public void The_outcomes_are_those_of_the_schema() => Assert.Equal(
        AuditSchema.OutcomesOf("request").Concat(AuditSchema.OutcomesOf("tunnel")).Distinct().Order(),
        Enum.GetNames<Outcome>().Select(JsonNamingPolicy.SnakeCaseLower.ConvertName).Order());

    [Theory]
    [MemberData(nameof(Hostile), DisableDiscoveryEnumeration = true)]
    public void A_hostile_value_cannot_forge_a_line(string value)
    {
        using (var audit = Open())
        {
            audit.Write(RequestOf(value) with { Session = value, Method = value, Host = value, Protocol = "h2", QueryNames = [value], Credentials = [value], Decision = new(Verdict.Deny, true, value, value), Detail = value });
            audit.Write(new TunnelRecord { Time = TimeProvider.System.GetUtcNow(), Tunnel = Id, Session = value, Host = value, Detail = value });
        }

        var bytes = File.ReadAllBytes(Path);
        Assert.All(bytes, b => Assert.True(b is >= (byte)' ' and <= (byte)'~' or (byte)'\n', $"byte {b:x2}"));
        Assert.Equal(2, bytes.Count(b => b == '\n'));
        var records = Records();
        Assert.All(records, AuditSchema.AssertHolds);
        var expected = Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(value)); // lone surrogates have no bytes; both replace them
        Assert.Equal(expected, records[0].GetProperty("path").GetString());
        Assert.Equal(expected, records[1].GetProperty("detail").GetString());
    }

    [Fact]
    public void The_file_is_for_the_owner_alone_and_is_appended_to()
    {
        var path = System.IO.Path.Combine(_folder["new"], "audit.jsonl");
        for (var i = 0; i < 3; i++)
        {
            using var audit = AuditLog.Open(path, NullLogger.Instance);
            audit.Write(RequestOf($"/{i}"));
        }

        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(path));
        Assert.Equal(["/0", "/1", "/2"], File.ReadLines(path).Select(l => JsonDocument.Parse(l).RootElement.GetProperty("path").GetString()));
    }

    [Theory]
    [InlineData("{\"half\":", true)]
    [InlineData("{}\n", false)]
    [InlineData("", false)]
    [InlineData("x", true)]
    public void A_torn_last_line_is_ended_and_told(string before, bool isTorn)
    {
        File.WriteAllText(Path, before);
        var warnings = new Warnings();

        using (var audit = AuditLog.Open(Path, warnings)) audit.Write(RequestOf("/next"));

        var lines = File.ReadAllLines(Path);
        Assert.Equal("/next", JsonDocument.Parse(lines[^1]).RootElement.GetProperty("path").GetString());
        Assert.StartsWith(before + (isTorn ? "\n" : ""), File.ReadAllText(Path), StringComparison.Ordinal);
        Assert.Equal(isTorn ? 1 : 0, warnings.Count);
    }

    [Fact]
    public void The_file_is_locked_against_a_second_gateway()
    {
        using var audit = Open();

        // The lock is the process's own, so this process cannot run into it: the kernel is asked instead.
        Assert.Contains(Directory.GetFiles("/proc/self/fd"), IsLockedAuditFile);
    }

    [Fact]
    public async Task A_line_is_there_when_write_returns()
    {
        using var audit = Open();
        audit.Write(RequestOf("/now"));

        await using var reader = new FileStream(Path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        Assert.Contains("/now", await Reply.ReadToEndAsync(reader), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Writers_at_once_leave_whole_lines()
    {
        using (var audit = Open())
        {
            await Task.WhenAll(Enumerable.Range(0, 8).Select(writer => Task.Run(() =>
            {
                for (var i = 0; i < 500; i++)
                {
                    if (i % 2 == 0) audit.Write(RequestOf($"/{writer}/{i}/{new string('x', i)}"));
                    else audit.Write(new TunnelRecord { Time = TimeProvider.System.GetUtcNow(), Tunnel = Id, Detail = $"{writer}/{i}" });
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
        using (var audit = AuditLog.Open(path, warnings))
        {
            audit.Write(RequestOf("/first"));
            Assert.True(audit.IsWritable);
            disk.Fill();
            for (var i = 0; i < 100 && audit.IsWritable; i++) audit.Write(RequestOf("/" + new string('x', 3000)));
            Assert.False(audit.IsWritable);
            audit.Write(RequestOf("/" + new string('y', 30_000)));
            Assert.Equal(1, warnings.Count);
            Assert.EndsWith("}\n", await ReadSharedAsync(path), StringComparison.Ordinal);

            disk.Empty();
            audit.Write(RequestOf("/after"));
            Assert.True(audit.IsWritable);
        }

        var records = File.ReadLines(path).Select(l => JsonDocument.Parse(l).RootElement.GetProperty("path").GetString()).ToArray();
        Assert.Equal("/first", records[0]);
        Assert.Equal("/after", records[^1]);
        Assert.DoesNotContain(records, r => r!.Contains('y', StringComparison.Ordinal));
    }

    private bool IsLockedAuditFile(string descriptor)
    {
        try
        {
            return File.ResolveLinkTarget(descriptor, returnFinalTarget: false)?.FullName == Path
                && File.ReadAllText($"/proc/self/fdinfo/{System.IO.Path.GetFileName(descriptor)}").Contains("POSIX  ADVISORY  WRITE", StringComparison.Ordinal);
        }
        catch (IOException)
        {
            return false; // closed meanwhile by whoever had it
        }
    }

    private static async Task<string> ReadSharedAsync(string path)
    {
        await using var reader = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        return await Reply.ReadToEndAsync(reader);
    }

    private AuditLog Open() => AuditLog.Open(Path, NullLogger.Instance);

    private JsonElement[] Records() => [.. File.ReadLines(Path).Select(l => JsonDocument.Parse(l).RootElement)];

    private static RequestRecord RequestOf(string path) => new()
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
