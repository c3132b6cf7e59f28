using System.Buffers;
using System.Text.Json;
using Fairlead.Gateway.Policy;

namespace Fairlead.Gateway.Audit;

/// <summary>Records as JSON. A hostile value cannot forge a line, since JSON escapes every control and non-ASCII character.</summary>
internal static class AuditText
{
    // A thread's own: nothing is waited for while a record is written.
    [ThreadStatic]
    private static (ArrayBufferWriter<byte> Buffer, Utf8JsonWriter Json)? _writer;

    public static byte[] Of(TunnelRecord record) => Write("tunnel", record.Time, json =>
    {
        WriteText(json, "session", record.Session);
        json.WriteString("tunnel", record.Tunnel);
        WriteText(json, "host", record.Host);
        WriteNumber(json, "port", record.Port);
        json.WriteNumber("status", record.Status);
        json.WriteNumber("requests", record.Requests);
        json.WriteNumber("bytes_in", record.BytesIn);
        json.WriteNumber("bytes_out", record.BytesOut);
        json.WriteStartObject("duration_ms");
        WriteDuration(json, "total", record.Total);
        json.WriteEndObject();
        if (record.Passthrough is { } passthrough)
        {
            json.WriteStartObject("passthrough");
            WriteDecision(json, passthrough.Policy, passthrough.PolicyHash, passthrough.Decision);
            json.WriteEndObject();
        }

        WriteOutcome(json, record.Outcome, record.Detail);
    });

    public static byte[] Of(RequestRecord record) => Write("request", record.Time, record, static (json, record) =>
    {
        WriteAsked(json, record);
        WriteNumber(json, "status", record.Status);
        json.WriteNumber("bytes_in", record.BytesIn);
        json.WriteNumber("bytes_out", record.BytesOut);
        json.WriteStartObject("duration_ms");
        WriteDuration(json, "queue", record.Queue);
        WriteDuration(json, "dial", record.Dial);
        WriteDuration(json, "first_byte", record.FirstByte);
        WriteDuration(json, "total", record.Total);
        json.WriteEndObject();
        if (record.Redacted.Count > 0) WriteList(json, "redacted", record.Redacted);
        WriteOutcome(json, record.Outcome, record.Detail);
        if (record.Capture is { } capture) json.WriteString("capture", AuditChain.HashOf(capture));
    });

    /// <summary>What is about to be sent to an upstream.</summary>
    public static byte[] IntentOf(RequestRecord record) => Write("intent", record.Time, record, WriteAsked);

    /// <summary>What is about to be passed through to an upstream.</summary>
    public static byte[] IntentOf(TunnelRecord record, PassthroughRecord passthrough) => Write("intent", record.Time, json =>
    {
        json.WriteString("session", record.Session);
        json.WriteString("tunnel", record.Tunnel);
        json.WriteNull("request");
        json.WriteString("host", record.Host);
        WriteNumber(json, "port", record.Port);
        WriteDecision(json, passthrough.Policy, passthrough.PolicyHash, passthrough.Decision);
    });

    /// <summary>A gateway began to write to the file.</summary>
    /// <param name="time">Now.</param>
    /// <param name="guarantee">What holds from here on.</param>
    /// <param name="key">The id of the key that signs checkpoints from here on.</param>
    public static byte[] Opened(DateTimeOffset time, AuditGuarantee guarantee, string key) => Write("opened", time, json =>
    {
        json.WriteString("guarantee", JsonNamingPolicy.KebabCaseLower.ConvertName(guarantee.ToString()));
        json.WriteString("key", key);
    });

    /// <summary>A crash had torn the end of the file, which stands before this line.</summary>
    public static byte[] Repaired(DateTimeOffset time, ReadOnlySpan<byte> torn)
    {
        var (bytes, hash) = (torn.Length, AuditChain.HashOf(torn));
        return Write("repaired", time, json =>
        {
            json.WriteNumber("torn_bytes", bytes);
            json.WriteString("torn_sha256", hash);
        });
    }

    /// <summary>The audit goes on in this file.</summary>
    /// <param name="time">Now.</param>
    /// <param name="after">The file before; null when it is not there.</param>
    /// <param name="chain">Which chain this is.</param>
    public static byte[] Continues(DateTimeOffset time, string? after, string chain) => Write("continues", time, json =>
    {
        WriteText(json, "after", Path.GetFileName(after));
        json.WriteString("chain", chain);
    });

    /// <summary>A closed file is about to be deleted, as the retention says.</summary>
    public static byte[] Expired(DateTimeOffset time, Retention.Expired file) => Write("expired", time, json =>
    {
        json.WriteString("file", Path.GetFileName(file.Path));
        json.WriteNumber("last_seq", file.End.Seq);
        json.WriteString("last_sha256", file.End.Head);
        json.WriteBoolean("unsent", file.IsUnsent);
    });

    /// <summary>Records that could not be written were lost before this line.</summary>
    public static byte[] Gap(DateTimeOffset time, long records) => Write("gap", time, json => json.WriteNumber("records", records));

    public static byte[] Of(Checkpoint checkpoint) => Write("checkpoint", checkpoint.Time, json =>
    {
        json.WriteString("key", checkpoint.Key);
        json.WriteBoolean("closed", checkpoint.Kind == CheckpointKind.Closed);
        if (checkpoint.Kind == CheckpointKind.Continued) json.WriteBoolean("continued", true);
        json.WriteBase64String("signature", checkpoint.Signature);
    });

    private static byte[] Write(string type, DateTimeOffset time, Action<Utf8JsonWriter> fields) => Write(type, time, fields, static (json, fields) => fields(json));

    private static byte[] Write<T>(string type, DateTimeOffset time, T record, Action<Utf8JsonWriter, T> fields)
    {
        var (buffer, json) = _writer ??= NewWriter();
        buffer.ResetWrittenCount();
        json.Reset();
        json.WriteStartObject();
        json.WriteString("type", type);
        json.WriteString("time", time.UtcDateTime);
        fields(json, record);
        json.WriteEndObject();
        json.Flush();
        return buffer.WrittenSpan.ToArray();
    }

    private static (ArrayBufferWriter<byte>, Utf8JsonWriter) NewWriter()
    {
        var buffer = new ArrayBufferWriter<byte>(4096);
        return (buffer, new Utf8JsonWriter(buffer));
    }

    private static void WriteAsked(Utf8JsonWriter json, RequestRecord record)
    {
        json.WriteString("session", record.Session);
        json.WriteString("tunnel", record.Tunnel);
        json.WriteString("request", record.Request);
        json.WriteString("protocol", record.Protocol);
        json.WriteString("method", record.Method);
        json.WriteString("host", record.Host);
        json.WriteNumber("port", record.Port);
        json.WriteString("path", record.Path);
        WriteList(json, "query_names", record.QueryNames);
        WriteDecision(json, record.Policy, record.PolicyHash, record.Decision);
        WriteList(json, "credentials", record.Credentials);
    }

    private static void WriteDecision(Utf8JsonWriter json, string policy, string hash, Decision? decision)
    {
        json.WriteString("policy", policy);
        json.WriteString("policy_hash", hash);
        WriteText(json, "decision", decision is null ? null : decision.Verdict == Verdict.Allow ? "allow" : decision.IsEnforced ? "deny" : "observe");
        WriteText(json, "rule", decision?.Rule);
    }

    private static void WriteOutcome(Utf8JsonWriter json, Outcome outcome, string? detail)
    {
        json.WriteString("outcome", outcome.Name);
        if (detail is not null) json.WriteString("detail", detail);
    }

    private static void WriteText(Utf8JsonWriter json, string name, string? value)
    {
        if (value is null) json.WriteNull(name);
        else json.WriteString(name, value);
    }

    private static void WriteNumber(Utf8JsonWriter json, string name, int? value)
    {
        if (value is null) json.WriteNull(name);
        else json.WriteNumber(name, value.Value);
    }

    private static void WriteDuration(Utf8JsonWriter json, string name, TimeSpan? value)
    {
        if (value is null) json.WriteNull(name);
        else json.WriteNumber(name, Math.Round(value.Value.TotalMilliseconds, 3));
    }

    private static void WriteList(Utf8JsonWriter json, string name, IReadOnlyList<string> values)
    {
        json.WriteStartArray(name);
        foreach (var value in values) json.WriteStringValue(value);
        json.WriteEndArray();
    }
}
