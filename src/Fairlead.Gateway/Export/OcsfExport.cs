using System.Text.Json;

namespace Fairlead.Gateway.Export;

/// <summary>Requests as events of OCSF 1.3, class HTTP Activity (4002) with the profile Security Control, one object each.</summary>
internal static class OcsfExport
{
    private const int NetworkActivityCategory = 4, HttpActivityClass = 4002, OtherActivity = 99;

    // The schema's list; methods that it does not have are 'other'.
    private static readonly Dictionary<string, int> Activities = new()
    {
        ["CONNECT"] = 1,
        ["DELETE"] = 2,
        ["GET"] = 3,
        ["HEAD"] = 4,
        ["OPTIONS"] = 5,
        ["POST"] = 6,
        ["PUT"] = 7,
        ["TRACE"] = 8,
    };

    private static readonly string[] Unmapped = ["policy", "policy_hash", "rule", "outcome", "detail", "tunnel", "capture"];

    public static void Write(Utf8JsonWriter json, string version, JsonElement element)
    {
        var record = new RecordExport(element);
        var activity = Activities.GetValueOrDefault(record.Text("method") ?? "", OtherActivity);
        var isDenied = record.Text("decision") == "deny";
        var isSuccess = record.Text("outcome") is "completed" or "upgraded" or "self_test";
        json.WriteStartObject();
        json.WriteNumber("activity_id", activity);
        // The schema's names: Get, Post and so on; of 'other', what it was.
        json.WriteString("activity_name", activity == OtherActivity ? record.Text("method") : record.Text("method")![..1] + record.Text("method")![1..].ToLowerInvariant());
        json.WriteNumber("category_uid", NetworkActivityCategory);
        json.WriteString("category_name", "Network Activity");
        json.WriteNumber("class_uid", HttpActivityClass);
        json.WriteString("class_name", "HTTP Activity");
        json.WriteNumber("type_uid", (HttpActivityClass * 100) + activity);
        json.WriteNumber("time", record.Time.ToUnixTimeMilliseconds());
        json.WriteNumber("duration", (long)(record.Milliseconds("total") ?? 0));
        json.WriteNumber("severity_id", isDenied ? 2 : 1);
        json.WriteString("severity", isDenied ? "Low" : "Informational");
        json.WriteNumber("status_id", isSuccess ? 1 : 2);
        json.WriteString("status", isSuccess ? "Success" : "Failure");
        if (record.Text("outcome") is { } outcome) json.WriteString("status_code", outcome);
        if (record.Text("detail") is { } detail) json.WriteString("status_detail", detail);
        WriteControl(json, record, isDenied);
        json.WriteStartObject("metadata");
        json.WriteString("version", "1.3.0");
        json.WriteStartArray("profiles");
        json.WriteStringValue("security_control");
        json.WriteEndArray();
        json.WriteString("uid", record.Text("request"));
        json.WriteNumber("sequence", record.Number("seq") ?? 0);
        json.WriteString("log_name", "fairlead audit");
        json.WriteStartObject("product");
        json.WriteString("name", "Fairlead");
        json.WriteString("vendor_name", "Fairlead");
        json.WriteString("version", version);
        json.WriteEndObject();
        json.WriteEndObject();
        json.WriteStartObject("actor");
        json.WriteStartObject("session");
        json.WriteString("uid", record.Text("session"));
        json.WriteEndObject();
        json.WriteEndObject();
        WriteHttp(json, record);
        json.WriteStartObject("unmapped");
        foreach (var name in Unmapped)
        {
            if (record.Text(name) is { } value) json.WriteString(name, value);
        }

        json.WriteString("credentials", string.Join(' ', record.List("credentials")));
        json.WriteString("prev", record.Text("prev"));
        json.WriteEndObject();
        json.WriteEndObject();
        json.Flush();
    }

    private static void WriteControl(Utf8JsonWriter json, RecordExport record, bool isDenied)
    {
        var (action, disposition) = isDenied ? (2, 2) : record.Text("decision") is null ? (0, 0) : (1, record.Text("decision") == "observe" ? 17 : 1);
        json.WriteNumber("action_id", action);
        json.WriteString("action", action switch { 1 => "Allowed", 2 => "Denied", _ => "Unknown" });
        json.WriteNumber("disposition_id", disposition);
        json.WriteString("disposition", disposition switch { 1 => "Allowed", 2 => "Blocked", 17 => "Logged", _ => "Unknown" });
        if (record.Text("rule") is not { } rule) return;
        json.WriteStartObject("firewall_rule");
        json.WriteString("name", rule);
        json.WriteString("uid", record.Text("policy_hash"));
        json.WriteEndObject();
    }

    private static void WriteHttp(Utf8JsonWriter json, RecordExport record)
    {
        json.WriteStartObject("http_request");
        json.WriteString("uid", record.Text("request"));
        json.WriteString("http_method", record.Text("method"));
        json.WriteString("version", record.Text("protocol"));
        json.WriteNumber("length", record.Number("bytes_in") ?? 0);
        json.WriteStartObject("url");
        json.WriteString("scheme", "https");
        json.WriteString("hostname", record.Text("host"));
        json.WriteNumber("port", record.Number("port") ?? 0);
        json.WriteString("path", record.Text("path"));
        json.WriteString("url_string", record.Origin + record.Text("path"));
        json.WriteEndObject();
        json.WriteEndObject();
        json.WriteStartObject("http_response");
        json.WriteNumber("code", record.Number("status") ?? 0);
        json.WriteNumber("length", record.Number("bytes_out") ?? 0);
        json.WriteNumber("latency", (long)(record.Milliseconds("first_byte") ?? 0));
        json.WriteEndObject();
        json.WriteStartObject("dst_endpoint");
        json.WriteString("hostname", record.Text("host"));
        json.WriteNumber("port", record.Number("port") ?? 0);
        json.WriteEndObject();
        json.WriteStartObject("traffic");
        json.WriteNumber("bytes_in", record.Number("bytes_out") ?? 0);
        json.WriteNumber("bytes_out", record.Number("bytes_in") ?? 0);
        json.WriteEndObject();
    }
}
