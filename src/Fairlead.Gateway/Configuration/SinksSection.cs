using System.Net;
using System.Text.RegularExpressions;
using Fairlead.Gateway.Credentials;
using Fairlead.Gateway.Sinks;
using Fairlead.Wire;

namespace Fairlead.Gateway.Configuration;

/// <summary><c>audit.sinks</c>: where records go besides the file.</summary>
internal static partial class SinksSection
{
    private const int PostgreSqlPort = 5432;

    public static IReadOnlyList<SinkOptions> Read(ConfigNode audit, ConfigContext context)
    {
        var node = audit.Entries().FirstOrDefault(e => e.Key == "sinks").Value;
        if (node is null) return [];
        var sinks = new List<SinkOptions>();
        foreach (var item in node.Items())
        {
            var type = item.Entries().FirstOrDefault(e => e.Key == "type").Value?.OneOf("stdout", "otlp", "postgresql");
            SinkOptions sink = type switch
            {
                "otlp" => ReadOtlp(item, context),
                "postgresql" => ReadPostgreSql(item, context),
                _ => ReadStandardOutput(item),
            };
            if (sink.Name.Length > 0 && sinks.Any(s => s.Name == sink.Name)) item.Fail($"there are two sinks '{HostPort.Printable(sink.Name)}'");
            sinks.Add(sink);
        }

        // One command on one machine has the file.
        return context.Local is null ? sinks : [];
    }

    private static SinkOptions.StandardOutput ReadStandardOutput(ConfigNode item)
    {
        var fields = item.Closed("name", "type", "required");
        _ = fields.Required("type");
        return new SinkOptions.StandardOutput(ReadName(fields), ReadRequired(fields));
    }

    private static SinkOptions.Otlp ReadOtlp(ConfigNode item, ConfigContext context)
    {
        var fields = item.Closed("name", "type", "required", "url", "headers", "ca");
        var urlNode = fields.Required("url");
        var text = urlNode.Text();
        if (!Uri.TryCreate(text, UriKind.Absolute, out var url) || url.UserInfo.Length > 0 || url.Scheme is not ("https" or "http"))
        {
            if (text.Length > 0) urlNode.Fail($"expected a URL such as https://otel.example.com/v1/logs, got '{HostPort.Printable(text)}'");
            url = new Uri("https://invalid.invalid/");
        }
        else if (url.Scheme == "http" && !(IPAddress.TryParse(url.Host.Trim('[', ']'), out var address) && IPAddress.IsLoopback(address)))
        {
            urlNode.Fail("the records would cross the network in clear: expected https, or a loopback address");
        }

        var headers = new Dictionary<string, Secret>();
        foreach (var (name, value) in fields.Has("headers", out var node) ? node.Entries() : [])
        {
            if (!HeaderName().IsMatch(name)) value.Fail($"expected the name of a header, got '{HostPort.Printable(name)}'");
            else if (context.ReadSource(value) is { } source && context.ReadSecret(name, value, source) is { } secret) headers[name] = secret;
        }

        return new SinkOptions.Otlp(ReadName(fields), ReadRequired(fields), url, fields.Has("ca", out var ca) ? context.ExistingFile(ca) : null) { Headers = new(headers) };
    }

    private static SinkOptions.PostgreSql ReadPostgreSql(ConfigNode item, ConfigContext context)
    {
        var fields = item.Closed("name", "type", "required", "host", "port", "database", "user", "password", "ca", "table", "create_table");
        var table = fields.Has("table", out var tableNode) ? tableNode.Text() : "fairlead_audit";
        if (table.Length > 0 && !TableName().IsMatch(table)) tableNode!.Fail($"expected a table such as fairlead_audit or audit.records, in lower case, got '{HostPort.Printable(table)}'");
        var hostNode = fields.Required("host");
        var host = hostNode.Text();
        // The driver takes lists, and abstract sockets, which need no more than a name.
        if (host.Length > 0 && !host.StartsWith('/') && !HostPort.TryCreate(host, PostgreSqlPort, out _, out var problem)) hostNode.Fail(problem);
        var secrets = new Dictionary<string, Secret>();
        if (fields.Has("password", out var password) && context.ReadSource(password) is { } source && context.ReadSecret("password", password, source) is { } secret) secrets["password"] = secret;
        return new SinkOptions.PostgreSql(
            ReadName(fields),
            ReadRequired(fields),
            host,
            fields.Has("port", out var port) ? ReadPort(port) : PostgreSqlPort,
            fields.Required("database").Text(),
            fields.Required("user").Text(),
            fields.Has("ca", out var ca) ? context.ExistingFile(ca) : null,
            table,
            fields.Has("create_table", out var create) && create.OneOf("true", "false") == "true")
        { Password = new(secrets) };
    }

    private static string ReadName(ConfigNode.Fields fields)
    {
        var node = fields.Required("name");
        var name = node.Text();
        if (name.Length > 0 && !SinkName().IsMatch(name)) node.Fail($"expected letters, digits, '-' and '_', got '{HostPort.Printable(name)}'");
        return name;
    }

    private static TimeSpan? ReadRequired(ConfigNode.Fields fields) => fields.Has("required", out var required) ? Units.ReadTime(required) : null;

    private static int ReadPort(ConfigNode node)
    {
        if (Units.ReadCount(node) is not { } port) return PostgreSqlPort;
        if (port > ushort.MaxValue) node.Fail($"expected a port, got {port}");
        return port;
    }

    [GeneratedRegex(@"^[A-Za-z0-9_-]{1,64}$(?!\n)")]
    private static partial Regex SinkName();

    [GeneratedRegex(@"^[a-z_][a-z0-9_]{0,62}(\.[a-z_][a-z0-9_]{0,62})?$(?!\n)", RegexOptions.ExplicitCapture)]
    private static partial Regex TableName();

    [GeneratedRegex(@"^[A-Za-z0-9-]{1,64}$(?!\n)")]
    private static partial Regex HeaderName();
}
