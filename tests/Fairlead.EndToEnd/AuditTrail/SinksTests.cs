using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text.Json.Nodes;
using Fairlead.EndToEnd.Harness;

namespace Fairlead.EndToEnd.AuditTrail;

/// <summary>Sinks of a running gateway, and what OpenTelemetry's own code reads of it. PostgreSQL is in the unit tests.</summary>
public sealed class SinksTests
{
    [Fact]
    public async Task Standard_output_and_a_collector_that_was_down_get_every_line_of_the_file()
    {
        var port = FreePort();
        var options = new SiteOptions
        {
            Audit = string.Create(CultureInfo.InvariantCulture, $", sinks: [{{ name: out, type: stdout }}, {{ name: otel, type: otlp, url: \"http://127.0.0.1:{port}/v1/logs\", headers: {{ X-Key: {{ from: env, name: TOOLS_KEY }} }} }}]"),
        };
        await using var site = await Site.StartAsync(options);
        (await site.RunAsync("curl", "-sS", "https://api.datadoghq.com/echo/a", "https://origin.test/echo/forbidden/b")).Succeeded();

        // The collector comes up behind the first records.
        using var collector = new HttpListener { Prefixes = { string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{port}/") } };
        collector.Start();
        var requests = new ConcurrentQueue<byte[]>();
        var keys = new ConcurrentBag<string?>();
        var serving = ServeAsync();
        async Task ServeAsync()
        {
            while (true)
            {
                HttpListenerContext context;
                try
                {
                    context = await collector.GetContextAsync();
                }
                catch (Exception e) when (e is HttpListenerException or ObjectDisposedException)
                {
                    return;
                }

                using var body = new MemoryStream();
                await context.Request.InputStream.CopyToAsync(body, Limits.Token());
                // The first one is not taken, and comes again.
                var isTaken = !keys.IsEmpty;
                keys.Add(context.Request.Headers["X-Key"]);
                if (isTaken) requests.Enqueue(body.ToArray());
                context.Response.StatusCode = isTaken ? 200 : 503;
                context.Response.Close();
            }
        }

        (await site.RunAsync("curl", "-sS", "https://api.datadoghq.com/echo/c")).Succeeded();
        await site.Audit.WaitForAsync(1, r => AuditLog.Text(r, "path") == "/echo/c", Limits.Token());
        for (var deadline = Limits.Token(); requests.IsEmpty; deadline.ThrowIfCancellationRequested()) await Task.Delay(Limits.Poll, deadline);

        await site.Gateway.StopAsync(Limits.Token());
        collector.Close();
        await serving;

        var lines = await File.ReadAllLinesAsync(site.Audit.File, Limits.Token());
        var files = requests.Select((bytes, i) => Write(site, i, bytes)).ToArray();
        await using var reader = RunningProgram.Start("node", [Repository.Script("read-otlp.mjs"), .. files], ToolEnvironment.Clean(site.Folder.Folder("reader")), site.Folder.Path);
        var read = await reader.WaitAsync(Limits.Token());
        read.Succeeded();
        var logs = read.Stdout.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(l => JsonNode.Parse(l)!).ToArray();
        Assert.Equal(lines, logs.Select(l => l["body"]!.GetValue<string>()));
        Assert.All(keys, key => Assert.Equal(TestSecrets.Tools, key));
        var denied = Assert.Single(logs, l => l["severity"]!.GetValue<string>() == "WARN");
        Assert.Equal("/echo/forbidden/b", denied["attributes"]!["url.path"]!.GetValue<string>());
        Assert.Equal(("GET", 403), (denied["attributes"]!["http.request.method"]!.GetValue<string>(), denied["attributes"]!["http.response.status_code"]!.GetValue<int>()));
        Assert.Equal(Enumerable.Range(1, lines.Length), logs.Select(l => l["attributes"]!["fairlead.audit.seq"]!.GetValue<int>()));
        Assert.Equal(lines, site.Gateway.Program.Stdout.Text.Split('\n').Where(l => l.StartsWith('{')));
        Assert.DoesNotContain(TestSecrets.Tools, site.Gateway.Program.Stderr.Text, StringComparison.Ordinal);
    }

    private static string Write(Site site, int number, byte[] bytes)
    {
        var file = site.Folder.File(string.Create(CultureInfo.InvariantCulture, $"otlp-{number}.bin"));
        File.WriteAllBytes(file, bytes);
        return file;
    }

    private static int FreePort()
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        return ((IPEndPoint)socket.LocalEndPoint!).Port;
    }
}
