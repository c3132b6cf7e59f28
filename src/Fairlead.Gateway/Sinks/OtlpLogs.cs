using System.Globalization;
using Fairlead.Gateway.Audit;

namespace Fairlead.Gateway.Sinks;

/// <summary>
/// Records as an ExportLogsServiceRequest of OTLP 1 (opentelemetry/proto/logs/v1/logs.proto). The body of each is its line, byte for byte, so that the chain can be checked there, too.
/// </summary>
internal static class OtlpLogs
{
    private const int Info = 9, Warn = 13;

    // The names are OpenTelemetry's own where it has one (semantic conventions: HTTP, server, URL).
    private static readonly (string Field, string Attribute)[] Texts =
    [
        ("type", "fairlead.audit.type"), ("session", "fairlead.session"), ("tunnel", "fairlead.tunnel"), ("request", "fairlead.request"), ("decision", "fairlead.decision"),
        ("rule", "fairlead.rule"), ("outcome", "fairlead.outcome"), ("method", "http.request.method"), ("host", "server.address"), ("path", "url.path"),
    ];

    private static readonly (string Field, string Attribute)[] Numbers = [("seq", "fairlead.audit.seq"), ("status", "http.response.status_code"), ("port", "server.port")];

    public static byte[] Of(string chain, IReadOnlyList<(AuditLine Line, byte[] Bytes)> records, DateTimeOffset now)
    {
        var logs = new ProtobufText().Message(1, new ProtobufText().Text(1, "fairlead.audit").Text(2, AuditChain.SchemaVersion.ToString(CultureInfo.InvariantCulture)));
        foreach (var (line, bytes) in records) logs.Message(2, LogOf(line, bytes, now));
        var resource = new ProtobufText().Message(1, Attribute("service.name", "fairlead-gateway")).Message(1, Attribute("fairlead.audit.chain", chain));
        return new ProtobufText().Message(1, new ProtobufText().Message(1, resource).Message(2, logs)).ToArray();
    }

    /// <summary>How many records the receiver says that it dropped, and why: field 1 of an ExportLogsServiceResponse.</summary>
    public static (long Rejected, string Why) ReadResponse(ReadOnlySpan<byte> response)
    {
        var (rejected, why) = (0L, "");
        var partial = ProtobufFields.Read(response).Where(f => f.Field == 1).Select(f => f.Bytes).LastOrDefault();
        foreach (var (field, number, bytes) in partial is null ? [] : ProtobufFields.Read(partial))
        {
            if (field == 1) rejected = number;
            if (field == 2 && bytes is not null) why = System.Text.Encoding.UTF8.GetString(bytes);
        }

        return (rejected, why);
    }

    private static ProtobufText LogOf(AuditLine line, byte[] bytes, DateTimeOffset now)
    {
        var isRefused = line.Text("decision") == "deny";
        var log = new ProtobufText()
            .Fixed(1, Nanoseconds(line.Time ?? now))
            .Number(2, isRefused ? Warn : Info)
            .Text(3, isRefused ? "WARN" : "INFO")
            .Message(5, new ProtobufText().Raw(1, bytes))
            .Fixed(11, Nanoseconds(now));
        foreach (var (field, attribute) in Texts)
        {
            if (line.Text(field) is { } value) log.Message(6, Attribute(attribute, value));
        }

        foreach (var (field, attribute) in Numbers)
        {
            if (line.Number(field) is { } value) log.Message(6, new ProtobufText().Text(1, attribute).Message(2, new ProtobufText().Number(3, value)));
        }

        return log;
    }

    private static ProtobufText Attribute(string name, string value) => new ProtobufText().Text(1, name).Message(2, new ProtobufText().Text(1, value));

    private static ulong Nanoseconds(DateTimeOffset time) => (ulong)(time.UtcDateTime - DateTime.UnixEpoch).Ticks * 100;
}
