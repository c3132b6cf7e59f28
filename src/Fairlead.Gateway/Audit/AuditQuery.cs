using System.Text.Json;

namespace Fairlead.Gateway.Audit;

/// <summary>Which records are looked for. What is null is not asked.</summary>
internal sealed record AuditQuery
{
    /// <summary>The outcome of what was intended and has no outcome: the gateway was killed, or is at it.</summary>
    public const string Unknown = "unknown";

    /// <summary>A session, and those that were derived from it.</summary>
    public string? Session { get; init; }

    /// <summary>A host, or with <c>*.</c> before it every host below.</summary>
    public string? Host { get; init; }

    public string? Decision { get; init; }

    public string? Outcome { get; init; }

    public DateTimeOffset? Since { get; init; }

    public DateTimeOffset? Until { get; init; }

    /// <summary>The requests and tunnels that match, each once; those without an outcome come last.</summary>
    /// <param name="files">JSON lines, the oldest first: an intent may be in one, and its outcome in the next.</param>
    /// <param name="skipped">Is told of each whole line that is no record.</param>
    public IEnumerable<(byte[] Line, JsonElement Record)> Find(IEnumerable<Stream> files, Action skipped)
    {
        var intents = new Dictionary<string, (byte[] Line, JsonElement Record)>();
        foreach (var (bytes, isEnded) in files.SelectMany(AuditLine.Read))
        {
            if (!AuditLine.TryParse(bytes, out var line))
            {
                // Without its end it is being written, or a crash tore it.
                if (isEnded) skipped();
                continue;
            }

            if (line.Subject is not { } id) continue;
            if (line.Type == "intent") intents[id] = (bytes, line.Record);
            else if (line.Type is "request" or "tunnel") _ = intents.Remove(id);
            if (line.Type is "request" or "tunnel" && Matches(line.Record)) yield return (bytes, line.Record);
        }

        foreach (var intent in intents.Values.Where(i => Matches(i.Record))) yield return intent;
    }

    /// <summary>One line for a person. Control characters are for terminals, and a file may be a stranger's.</summary>
    public static string Describe(JsonElement record) => string.Join(
        "  ",
        [
            $"{Shown(record, "time"),-28}",
            $"{Shown(record, "session") ?? "-",-16}",
            $"{Shown(record, "decision") ?? "-",-7}",
            $"{Shown(record, "outcome") ?? Unknown,-16}",
            record.TryGetProperty("status", out var status) && status.ValueKind == JsonValueKind.Number ? status.GetRawText() : "-",
            Target(record),
        ]);

    private static string Target(JsonElement record)
    {
        var host = Text(record, "host") ?? "-";
        var port = record.TryGetProperty("port", out var number) && number.ValueKind == JsonValueKind.Number && number.GetRawText() != "443" ? ":" + number.GetRawText() : "";
        var request = Text(record, "method") is { } method ? $"{method} https://{host}{port}{Text(record, "path")}" : $"tunnel to {host}{port}";
        return Wire.HostPort.Printable(request);
    }

    private bool Matches(JsonElement record) =>
        (Session is null || (Text(record, "session") is { } session && (session == Session || session.StartsWith(Session + "/", StringComparison.Ordinal))))
        && (Host is null || (Text(record, "host") is { } host && (Host.StartsWith("*.", StringComparison.Ordinal) ? host.EndsWith(Host[1..], StringComparison.OrdinalIgnoreCase) : host.Equals(Host, StringComparison.OrdinalIgnoreCase))))
        && (Decision is null || Text(record, "decision") == Decision)
        && (Outcome is null || (Text(record, "outcome") ?? Unknown) == Outcome)
        && (Since is null || TimeOf(record) >= Since)
        && (Until is null || TimeOf(record) < Until);

    private static DateTimeOffset? TimeOf(JsonElement record) => record.GetProperty("time").TryGetDateTimeOffset(out var time) ? time : null;

    private static string? Shown(JsonElement record, string name) => Text(record, name) is { } text ? Wire.HostPort.PrintableUpTo(text, 256) : null;

    private static string? Text(JsonElement record, string name) => AuditLine.TextOf(record, name);
}
