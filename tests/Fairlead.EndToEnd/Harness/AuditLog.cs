using System.Text.Json.Nodes;

namespace Fairlead.EndToEnd.Harness;

/// <summary>The gateway's audit file, as an auditor reads it.</summary>
internal sealed record AuditLog(string File)
{
    /// <summary>The records of what happened: one for each request and tunnel that ended.</summary>
    public async Task<IReadOnlyList<JsonNode>> ReadAsync(CancellationToken cancellationToken) =>
        [.. (await ReadAllAsync(cancellationToken)).Where(record => Text(record, "type") is "request" or "tunnel")];

    /// <summary>Every line of every file.</summary>
    public async Task<IReadOnlyList<JsonNode>> ReadAllAsync(CancellationToken cancellationToken)
    {
        var whole = new System.Text.StringBuilder();
        // Killed between two files, a gateway leaves none that is written.
        foreach (var file in ClosedOf(File).Append(File).Where(System.IO.File.Exists))
        {
            var lines = await System.IO.File.ReadAllTextAsync(file, cancellationToken);
            // The last line may be half written while the gateway runs.
            whole.Append(lines.AsSpan(0, lines.LastIndexOf('\n') + 1));
        }

        return [.. whole.ToString().Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonNode.Parse(line)!)];
    }

    /// <summary>Waits until enough records match: a record is written when its request or tunnel is over.</summary>
    public async Task<IReadOnlyList<JsonNode>> WaitForAsync(int count, Func<JsonNode, bool> matches, CancellationToken cancellationToken)
    {
        IReadOnlyList<JsonNode> found = [];
        while (!cancellationToken.IsCancellationRequested)
        {
            if (System.IO.File.Exists(File)) found = [.. (await ReadAsync(cancellationToken)).Where(matches)];
            if (found.Count >= count) return found;
            await Task.Delay(Limits.Poll, CancellationToken.None);
        }

        throw new TimeoutException($"expected {count} matching audit records, got {found.Count} in:\n{await System.IO.File.ReadAllTextAsync(File, CancellationToken.None)}");
    }

    public async Task<JsonNode> RequestAsync(string path, CancellationToken cancellationToken) =>
        Assert.Single(await WaitForAsync(1, record => Text(record, "type") == "request" && Text(record, "path") == path, cancellationToken));

    /// <summary>The closed files of an audit, the oldest first.</summary>
    public static IReadOnlyList<string> ClosedOf(string file) =>
        [.. Directory.GetFiles(Path.GetDirectoryName(file)!, Path.GetFileNameWithoutExtension(file) + "-*Z.jsonl").Order(StringComparer.Ordinal)];

    public static string? Text(JsonNode record, string field) => record[field]?.ToString();
}
