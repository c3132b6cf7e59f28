using System.Collections;
using System.Diagnostics;
using System.Globalization;
using Fairlead.Gateway.Audit;
using Fairlead.Gateway.Policy;
using Microsoft.Extensions.Logging.Abstractions;

namespace Fairlead.Tests.Gateway.Audit;

/// <summary>An audit that is verified and searched while a gateway writes it, closes its files and deletes them.</summary>
public sealed class LiveAuditTests : IDisposable
{
    private static readonly TimeSpan Stress = TimeSpan.FromSeconds(2);

    private readonly TempFolder _folder = new();
    private int _written;

    private string Active => _folder["audit.jsonl"];

    public void Dispose() => _folder.Dispose();

    /// <summary>The head that is kept, too: the file with its record may be deleted while the files are listed, and the one with the next head not be there yet.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public async Task Files_that_are_closed_and_deleted_while_they_are_listed_are_no_damage(int listing)
    {
        using var audit = Open(keep: 1);
        await CloseFilesAsync(audit, 3);
        var named = new Listed(Active, at => { if (at <= listing) CloseFilesAsync(audit, 3).Wait(Limits.Token); });

        var (finding, found) = Verification.Of(named);

        Assert.True(finding is null, $"{finding}");
        Assert.True(found.IsExpiryTold);
        named.Count = 0;
        var paths = PathsOf(named);
        Assert.Equal(Enumerable.Range(paths[0], paths.Length), paths);
        Assert.True(named.Count > listing);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public async Task A_file_that_somebody_removes_meanwhile_is_found(int listing)
    {
        using var audit = Open(keep: 100);
        await CloseFilesAsync(audit, 5);
        var named = new Listed(Active, at =>
        {
            if (at != listing) return;
            File.Delete(AuditFiles.ClosedOf(Active)[2].Path);
            CloseFilesAsync(audit, 1).Wait(Limits.Token);
        });

        Assert.Contains("before it were removed", Verification.Of(named).Finding?.What, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(20)]
    public async Task However_fast_files_are_closed_and_deleted_every_look_finds_all_in_order(int keep)
    {
        using var audit = Open(keep);
        await CloseFilesAsync(audit, 2);
        var isOver = false;
        var writing = Task.Run(async () => { while (!Volatile.Read(ref isOver)) await WriteAsync(audit); }, Limits.Token);
        try
        {
            string[][] names = [[Active], [_folder.Root]];
            var looks = 0;
            for (var began = Stopwatch.GetTimestamp(); Stopwatch.GetElapsedTime(began) < Stress; looks++)
            {
                var (finding, _) = Verification.Of(names[looks % 2]);
                Assert.True(finding is null, $"look {looks}: {finding}");
                var paths = PathsOf(names[looks % 2]);
                Assert.Equal(Enumerable.Range(paths.FirstOrDefault(), paths.Length), paths);
            }

            TestContext.Current.TestOutputHelper?.WriteLine($"{looks} looks at {_written} requests, {AuditFiles.ClosedOf(Active)[^1].LastSeq} records");
        }
        finally
        {
            Volatile.Write(ref isOver, true);
            await writing;
        }
    }

    [Fact]
    public async Task A_checkpoint_that_was_kept_before_what_is_deleted_by_now_is_not_called_a_cut_end()
    {
        using var audit = Open(keep: 1);
        await CloseFilesAsync(audit, 1);
        File.Copy(AuditOptions.HeadOf(Active), _folder["kept"]);
        await CloseFilesAsync(audit, 3);

        using var reading = AuditReading.OpenWithHead([Active], _folder["kept"]);
        using var key = AuditKey.ReadPublic(AuditOptions.PublicKeyOf(reading.Active));
        var verification = new AuditVerification([key], reading.Head);
        Assert.All(reading.Files, f => Assert.Null(verification.Read(f.Name, f.Stream)));

        Assert.Contains("one that was kept later", verification.End()?.What, StringComparison.Ordinal);
    }

    [Fact]
    public void A_line_that_is_being_written_is_not_called_a_foreign_one()
    {
        using var half = new MemoryStream("""{"version":2,"seq":17,"pr"""u8.ToArray());

        Assert.Empty(new AuditQuery().Find([half], () => Assert.Fail("a line was skipped")));
    }

    [Fact]
    public void A_directory_without_an_audit_is_told() =>
        Assert.Contains(_folder.Root, Assert.Throws<FileNotFoundException>(() => AuditReading.Open([_folder.Root])).Message, StringComparison.Ordinal);

    private AuditLog Open(int keep) =>
        AuditLog.Open(new(Active) { Rotation = new() { Size = 4096 }, Retention = new() { Files = keep } }, TimeProvider.System, NullLogger.Instance);

    /// <summary>Returns when so many more are closed, and the next one is begun.</summary>
    private async Task CloseFilesAsync(AuditLog audit, int files)
    {
        for (; files > 0; files--)
        {
            for (var before = LastClosed(); LastClosed() == before;) await WriteAsync(audit);
            await WriteAsync(audit);
        }
    }

    private long LastClosed() => AuditFiles.ClosedOf(Active) is [.., var (_, last)] ? last : 0;

    private async Task WriteAsync(AuditLog audit)
    {
        var record = AuditLogTests.RequestOf($"/{_written++}") with { Request = Guid.CreateVersion7().ToString("N"), Credentials = ["c"], Decision = new(Verdict.Allow, true, "allow", "r") };
        Assert.True(await audit.IntendAsync(record, Limits.Token));
    }

    private static int[] PathsOf(IReadOnlyList<string> named)
    {
        using var audit = AuditReading.Open(named);
        return [.. new AuditQuery { Outcome = AuditQuery.Unknown }.Find(audit.Files.Select(f => f.Stream), () => Assert.Fail("a line was skipped")).Select(f => int.Parse(f.Record.GetProperty("path").GetString()!.AsSpan(1), CultureInfo.InvariantCulture))];
    }

    /// <summary>The name of an audit; something happens before each time that its files are listed.</summary>
    private sealed class Listed(string name, Action<int> before) : IReadOnlyList<string>
    {
        public int Count { get; set; }

        int IReadOnlyCollection<string>.Count => 1;

        public string this[int index] => name;

        public IEnumerator<string> GetEnumerator()
        {
            before(++Count);
            return Enumerable.Repeat(name, 1).GetEnumerator();
        }

        IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
    }
}
