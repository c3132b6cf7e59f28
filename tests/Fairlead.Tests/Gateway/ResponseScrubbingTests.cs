using System.IO.Compression;
using System.Net;
using System.Net.Security;
using System.Text;
using System.Text.Json;
using Fairlead.Gateway.Credentials;
using Fairlead.Gateway.Sessions;
using Fairlead.Tests.Gateway.Credentials;
using Microsoft.AspNetCore.Http;

namespace Fairlead.Tests.Gateway;

/// <summary>What reaches a workload of an answer in which its upstream repeats the secret that it was sent.</summary>
public sealed class ResponseScrubbingTests : IAsyncLifetime
{
    private const string Value = "FAKE-secret/of+the=key-0123456789";
    private const string Label = "[fairlead:redacted:key]";

    private readonly OriginCa _ca = new();
    private RequestDelegate _answer = _ => Task.CompletedTask;
    private Origin _origin = null!;

    public async ValueTask InitializeAsync() => _origin = await Origin.StartAsync(_ca, context => _answer(context));

    public async ValueTask DisposeAsync()
    {
        await _origin.DisposeAsync();
        _ca.Dispose();
    }

    [Fact]
    public async Task A_secret_that_an_upstream_repeats_reaches_the_workload_in_no_part_of_an_answer()
    {
        _answer = async context =>
        {
            var key = context.Request.Headers["X-Key"].ToString();
            context.Response.Headers.Location = $"https://api.test/next?key={Uri.EscapeDataString(key)}";
            context.Response.Headers.Append("Set-Cookie", $"key={Convert.ToBase64String(Encoding.ASCII.GetBytes(key))}; Path=/");
            context.Response.Headers.Append("WWW-Authenticate", $"Bearer error=\"{key} is bad\"");
            context.Response.ContentType = "application/json";
            var body = JsonSerializer.SerializeToUtf8Bytes(new { key, url = $"/?k={Uri.EscapeDataString(key)}" });
            context.Response.ContentLength = body.Length;
            await context.Response.Body.WriteAsync(body);
        };

        var (reply, audit, _) = await AskAsync();

        Assert.DoesNotContain("FAKE", reply.Head + reply.Body, StringComparison.Ordinal);
        Assert.Equal($"https://api.test/next?key={Label}", reply["Location"]);
        Assert.Equal($"key={Label}; Path=/", reply["Set-Cookie"]);
        Assert.Equal($"Bearer error=\"{Label} is bad\"", reply["WWW-Authenticate"]);
        Assert.Equal($$"""{"key":"{{Label}}","url":"/?k={{Label}}"}""", reply.Body);
        Assert.Equal(["key"], audit.GetProperty("redacted").EnumerateArray().Select(n => n.GetString()));
        Assert.DoesNotContain("FAKE", audit.GetRawText(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_answer_without_the_secret_is_what_the_upstream_sent()
    {
        var body = new byte[300_000];
        new Random(1).NextBytes(body);
        _answer = async context =>
        {
            context.Response.Headers.ETag = "\"1\"";
            context.Response.ContentType = "text/plain";
            context.Response.ContentLength = context.Request.Path == "/short" ? 1000 : body.Length;
            await context.Response.Body.WriteAsync(body.AsMemory(0, (int)context.Response.ContentLength));
        };
        await using var edge = await StartAsync();
        var workload = await Workload.OpenAsync(edge, http2: true);
        using var client = workload.Client();

        foreach (var (path, length) in new[] { ("/short", 1000), ("/long", body.Length) })
        {
            using var response = await client.GetAsync($"https://api.test{path}", Limits.Token);
            Assert.Equal((length, "\"1\""), ((int?)response.Content.Headers.ContentLength, response.Headers.ETag?.Tag));
            Assert.Equal(body[..length], await response.Content.ReadAsByteArrayAsync(Limits.Token));
        }

        await workload.CloseAsync();
        Assert.All(await edge.StopAsync(), record => Assert.False(record.TryGetProperty("redacted", out _)));
    }

    [Theory]
    [InlineData("text/plain", null, 200, $"xx{Label}yy", "a text of any length")]
    [InlineData("text/event-stream", null, 200, $"xx{Label}yy", "events")]
    [InlineData("text/plain", 37, 200, $"xx{Label}yy", "a short text: its length is corrected")]
    [InlineData("application/octet-stream", null, 200, $"xx{Label}**********yy", "bytes")]
    [InlineData("image/png", 37, 200, $"xx{Label}**********yy", "bytes of a length")]
    [InlineData(null, 37, 200, $"xx{Label}yy", "nobody says that it is anything else")]
    [InlineData("text/plain", 37, 206, $"xx{Label}**********yy", "a part")]
    [InlineData("application/grpc", null, 200, $"xx{Label}**********yy", "frames with lengths in them")]
    public async Task A_label_changes_lengths_only_where_nothing_counts_on_them(string? type, int? length, int status, string expected, string why)
    {
        _answer = async context =>
        {
            context.Response.StatusCode = status;
            context.Response.ContentType = type;
            context.Response.ContentLength = length;
            await context.Response.WriteAsync($"xx{Value}yy");
        };

        var (reply, _, _) = await AskAsync();

        Assert.True(expected == reply.Body, $"{why}: {reply.Body}");
        if (length is not null) Assert.Equal(expected.Length.ToString(System.Globalization.CultureInfo.InvariantCulture), reply["Content-Length"]);
    }

    [Fact]
    public async Task A_long_text_keeps_the_length_that_it_was_announced_with()
    {
        var text = new string('a', 100_000) + Value + new string('b', 100_000);
        _answer = async context =>
        {
            context.Response.ContentType = "text/plain";
            context.Response.ContentLength = text.Length;
            await context.Response.WriteAsync(text);
        };

        var (reply, _, _) = await AskAsync();

        Assert.Equal(text.Replace(Value, Label + new string('*', Value.Length - Label.Length), StringComparison.Ordinal), reply.Body);
    }

    [Fact]
    public async Task Trailers_and_the_reason_are_searched()
    {
        _answer = async context =>
        {
            context.Features.Get<Microsoft.AspNetCore.Http.Features.IHttpResponseFeature>()!.ReasonPhrase = $"No {Value}";
            if (context.Response.SupportsTrailers()) context.Response.DeclareTrailer("grpc-message");
            await context.Response.WriteAsync("body");
            if (context.Response.SupportsTrailers()) context.Response.AppendTrailer("grpc-message", $"bad key {Uri.EscapeDataString(Value)}");
        };
        var (reply, _, _) = await AskAsync();
        Assert.StartsWith($"HTTP/1.1 200 No {Label}\r\n", reply.Head, StringComparison.Ordinal);

        await using var edge = await StartAsync();
        var workload = await Workload.OpenAsync(edge, http2: true);
        using var client = workload.Client();
        using var response = await client.GetAsync("https://api.test/", Limits.Token);
        Assert.Equal("body", await response.Content.ReadAsStringAsync(Limits.Token));
        Assert.Equal($"bad key {Label}", response.TrailingHeaders.GetValues("grpc-message").Single());
        await workload.CloseAsync();
    }

    [Theory]
    [InlineData("gzip")]
    [InlineData("x-gzip")]
    [InlineData("deflate")]
    [InlineData("br")]
    public async Task Text_that_is_compressed_though_nobody_asked_is_opened(string coding)
    {
        var asked = "none";
        _answer = async context =>
        {
            asked = context.Request.Headers.AcceptEncoding.ToString();
            context.Response.ContentType = "application/json";
            context.Response.Headers.ContentEncoding = coding;
            context.Response.Headers.ETag = "\"1\"";
            context.Response.Headers["Content-MD5"] = "AAAA";
            var body = Compressed($$"""{"key":"{{Value}}"}""", coding);
            context.Response.ContentLength = body.Length;
            await context.Response.Body.WriteAsync(body);
        };

        var (reply, audit, _) = await AskAsync("Accept-Encoding: gzip, br\r\n");

        Assert.Equal("identity", asked);
        Assert.Equal($$"""{"key":"{{Label}}"}""", reply.Body);
        Assert.Equal((null, null, null, "W/\"1\""), (reply["Content-Encoding"], reply["Content-Length"], reply["Content-MD5"], reply["ETag"]));
        Assert.Equal("key", audit.GetProperty("redacted")[0].GetString());
    }

    [Theory]
    [InlineData("gzip", 0.7)]
    [InlineData("br", 0.7)]
    [InlineData("deflate", 0.7)]
    [InlineData("gzip", 0.0)]
    [InlineData("br", 0.0)]
    public async Task Compressed_text_that_is_broken_is_cut_and_never_ends_as_if_it_were_whole(string coding, double whole)
    {
        _answer = async context =>
        {
            context.Response.ContentType = "text/plain";
            context.Response.Headers.ContentEncoding = coding;
            var body = Compressed(string.Concat(Enumerable.Range(0, 5000).Select(i => $"{i * 7919} ")), coding);
            await context.Response.Body.WriteAsync(whole == 0 ? "no such coding at all"u8.ToArray() : body.AsMemory(0, (int)(body.Length * whole)));
        };

        var (_, audit, error) = await AskAsync("", mayBreak: true);

        Assert.True(error is not null || audit.GetProperty("status").GetInt32() == 502);
        Assert.Equal("upstream_aborted", audit.GetProperty("outcome").GetString());
    }

    [Theory]
    [InlineData("zstd", 200)]
    [InlineData("gzip, gzip", 200)]
    [InlineData("gzip", 206)]
    public async Task Text_that_cannot_be_opened_is_refused(string coding, int status)
    {
        _answer = async context =>
        {
            context.Response.StatusCode = status;
            context.Response.ContentType = "text/plain";
            context.Response.Headers.ContentEncoding = coding;
            await context.Response.WriteAsync("?");
        };

        var (reply, audit, _) = await AskAsync();

        Assert.Equal((502, "upstream_protocol"), (reply.Status, audit.GetProperty("outcome").GetString()));
        Assert.Contains($"compressed ({coding})", audit.GetProperty("detail").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_compressed_archive_and_an_answer_without_a_body_pass_as_they_are()
    {
        _answer = async context =>
        {
            context.Response.ContentType = HttpMethods.IsHead(context.Request.Method) ? "text/plain" : "application/gzip";
            context.Response.Headers.ContentEncoding = "gzip";
            context.Response.ContentLength = 4;
            if (!HttpMethods.IsHead(context.Request.Method)) await context.Response.WriteAsync("\x1f\x1e\x08z");
        };
        await using var edge = await StartAsync();
        var workload = await Workload.OpenAsync(edge);

        var got = await workload.GetAsync();
        var headed = await workload.SendAsync("HEAD / HTTP/1.1\r\nHost: api.test\r\n\r\n", hasBody: false);
        await workload.CloseAsync();

        Assert.Equal(("\x1f\x1e\x08z", "gzip", "4"), (got.Body, got["Content-Encoding"], got["Content-Length"]));
        Assert.Equal((200, "gzip", "4"), (headed.Status, headed["Content-Encoding"], headed["Content-Length"]));
    }

    [Fact]
    public async Task What_an_upstream_remembers_of_another_request_is_found_too()
    {
        var remembered = "";
        _answer = context =>
        {
            remembered = context.Request.Headers["X-Key"].ToString() is { Length: > 0 } key && key != "mine" ? key : remembered;
            return context.Response.WriteAsync($"last: {remembered}");
        };
        await using var edge = await StartAsync(Credential() with { Existing = ExistingHeader.Keep });
        var workload = await Workload.OpenAsync(edge);

        await workload.GetAsync();
        var second = await workload.GetAsync(headers: "X-Key: mine\r\n");
        await workload.CloseAsync();
        var audit = (await edge.StopAsync()).Where(IsRequest).ToList();

        Assert.Equal(Value, remembered);
        Assert.Equal($"last: {Label}", second.Body);
        Assert.Empty(audit[1].GetProperty("credentials").EnumerateArray());
        Assert.Equal("key", audit[1].GetProperty("redacted")[0].GetString());
    }

    [Fact]
    public async Task A_token_that_was_replaced_meanwhile_is_still_found()
    {
        var time = new FakeTimeProvider();
        var count = 0;
        ISecret token = new FetchedSecret("token", _ => Task.FromResult(new FetchedSecret.Kept(Given.Secret("token", $"FAKE-access-token-{++count}"), time.GetUtcNow(), time.GetUtcNow())), time);

        await token.GetAsync(Limits.Token);
        await token.GetAsync(Limits.Token);

        Assert.Equal(["FAKE-access-token-2", "FAKE-access-token-1"], token.Held.Select(s => s.Reveal()));
    }

    [Fact]
    public async Task With_scrub_false_an_answer_passes_untouched()
    {
        _answer = context => context.Response.WriteAsync($"{context.Request.Headers["X-Key"]} {context.Request.Headers.AcceptEncoding}");

        var (reply, audit, _) = await AskAsync("Accept-Encoding: gzip\r\n", credential: Credential() with { IsScrubbed = false });

        Assert.Equal($"{Value} gzip", reply.Body);
        Assert.False(audit.TryGetProperty("redacted", out _));
    }

    [Fact]
    public async Task A_WebSocket_carries_no_secret_back_and_its_frames_stay_whole()
    {
        var extensions = "";
        _answer = async context =>
        {
            extensions = context.Request.Headers["Sec-WebSocket-Extensions"].ToString();
            // Kestrel alone: the handshake and the frame by hand.
            var key = context.Request.Headers["Sec-WebSocket-Key"].ToString();
            context.Response.Headers["Sec-WebSocket-Accept"] = Fairlead.Wire.WebSocketHandshake.AcceptFor(key);
            context.Response.Headers.Upgrade = "websocket";
            var stream = await context.Features.Get<Microsoft.AspNetCore.Http.Features.IHttpUpgradeFeature>()!.UpgradeAsync();
            byte[] frame = [0x81, (byte)(4 + Value.Length), .. Encoding.ASCII.GetBytes($"k={Value};.")];
            // In two writes, with the border within the secret.
            await stream.WriteAsync(frame.AsMemory(0, 20));
            await stream.FlushAsync();
            await stream.WriteAsync(frame.AsMemory(20));
            await stream.WriteAsync((byte[])[0x88, 0]);
        };
        await using var edge = await StartAsync();
        var workload = await Workload.OpenAsync(edge);
        using var invoker = new HttpMessageInvoker(new SocketsHttpHandler { ConnectCallback = (_, _) => ValueTask.FromResult<Stream>(workload.Tls) });
        using var socket = new System.Net.WebSockets.ClientWebSocket { Options = { DangerousDeflateOptions = new() } };
        // Plain to the client: TLS is the tunnel's.
        await socket.ConnectAsync(new Uri("ws://api.test/"), invoker, Limits.Token);

        var buffer = new byte[200];
        var message = await socket.ReceiveAsync(buffer, Limits.Token);

        Assert.Equal("", extensions);
        Assert.Equal($"k={Label}**********;.", Encoding.ASCII.GetString(buffer, 0, message.Count));
        Assert.True(message.EndOfMessage);
        await socket.CloseOutputAsync(System.Net.WebSockets.WebSocketCloseStatus.NormalClosure, null, Limits.Token);
        await workload.DisposeAsync();
        Assert.Contains(await edge.StopAsync(), record => record.TryGetProperty("redacted", out _));
    }

    [Fact]
    public async Task A_promise_to_push_breaks_the_connection_and_leaks_nothing()
    {
        await using var raw = RawOrigin.OverTls(_ca.Issue("api.test"), async tls =>
        {
            _ = await tls.ReadAtLeastAsync(new byte[16384], 50, throwOnEndOfStream: false, Limits.Token);
            byte[] Frame(byte type, byte flags, int stream, byte[] payload) => [0, 0, (byte)payload.Length, type, flags, 0, 0, 0, (byte)stream, .. payload];
            byte[] Field(string name, string value) => [0, (byte)name.Length, .. Encoding.ASCII.GetBytes(name), (byte)value.Length, .. Encoding.ASCII.GetBytes(value)];
            await tls.WriteAsync((byte[])[.. Frame(4, 0, 0, []), .. Frame(5, 4, 1, [0, 0, 0, 2, .. Field(":path", $"/{Value}")]), .. Frame(1, 4, 1, [0x88]), .. Frame(0, 1, 1, [.. "pushed"u8])], Limits.Token);
            await tls.CopyToAsync(Stream.Null, Limits.Token);
        }, SslApplicationProtocol.Http2);
        await using var edge = await Edge.StartAsync(new Dictionary<string, IPEndPoint> { [Edge.Host] = raw.EndPoint }, _ca, [Session()]);
        var workload = await Workload.OpenAsync(edge, http2: true);
        using var client = workload.Client();

        using var response = await client.GetAsync("https://api.test/", Limits.Token);
        var body = await response.Content.ReadAsStringAsync(Limits.Token);
        await workload.CloseAsync();

        Assert.Equal(HttpStatusCode.BadGateway, response.StatusCode);
        Assert.DoesNotContain("FAKE", body + response + string.Concat(await edge.StopAsync()), StringComparison.Ordinal);
    }

    // Where the machine is slow, a tunnel may be on record before its last request.
    private static bool IsRequest(JsonElement record) => record.GetProperty("type").GetString() == "request";

    private static Credential Credential() => Edge.CredentialOf("key", "X-Key", Value);

    private static Session Session(Credential? credential = null) => Edge.SessionOf("s1", Edge.Token, credentials: [credential ?? Credential()]);

    private Task<Edge> StartAsync(Credential? credential = null) => Edge.StartAsync(_origin, _ca, Session(credential));

    private async Task<(Reply Reply, JsonElement Audit, Exception? Error)> AskAsync(string headers = "", bool mayBreak = false, Credential? credential = null)
    {
        await using var edge = await StartAsync(credential);
        var workload = await Workload.OpenAsync(edge);
        Reply? reply = null;
        Exception? error = null;
        try
        {
            reply = await workload.GetAsync(headers: headers);
        }
        catch (Exception e) when (mayBreak && e is IOException or EndOfStreamException or FormatException)
        {
            error = e;
        }

        await workload.CloseAsync();
        return (reply!, (await edge.StopAsync()).First(IsRequest), error);
    }

    private static byte[] Compressed(string text, string coding)
    {
        using var all = new MemoryStream();
        using (Stream into = coding switch { "br" => new BrotliStream(all, CompressionLevel.Fastest), "deflate" => new ZLibStream(all, CompressionLevel.Fastest), _ => new GZipStream(all, CompressionLevel.Fastest) })
            into.Write(Encoding.UTF8.GetBytes(text));
        return all.ToArray();
    }
}
