using System.Text.Json;
using Fairlead.Gateway.Audit;
using Fairlead.Gateway.Policy;
using Microsoft.Extensions.Logging.Abstractions;

namespace Fairlead.Tests.Gateway.Audit;

/// <summary>An audit of several files: closed, continued, deleted, and whatever else happens to them.</summary>
public sealed class AuditRotationTests : IDisposable
{
    private const int SmallFile = 4096;

    private readonly TempFolder _folder = new();
    private readonly FakeTimeProvider _time = new();

    private string Active => _folder["audit.jsonl"];

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task The_chain_goes_on_over_files_and_each_says_what_is_before_and_behind_it()
    {
        await WriteAsync(60);
        await WriteAsync(20);

        var closed = Closed();
        Assert.True(closed.Length > 4, $"{closed.Length} closed files");
        Assert.Equal(closed.Order(StringComparer.Ordinal), closed);
        string? before = null;
        foreach (var file in closed.Append(Active))
        {
            var lines = LinesOf(file);
            Assert.All(lines, AuditSchema.AssertHolds);
            if (before is not null) Assert.Equal(("continues", Path.GetFileName(before)), (Text(lines[0], "type"), Text(lines[0], "after")));
            if (file != Active) Assert.True(lines[^1].GetProperty("continued").GetBoolean());
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(file));
            before = file;
        }

        AssertHolds(CheckpointKind.Closed);
        Assert.Equal(80, PathsOf(Active).Length);
    }

    [Fact]
    public async Task What_is_captured_counts_for_the_size_at_which_a_file_is_closed()
    {
        using (var audit = Open(new RotationOptions { Size = 1024 * 1024 }))
        {
            for (var i = 0; i < 3; i++)
            {
                var record = RequestOf($"/{i}");
                record.Capture = new byte[600 * 1024];
                await audit.WriteAsync(record);
                Assert.True(await audit.IntendAsync(RequestOf($"/{i}"), Limits.Token));
            }

            await UntilAsync(() => Closed().Length == 1);
        }

        Assert.True(new FileInfo(AuditFiles.CapturesOf(Closed()[0])).Length >= 1024 * 1024);
        AssertHolds(CheckpointKind.Closed);
    }

    [Fact]
    public async Task A_file_is_closed_at_its_age_and_one_in_which_nothing_happens_goes_on()
    {
        using (var audit = Open(new RotationOptions { Every = TimeSpan.FromHours(1) }))
        {
            Assert.True(await audit.IntendAsync(RequestOf("/1"), Limits.Token));
            _time.Advance(TimeSpan.FromMinutes(61));
            await UntilAsync(() => Closed().Length == 1);
            _time.Advance(TimeSpan.FromHours(5));
            Assert.True(await audit.IntendAsync(RequestOf("/2"), Limits.Token));
            await UntilAsync(() => Closed().Length == 2);
            _time.Advance(TimeSpan.FromHours(5));
        }

        Assert.Equal(2, Closed().Length);
        AssertHolds(CheckpointKind.Closed);
    }

    /// <summary>What a kill may leave: each is a moment between two steps of a rotation.</summary>
    [Theory]
    [InlineData("closed and not renamed")]
    [InlineData("renamed, and no next file")]
    [InlineData("an empty next file")]
    [InlineData("a torn first line in the next file")]
    [InlineData("a next file without its checkpoint")]
    public async Task A_rotation_that_was_killed_between_any_two_steps_is_finished_at_the_next_start(string moment)
    {
        await WriteAsync(30);
        var paths = PathsOf(Active);
        var last = Closed()[^1];
        var next = File.ReadAllText(Active);
        File.Delete(Active);
        // The head as it was kept then.
        File.WriteAllText(AuditOptions.HeadOf(Active), File.ReadAllLines(last)[^1] + "\n");
        switch (moment)
        {
            case "closed and not renamed": File.Move(last, Active); break;
            case "an empty next file": File.WriteAllText(Active, ""); break;
            case "a torn first line in the next file": File.WriteAllText(Active, next[..40]); break;
            case "a next file without its checkpoint": File.WriteAllText(Active, next[..(next.IndexOf('\n', StringComparison.Ordinal) + 1)]); break;
        }

        var (finding, found) = Verification.Of(Active);
        Assert.True(finding is null, $"{finding}");
        Assert.True(found.Last == CheckpointKind.Continued || moment == "a next file without its checkpoint");
        var left = PathsOf(Active);
        await WriteAsync(30);

        AssertHolds(CheckpointKind.Closed);
        Assert.Equal(paths.Take(left.Length).Concat(paths), PathsOf(Active));
        Assert.Contains(last, Closed());
        Assert.Equal(Closed().Length, Closed().Distinct().Count());
    }

    [Fact]
    public async Task A_file_that_cannot_be_renamed_grows_and_loses_nothing()
    {
        // Somebody has a file of the name that the first closed one will have: whatever its number is.
        for (var seq = 1; seq < 60; seq++) File.WriteAllText(AuditFiles.ClosedName(Active, seq, _time.GetUtcNow()), "");
        using (var audit = AuditLog.Open(new(Active) { Rotation = new() { Size = SmallFile } }, _time, NullLogger.Instance))
        {
            // The newest of them would be continued; it is not an audit's.
            for (var i = 0; i < 30; i++) Assert.True(await audit.IntendAsync(RequestOf($"/{i}"), Limits.Token));
            Assert.True(new FileInfo(Active).Length > SmallFile);
            Assert.True(audit.IsWritable);
            foreach (var path in Closed()) File.Delete(path);
            _time.Advance(TimeSpan.FromMinutes(2));
            Assert.True(await audit.IntendAsync(RequestOf("/later"), Limits.Token));
            await UntilAsync(() => Closed().Length == 1);
        }

        AssertHolds(CheckpointKind.Closed);
        Assert.Contains("\"continued\":true", string.Concat(File.ReadAllLines(Closed()[0])[..^1]), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_file_that_was_removed_is_found_wherever_it_was()
    {
        await WriteAsync(60);
        var files = Closed().Append(Active).ToArray();
        foreach (var file in files)
        {
            var bytes = File.ReadAllBytes(file);
            File.Delete(file);
            Assert.True(Verification.Of(Active).Finding is not null, $"not found: {Path.GetFileName(file)} removed");
            File.WriteAllBytes(file, bytes);
        }

        AssertHolds(CheckpointKind.Closed);
    }

    [Fact]
    public async Task What_was_removed_stays_found_after_the_next_start()
    {
        await WriteAsync(60);
        File.Delete(Active);

        await WriteAsync(5);

        Assert.Contains("were removed", Verification.Of(Active).Finding!.What, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_end_that_was_cut_off_stays_found_after_the_next_start()
    {
        await WriteAsync(5, new RotationOptions());
        File.WriteAllLines(Active, File.ReadAllLines(Active)[..^2]);

        await WriteAsync(5, new RotationOptions());

        Assert.Contains("2 before it were removed", Verification.Of(Active).Finding!.What, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Old_files_are_deleted_and_verify_tells_that_from_removed_ones()
    {
        await WriteAsync(100, keep: new RetentionOptions { Files = 3 });

        Assert.Equal(3, Closed().Length);
        var found = AssertHolds(CheckpointKind.Closed);
        Assert.True(found.Expired > 0 && found.IsExpiryTold);
        Assert.All(LinesOf(Active), AuditSchema.AssertHolds);
        // One more than the gateway has deleted.
        File.Delete(Closed()[0]);
        Assert.Contains("no signed record says that those before it were deleted", Verification.Of(Active).Finding!.What, StringComparison.Ordinal);
        // Somebody who has the files before these somewhere else says so.
        using var key = AuditKey.ReadPublic(AuditOptions.PublicKeyOf(Active));
        using var audit = AuditReading.Open([Active]);
        var part = new AuditVerification([key], null);
        Assert.All(audit.Files, f => Assert.Null(part.Read(f.Name, f.Stream)));
        Assert.Null(part.End(isPart: true));
    }

    [Fact]
    public async Task A_file_is_deleted_at_its_age_also_when_nothing_happens()
    {
        using (var audit = Open(new RotationOptions { Size = SmallFile }, new RetentionOptions { Time = TimeSpan.FromDays(90) }))
        {
            for (var i = 0; Closed().Length < 2; i++) Assert.True(await audit.IntendAsync(RequestOf($"/{i}"), Limits.Token));
            _time.Advance(TimeSpan.FromDays(89));
            await Task.Delay(Limits.Poll, Limits.Token);
            Assert.Equal(2, Closed().Length);
            for (var i = 0; Closed().Length > 0; i++)
            {
                _time.Advance(TimeSpan.FromDays(2));
                await Task.Delay(Limits.Poll, Limits.Token);
            }
        }

        Assert.True(AssertHolds(CheckpointKind.Closed).IsExpiryTold);
    }

    [Fact]
    public async Task What_the_gateway_has_not_closed_is_never_deleted()
    {
        await WriteAsync(60, keep: new RetentionOptions { Files = 100 });
        // The oldest was not closed by this key: its checkpoint is another's.
        var oldest = Closed()[0];
        var lines = File.ReadAllLines(oldest);
        File.WriteAllLines(oldest, [.. lines[..^1], lines[^1].Replace("\"signature\":\"", "\"signature\":\"AAAA", StringComparison.Ordinal)]);
        var before = Closed();
        string[] others = ["audit-notes.jsonl", "audit-000000000001.jsonl", "other-000000000001-20200101T000000Z.jsonl", "audit-000000000001-20200101T000000Z.jsonl.bak"];
        foreach (var other in others) File.WriteAllText(_folder[other], "mine");

        await WriteAsync(20, keep: new RetentionOptions { Files = 1 });

        Assert.Subset(Closed().ToHashSet(), before.ToHashSet());
        Assert.All(others, other => Assert.Equal("mine", File.ReadAllText(_folder[other])));
    }

    [Fact]
    public async Task An_audit_that_was_moved_away_goes_on_with_its_numbers()
    {
        await WriteAsync(5, new RotationOptions());
        File.Move(Active, _folder["moved.jsonl"]);

        await WriteAsync(5, new RotationOptions());

        using var key = AuditKey.ReadPublic(AuditOptions.PublicKeyOf(Active));
        using var audit = AuditReading.Open([Path.GetDirectoryName(Active)!]);
        var verification = new AuditVerification([key], File.ReadAllBytes(AuditOptions.HeadOf(Active))[..^1]);
        Assert.Equal(2, audit.Files.Count);
        Assert.All(audit.Files, f => Assert.Null(verification.Read(f.Name, f.Stream)));
        Assert.Null(verification.End());
        Assert.Equal("continues", Text(LinesOf(Active)[0], "type"));
    }

    [Fact]
    public async Task Whatever_is_done_to_the_files_is_found()
    {
        await WriteAsync(60);
        var files = Closed().Append(Active).ToArray();
        var original = files.ToDictionary(f => f, File.ReadAllBytes);
        Seeded.Check(100, random =>
        {
            var what = Tampering.Do(random, files);
            var finding = Verification.Of(Active).Finding;
            foreach (var (file, bytes) in original) File.WriteAllBytes(file, bytes);
            Assert.True(finding is not null, $"not found: {what}");
        });

        AssertHolds(CheckpointKind.Closed);
    }

    [Fact]
    public async Task A_forged_record_of_expiry_without_a_checkpoint_behind_it_excuses_nothing()
    {
        await WriteAsync(60);
        var oldest = Closed()[0];
        var end = AuditEnd.Of(oldest).Chain;
        File.Delete(oldest);
        var lines = new System.Buffers.ArrayBufferWriter<byte>();
        AuditEnd.Of(Active).Chain.Seal(AuditText.Opened(_time.GetUtcNow(), AuditGuarantee.BeforeUpstream, "x"), lines).Seal(AuditText.Expired(_time.GetUtcNow(), new Retention.Expired(oldest, end, false)), lines);
        File.AppendAllBytes(Active, lines.WrittenSpan);

        Assert.Contains("no signed record says", Verification.Of(Active).Finding?.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_clock_that_is_set_back_puts_off_no_checkpoint()
    {
        using var audit = Open(new RotationOptions());
        Assert.True(await audit.IntendAsync(RequestOf("/1"), Limits.Token));
        _time.Advance(TimeSpan.FromHours(-5));

        Assert.True(await audit.IntendAsync(RequestOf("/2"), Limits.Token));

        // Whoever writes first behind that brings it: the second request, or the writer in its own time.
        Assert.Contains(LinesOf(Active).SkipWhile(l => !l.ToString().Contains("/1", StringComparison.Ordinal)), l => Text(l, "type") == "checkpoint");
    }

    private AuditVerification AssertHolds(CheckpointKind last)
    {
        var (finding, found) = Verification.Of(Active);
        Assert.True(finding is null, $"{finding}");
        Assert.Equal(last, found.Last);
        return found;
    }

    private async Task WriteAsync(int requests, RotationOptions? rotation = null, RetentionOptions? keep = null)
    {
        using var audit = Open(rotation ?? new RotationOptions { Size = SmallFile }, keep);
        for (var i = 0; i < requests; i++)
        {
            _time.Advance(TimeSpan.FromSeconds(1));
            Assert.True(await audit.IntendAsync(RequestOf($"/{i}"), Limits.Token));
        }
    }

    private AuditLog Open(RotationOptions rotation, RetentionOptions? keep = null) =>
        AuditLog.Open(new(Active) { Rotation = rotation, Retention = keep ?? new RetentionOptions() }, _time, NullLogger.Instance);

    private string[] Closed() => [.. AuditFiles.ClosedOf(Active).Select(f => f.Path)];

    private static JsonElement[] LinesOf(string path) => [.. File.ReadLines(path).Select(l => JsonDocument.Parse(l).RootElement)];

    private static string[] PathsOf(string active)
    {
        using var audit = AuditReading.Open([active]);
        return [.. new AuditQuery { Outcome = AuditQuery.Unknown }.Find(audit.Files.Select(f => f.Stream), () => { }).Select(f => f.Record.GetProperty("path").GetString()!)];
    }

    private static RequestRecord RequestOf(string path) =>
        AuditLogTests.RequestOf(path) with { Request = Guid.CreateVersion7().ToString("N"), Credentials = ["c"], Decision = new(Verdict.Allow, true, "allow", "r") };

    private static string? Text(JsonElement record, string name) => record.GetProperty(name).GetString();

    private static async Task UntilAsync(Func<bool> isTrue)
    {
        for (var deadline = Limits.Token; !isTrue(); deadline.ThrowIfCancellationRequested()) await Task.Delay(Limits.Poll, deadline);
    }
}
