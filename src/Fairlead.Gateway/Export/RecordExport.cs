using System.Text.Json;
using Fairlead.Gateway.Audit;

namespace Fairlead.Gateway.Export;

/// <summary>A record of the audit, as the exports read it: what is not there is null.</summary>
internal readonly record struct RecordExport(JsonElement Record)
{
    public DateTimeOffset Time => Record.GetProperty("time").TryGetDateTimeOffset(out var time) ? time : DateTimeOffset.UnixEpoch;

    public string? Text(string name) => AuditLine.TextOf(Record, name);

    public long? Number(string name) => Record.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.Number && value.TryGetInt64(out var number) ? number : null;

    public double? Milliseconds(string name) =>
        Record.TryGetProperty("duration_ms", out var durations) && durations.ValueKind == JsonValueKind.Object && durations.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.Number ? value.GetDouble() : null;

    public IEnumerable<string> List(string name) =>
        Record.TryGetProperty(name, out var list) && list.ValueKind == JsonValueKind.Array ? list.EnumerateArray().Where(item => item.ValueKind == JsonValueKind.String).Select(item => item.GetString()!) : [];

    /// <summary><c>https://host</c>, with a port that is not 443.</summary>
    public string Origin => $"https://{(Text("host") ?? "").Replace("[", "", StringComparison.Ordinal) switch { var host when host.Contains(':', StringComparison.Ordinal) => $"[{host.TrimEnd(']')}]", var host => host }}{(Number("port") is { } port && port != 443 ? $":{port}" : "")}";
}
