using System.Globalization;
using System.Text;
using System.Text.Json;

namespace Fairlead.Relay.Status;

/// <summary>
/// <c>GET /fairlead/status</c>, asked of the relay itself. The Host must be this machine's: a page of the web whose name was made to point at 127.0.0.1 sends
/// its own name there (DNS rebinding), and is refused. There is no CORS header, so no other page may read the answer either.
/// </summary>
internal static class StatusPage
{
    public const string Path = "/fairlead/status";

    /// <summary>Answers a request for the page.</summary>
    /// <param name="head">The head of a request that is no CONNECT.</param>
    /// <param name="port">The port it came to.</param>
    /// <param name="status">What is told.</param>
    /// <returns>Null when something else was asked for.</returns>
    public static string? Answer(ReadOnlySpan<byte> head, int port, RelayStatus status)
    {
        var lines = Encoding.Latin1.GetString(head).Split("\r\n");
        if (lines[0].Split(' ') is not [var method, var target, var version] || !version.StartsWith("HTTP/1.", StringComparison.Ordinal)) return null;
        if (target.Split('?', 2)[0] != Path) return null;

        var hosts = lines.Skip(1).Where(line => line.StartsWith("Host:", StringComparison.OrdinalIgnoreCase)).Select(line => line["Host:".Length..].Trim()).ToArray();
        if (hosts is not [var host] || !IsThisMachine(host, port))
            return Text("403 Forbidden", "", "text/plain; charset=utf-8", $"fairlead: expected 'Host: 127.0.0.1:{port}' or 'Host: localhost:{port}'.\n", method);
        return method is "GET" or "HEAD"
            ? Text("200 OK", "", "application/json", JsonSerializer.Serialize(status.Snapshot(port), SnapshotJson.Default.RelaySnapshot) + "\n", method)
            : Text("405 Method Not Allowed", "Allow: GET, HEAD\r\n", "text/plain; charset=utf-8", "fairlead: the status is read with GET.\n", method);
    }

    private static bool IsThisMachine(string host, int port)
    {
        var ending = string.Create(CultureInfo.InvariantCulture, $":{port}");
        var name = host.EndsWith(ending, StringComparison.Ordinal) ? host[..^ending.Length] : host;
        return name.Equals("localhost", StringComparison.OrdinalIgnoreCase) || name == "127.0.0.1";
    }

    private static string Text(string status, string headers, string contentType, string body, string method) =>
        $"HTTP/1.1 {status}\r\n{headers}Content-Type: {contentType}\r\nContent-Length: {Encoding.UTF8.GetByteCount(body)}\r\n"
        + $"Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n{(method == "HEAD" ? "" : body)}";
}
