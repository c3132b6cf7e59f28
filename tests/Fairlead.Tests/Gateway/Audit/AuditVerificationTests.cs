using System.Buffers;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Fairlead.Gateway.Audit;
using Fairlead.Gateway.Policy;
using Microsoft.Extensions.Logging.Abstractions;

namespace Fairlead.Tests.Gateway.Audit;

/// <summary>What somebody does to an audit afterwards is found, wherever it is done.</summary>
public sealed class AuditVerificationTests : IDisposable
{
    private readonly TempFolder _folder = new();

    private string Path => _folder["audit.jsonl"];

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task What_the_gateway_wrote_holds()
    {
        var lines = await WriteAsync();

        var (finding, verification) = Verification.Of(Path);

        Assert.Null(finding);
        Assert.Equal((lines.Length, 2, 0, true, 0), (verification.Records, verification.Checkpoints, verification.Unsigned, verification.Last == CheckpointKind.Closed, verification.Unanswered));
    }

    [Fact]
    public async Task Each_line_that_is_edited_removed_moved_repeated_or_inserted_is_found_where_it_is()
    {
        var lines = await WriteAsync();
        for (var i = 0; i < lines.Length; i++)
        {
            foreach (var at in Enumerable.Range(0, lines[i].Length).Where(at => at % 7 == 0 || at > lines[i].Length - 4)) FoundAt(i, With(i, Flip(lines[i], at)), $"byte {at} of line {i + 1} changed");
            FoundAt(i, With(i, lines[i] + " "), $"a space behind line {i + 1}");
            FoundAt(i, [.. lines[..i], .. lines[(i + 1)..]], $"line {i + 1} removed");
            Found([.. lines[..(i + 1)], lines[i], .. lines[(i + 1)..]], $"line {i + 1} repeated");
            Found([.. lines[..i], lines[0], .. lines[i..]], $"the first line before line {i + 1}");
            Found([.. lines[..i], "", .. lines[i..]], $"an empty line before line {i + 1}");
            for (var j = i + 1; j < lines.Length; j++)
            {
                var swapped = lines.ToArray();
                (swapped[i], swapped[j]) = (swapped[j], swapped[i]);
                FoundAt(i, swapped, $"lines {i + 1} and {j + 1} swapped");
            }
        }

        Found([.. lines, """{"made":"up"}"""], "a foreign line at the end");
        Found([.. lines, Sealed(Chain(lines), """{"type":"request","time":"2026-01-01T00:00:00Z"}""")], "a chained line behind the closing checkpoint");

        string[] With(int i, string line) => [.. lines[..i], line, .. lines[(i + 1)..]];
    }

    [Fact]
    public async Task An_end_that_was_cut_off_is_found_at_every_byte()
    {
        await WriteAsync();
        var whole = File.ReadAllBytes(Path);
        // Without the last line feed nothing is missing.
        for (var length = 0; length < whole.Length - 1; length++)
        {
            File.WriteAllBytes(Path, whole[..length]);
            Assert.NotNull(Verification.Of(Path).Finding);
        }
    }

    [Fact]
    public async Task Beginnings_that_were_cut_off_are_found()
    {
        var lines = await WriteAsync();
        for (var i = 1; i < lines.Length; i++) FoundAt(0, lines[i..], $"{i} lines removed at the beginning");
    }

    [Fact]
    public async Task A_chain_that_was_computed_anew_is_found_by_the_checkpoint_behind_it()
    {
        var lines = await WriteAsync();
        for (var i = 0; i < lines.Length - 1; i++)
        {
            var forged = lines.ToArray();
            var chain = i == 0 ? AuditChain.New() : Chain(lines[..i]);
            for (var j = i; j < lines.Length; j++)
            {
                var record = JsonNode.Parse(lines[j])!.AsObject();
                foreach (var name in (string[])["version", "seq", "prev"]) record.Remove(name);
                if (j == i) record["forged"] = true;
                forged[j] = Sealed(chain, record.ToJsonString());
                chain = new AuditChain(chain.Seq + 1, AuditChain.HashOf(Encoding.UTF8.GetBytes(forged[j])));
            }

            Found(forged, $"line {i + 1} changed and all others computed anew");
        }
    }

    [Fact]
    public async Task Another_key_does_not_sign()
    {
        await WriteAsync();
        var foreign = new AuditOptions(_folder["other.jsonl"]);
        AuditKey.OpenOrCreate(foreign).Dispose();
        File.Copy(foreign.PublicKeyFile, AuditOptions.PublicKeyOf(Path), overwrite: true);

        Assert.Contains("is signed with the key", Verification.Of(Path).Finding!.What, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Without_a_checkpoint_nothing_long_holds()
    {
        var count = AuditWriter.LinesPerCheckpoint;
        using (var audit = AuditLog.Open(new(Path), TimeProvider.System, NullLogger.Instance))
        {
            for (var i = 0; i < count + 10; i++) await audit.WriteAsync(AuditLogTests.RequestOf($"/{i}"));
        }

        var (finding, verification) = Verification.Of(Path);
        Assert.Null(finding);
        Assert.InRange(verification.Checkpoints, 2, 100);
        // Who computes the chain anew cannot make checkpoints, and leaves them out.
        var chain = AuditChain.New();
        var forged = new List<string>();
        foreach (var line in File.ReadLines(Path).Where(l => !l.Contains("\"checkpoint\"", StringComparison.Ordinal)))
        {
            forged.Add(Sealed(chain, "{" + line[line.IndexOf("\"type\"", StringComparison.Ordinal)..]));
            chain = new AuditChain(chain.Seq + 1, AuditChain.HashOf(Encoding.UTF8.GetBytes(forged[^1])));
        }

        File.WriteAllLines(Path, forged);
        Assert.Contains("without a checkpoint", Verification.Of(Path, withHead: false).Finding!.What, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_torn_last_line_is_said_and_accepted_and_only_as_the_last()
    {
        var lines = await WriteAsync(isClosed: false);
        File.WriteAllText(Path, string.Join('\n', lines) + "\n{\"version\":2,\"se");
        var (finding, verification) = Verification.Of(Path);
        Assert.Null(finding);
        Assert.True(verification.IsTorn);

        File.AppendAllText(Path, "\n" + Sealed(Chain(lines), """{"type":"opened","time":"2026-01-01T00:00:00Z"}""") + "\n");
        Assert.Equal(lines.Length + 1, Verification.Of(Path).Finding!.Line);
    }

    [Fact]
    public async Task A_query_finds_each_request_once_and_what_has_no_outcome()
    {
        await WriteAsync();
        Assert.Equal(["/0", "/1", "/2", "/3"], Paths(new AuditQuery()).Where(p => p != "(tunnel)"));
        Assert.Equal(["/1", "/3"], Paths(new AuditQuery { Session = "s1" }));
        Assert.Equal(["/0", "/2"], Paths(new AuditQuery { Host = "*.TEST", Session = "s0" }));
        Assert.Empty(Paths(new AuditQuery { Host = "other.test" }));
        Assert.Equal(["/0", "/1", "/2", "/3"], Paths(new AuditQuery { Decision = "allow", Outcome = "completed", Since = TimeProvider.System.GetUtcNow().AddHours(-1), Until = TimeProvider.System.GetUtcNow().AddHours(1) }));
        Assert.Empty(Paths(new AuditQuery { Until = TimeProvider.System.GetUtcNow().AddHours(-1) }));

        // As a kill leaves it: an intent, and no more.
        var lines = File.ReadAllLines(Path);
        File.WriteAllLines(Path, lines.Where(l => !l.Contains("\"type\":\"request\"", StringComparison.Ordinal) || l.Contains("/0", StringComparison.Ordinal)));
        Assert.Equal(["/1", "/2", "/3"], Paths(new AuditQuery { Outcome = AuditQuery.Unknown }));

        string[] Paths(AuditQuery query)
        {
            using var file = File.OpenRead(Path);
            return [.. query.Find([file], () => Assert.Fail("a line was skipped")).Select(f => f.Record.TryGetProperty("path", out var path) ? path.GetString()! : "(tunnel)")];
        }
    }

    private async Task<string[]> WriteAsync(bool isClosed = true)
    {
        for (var run = 0; run < 2; run++)
        {
            using var audit = AuditLog.Open(new(Path), TimeProvider.System, NullLogger.Instance);
            for (var i = run * 2; i < (run * 2) + 2; i++)
            {
                var record = AuditLogTests.RequestOf($"/{i}") with
                {
                    Session = $"s{i % 2}",
                    Request = Guid.CreateVersion7().ToString("N"),
                    Decision = new(Verdict.Allow, true, "allow", "r"),
                    Credentials = ["c"],
                    Status = 200,
                    Outcome = Outcome.Completed,
                };
                Assert.True(await audit.IntendAsync(record, Limits.Token));
                await audit.WriteAsync(record);
            }

            await audit.WriteAsync(new TunnelRecord { Time = TimeProvider.System.GetUtcNow(), Tunnel = Guid.CreateVersion7().ToString("N") });
        }

        if (isClosed) return File.ReadAllLines(Path);
        // As after a kill: the checkpoint that was kept is the first one.
        var lines = File.ReadAllLines(Path)[..^1];
        File.WriteAllText(AuditOptions.HeadOf(Path), lines.Last(l => l.Contains("\"checkpoint\"", StringComparison.Ordinal)) + "\n");
        return lines;
    }

    private void FoundAt(int index, string[] lines, string what)
    {
        var finding = Found(lines, what);
        // What is missing is seen at the line behind it, or where the file ends.
        Assert.True(finding.Line == index + 1 || (index == 0 && finding.Line == 2) || index >= lines.Length || finding.Line == index, $"{what}: {finding}");
    }

    private AuditFinding Found(string[] lines, string what)
    {
        File.WriteAllText(Path, string.Concat(lines.Select(l => l + "\n")));
        var (finding, _) = Verification.Of(Path);
        Assert.True(finding is not null, $"not found: {what}");
        return finding;
    }

    // Latin-1 lines stay one byte a character.
    private static string Flip(string line, int at) => string.Concat(line.AsSpan(0, at), ((char)(line[at] ^ 1)).ToString(), line.AsSpan(at + 1));

    private static AuditChain Chain(string[] lines) => new(JsonDocument.Parse(lines[^1]).RootElement.GetProperty("seq").GetInt64(), AuditChain.HashOf(Encoding.UTF8.GetBytes(lines[^1])));

    private static string Sealed(AuditChain chain, string record)
    {
        var output = new ArrayBufferWriter<byte>();
        _ = chain.Seal(Encoding.UTF8.GetBytes(record), output);
        return Encoding.UTF8.GetString(output.WrittenSpan).TrimEnd('\n');
    }
}
