using System.Globalization;
using System.Text;

namespace Fairlead.Tests.Gateway;

/// <summary>An HTTP/1.1 answer, read byte by byte so that nothing behind it is lost.</summary>
internal sealed record Reply(int Status, string Head, string Body)
{
    /// <summary>The value of a header; null when it is not there.</summary>
    public string? this[string name] => Head.Split("\r\n").Skip(1)
        .Where(l => l.StartsWith(name + ":", StringComparison.OrdinalIgnoreCase)).Select(l => l[(name.Length + 1)..].Trim()).FirstOrDefault();

    /// <param name="stream">Where it comes from.</param>
    /// <param name="hasBody">False for the answer to HEAD or CONNECT.</param>
    public static async Task<Reply> ReadAsync(Stream stream, bool hasBody = true)
    {
        var head = await ReadHeadAsync(stream);
        var reply = new Reply(int.Parse(head.AsSpan(9, 3), CultureInfo.InvariantCulture), head, "");
        if (!hasBody || reply.Status is 204 or 304 or < 200) return reply;
        if (reply["Transfer-Encoding"] == "chunked") return reply with { Body = await ReadChunkedAsync(stream) };
        if (reply["Content-Length"] is not { } length) return reply with { Body = await ReadToEndAsync(stream) };
        var body = new byte[int.Parse(length, CultureInfo.InvariantCulture)];
        await stream.ReadExactlyAsync(body, Limits.Token);
        return reply with { Body = Encoding.UTF8.GetString(body) };
    }

    /// <summary>Everything up to the blank line and with it.</summary>
    public static async Task<string> ReadHeadAsync(Stream stream)
    {
        var text = new StringBuilder();
        var one = new byte[1];
        while (!text.ToString().EndsWith("\r\n\r\n", StringComparison.Ordinal))
        {
            if (await stream.ReadAsync(one, Limits.Token) == 0) throw new EndOfStreamException($"expected the head of an answer, got '{text}'");
            text.Append((char)one[0]);
        }

        return text.ToString();
    }

    public static async Task<string> ReadToEndAsync(Stream stream)
    {
        using var all = new MemoryStream();
        await stream.CopyToAsync(all, Limits.Token);
        return Encoding.UTF8.GetString(all.ToArray());
    }

    private static async Task<string> ReadChunkedAsync(Stream stream)
    {
        var body = new StringBuilder();
        while (true)
        {
            var length = int.Parse(await ReadLineAsync(stream), NumberStyles.HexNumber, CultureInfo.InvariantCulture);
            var chunk = new byte[length + 2];
            await stream.ReadExactlyAsync(chunk, Limits.Token);
            if (length == 0) return body.ToString();
            body.Append(Encoding.UTF8.GetString(chunk, 0, length));
        }
    }

    private static async Task<string> ReadLineAsync(Stream stream)
    {
        var text = new StringBuilder();
        var one = new byte[1];
        while (await stream.ReadAsync(one, Limits.Token) == 1 && one[0] != '\n') text.Append((char)one[0]);
        return text.ToString().TrimEnd('\r');
    }
}
