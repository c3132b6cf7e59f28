using System.Globalization;
using System.Text.Json;

namespace Fairlead.Gateway.Export;

/// <summary>
/// Requests as an HTTP Archive 1.2, which browsers and many tools open. Of a request without a capture there are neither headers nor bodies, and values of its query are <c>***</c>.
/// </summary>
internal sealed class HarExport(CaptureIndex captures)
{
    private const string NotKnown = "not captured";

    /// <summary>Writes one archive.</summary>
    /// <param name="json">Where to.</param>
    /// <param name="version">The gateway's.</param>
    /// <param name="records">Records of requests.</param>
    /// <returns>How many there were.</returns>
    public int Write(Utf8JsonWriter json, string version, IEnumerable<JsonElement> records)
    {
        var count = 0;
        json.WriteStartObject();
        json.WriteStartObject("log");
        json.WriteString("version", "1.2");
        json.WriteStartObject("creator");
        json.WriteString("name", "fairlead-gateway");
        json.WriteString("version", version);
        json.WriteEndObject();
        json.WriteStartArray("entries");
        foreach (var record in records)
        {
            Write(json, new RecordExport(record));
            json.Flush();
            count++;
        }

        json.WriteEndArray();
        json.WriteEndObject();
        json.WriteEndObject();
        json.Flush();
        return count;
    }

    private void Write(Utf8JsonWriter json, RecordExport record)
    {
        var capture = captures.Find(record.Text("capture"));
        var (queue, dial, total) = (record.Milliseconds("queue") ?? 0, record.Milliseconds("dial") ?? 0, record.Milliseconds("total") ?? 0);
        var first = record.Milliseconds("first_byte") ?? total;
        json.WriteStartObject();
        json.WriteString("startedDateTime", record.Time.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture));
        json.WriteNumber("time", total);
        WriteRequest(json, record, Part(capture, "sent"));
        WriteResponse(json, record, Part(capture, "received"));
        json.WriteStartObject("cache");
        json.WriteEndObject();
        json.WriteStartObject("timings");
        json.WriteNumber("blocked", queue);
        json.WriteNumber("connect", dial > 0 ? dial : -1);
        json.WriteNumber("send", 0);
        json.WriteNumber("wait", Math.Round(Math.Max(0, first - queue - dial), 3));
        json.WriteNumber("receive", Math.Round(Math.Max(0, total - first), 3));
        json.WriteEndObject();
        json.WriteString("connection", record.Text("tunnel"));
        json.WriteStartObject("_fairlead");
        foreach (var name in (string[])["request", "session", "decision", "rule", "outcome", "detail", "policy_hash"])
        {
            if (record.Text(name) is { } value) json.WriteString(name, value);
        }

        json.WriteNumber("seq", record.Number("seq") ?? 0);
        json.WriteEndObject();
        json.WriteEndObject();
    }

    private static void WriteRequest(Utf8JsonWriter json, RecordExport record, JsonElement? sent)
    {
        var target = Text(sent, "target") ?? record.Text("path") ?? "/";
        json.WriteStartObject("request");
        json.WriteString("method", record.Text("method"));
        json.WriteString("url", record.Origin + target);
        json.WriteString("httpVersion", Version(record));
        WriteEmpty(json, "cookies");
        var type = WriteHeaders(json, sent);
        json.WriteStartArray("queryString");
        foreach (var (name, value) in sent is null ? record.List("query_names").Select(n => (n, "***")) : Parameters(target))
        {
            json.WriteStartObject();
            json.WriteString("name", name);
            json.WriteString("value", value);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteNumber("headersSize", -1);
        json.WriteNumber("bodySize", record.Number("bytes_in") ?? 0);
        if (Part(sent, "body") is { } body && (record.Number("bytes_in") > 0 || Number(body, "bytes") > 0))
        {
            json.WriteStartObject("postData");
            json.WriteString("mimeType", type);
            json.WriteString("text", Text(body, "text") ?? "");
            // HAR 1.2 has an encoding for what is received only.
            WriteNotes(json, body, Text(body, "encoding"));
            json.WriteEndObject();
        }

        if (sent is null) json.WriteString("comment", NotKnown);
        json.WriteEndObject();
    }

    private static void WriteResponse(Utf8JsonWriter json, RecordExport record, JsonElement? received)
    {
        json.WriteStartObject("response");
        // 0: there was none, as browsers write it.
        json.WriteNumber("status", record.Number("status") ?? 0);
        json.WriteString("statusText", "");
        json.WriteString("httpVersion", Version(record));
        WriteEmpty(json, "cookies");
        var type = WriteHeaders(json, received);
        json.WriteStartObject("content");
        var body = Part(received, "body");
        json.WriteNumber("size", body is null ? record.Number("bytes_out") ?? 0 : Number(body, "bytes"));
        json.WriteString("mimeType", type);
        if (Text(body, "text") is { } text) json.WriteString("text", text);
        if (Text(body, "encoding") is { } encoding) json.WriteString("encoding", encoding);
        if (body is not null) WriteNotes(json, body.Value, null);
        json.WriteEndObject();
        json.WriteString("redirectURL", received is null ? "" : Headers(received.Value).FirstOrDefault(h => h.Name.Equals("Location", StringComparison.OrdinalIgnoreCase)).Value ?? "");
        json.WriteNumber("headersSize", -1);
        json.WriteNumber("bodySize", record.Number("bytes_out") ?? 0);
        if (received is null) json.WriteString("comment", NotKnown);
        json.WriteEndObject();
    }

    /// <returns>The content type, which HAR wants to stand elsewhere, too.</returns>
    private static string WriteHeaders(Utf8JsonWriter json, JsonElement? message)
    {
        var type = "";
        json.WriteStartArray("headers");
        foreach (var (name, value) in message is null ? [] : Headers(message.Value))
        {
            if (name.Equals("Content-Type", StringComparison.OrdinalIgnoreCase)) type = value;
            json.WriteStartObject();
            json.WriteString("name", name);
            json.WriteString("value", value);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        return type.Length > 0 ? type : "application/octet-stream";
    }

    private static void WriteNotes(Utf8JsonWriter json, JsonElement body, string? encoding)
    {
        var notes = new List<string>();
        if (encoding is not null) notes.Add(encoding);
        if (Text(body, "text") is null) notes.Add("left out: compressed in a way that cannot be looked through");
        else if (body.TryGetProperty("truncated", out var truncated) && truncated.ValueKind == JsonValueKind.True) notes.Add(string.Create(CultureInfo.InvariantCulture, $"truncated: the body had {Number(body, "bytes")} bytes"));
        if (notes.Count > 0) json.WriteString("comment", string.Join("; ", notes));
    }

    private static IEnumerable<(string Name, string Value)> Headers(JsonElement message) =>
        message.GetProperty("headers").EnumerateArray().Select(h => (h[0].GetString() ?? "", h[1].GetString() ?? ""));

    private static IEnumerable<(string Name, string Value)> Parameters(string target) => target.IndexOf('?', StringComparison.Ordinal) is >= 0 and var at
        ? target[(at + 1)..].Split('&', StringSplitOptions.RemoveEmptyEntries).Select(p => p.Split('=', 2)).Select(p => (Decoded(p[0]), p.Length > 1 ? Decoded(p[1]) : ""))
        : [];

    private static string Decoded(string text) => Uri.UnescapeDataString(text.Replace('+', ' '));

    private static string Version(RecordExport record) => record.Text("protocol") switch { "h2" => "h2", { } other => other.ToUpperInvariant(), null => "" };

    private static JsonElement? Part(JsonElement? element, string name) => element is { } value && value.TryGetProperty(name, out var part) ? part : null;

    private static string? Text(JsonElement? element, string name) => Part(element, name) is { ValueKind: JsonValueKind.String } text ? text.GetString() : null;

    private static long Number(JsonElement? element, string name) => Part(element, name) is { ValueKind: JsonValueKind.Number } number ? number.GetInt64() : 0;

    private static void WriteEmpty(Utf8JsonWriter json, string name)
    {
        json.WriteStartArray(name);
        json.WriteEndArray();
    }
}
