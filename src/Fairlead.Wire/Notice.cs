using System.Diagnostics.CodeAnalysis;
using System.Text.Json;

namespace Fairlead.Wire;

/// <summary>
/// What a gateway tells the relay about a request that it refused, or that failed, inside the TLS of a tunnel. It is the sentence that the tool was given,
/// and never holds a query string, a body, or a header's value but a Host that is not the tunnel's. Coded as a small JSON object, so that it can be read without a decoder.
/// </summary>
/// <param name="Kind">Which hop it was.</param>
/// <param name="Host">The destination, <c>host:port</c>.</param>
/// <param name="Message">What happened, a sentence.</param>
public sealed record Notice(NoticeKind Kind, string Host, string Message)
{
    private const int MaxTextCharacters = 400;

    /// <summary>The request's method, or null for what concerns the tunnel.</summary>
    public string? Method { get; init; }

    /// <summary>The request's path without its query, or null.</summary>
    public string? Path { get; init; }

    /// <summary>The rule that refused, or null.</summary>
    public string? Rule { get; init; }

    /// <summary>What to do about it, a sentence, or null.</summary>
    public string? WhatToDo { get; init; }

    /// <summary>The request's id in the audit, or the tunnel's, or null.</summary>
    public string? RequestId { get; init; }

    /// <summary>The bytes for the wire: at most <see cref="Protocol.MaxNoticeBytes"/>; texts that are too long are cut.</summary>
    public byte[] Encode()
    {
        var bytes = Encode(MaxTextCharacters);
        // A character may take six bytes, so the cut is found by trying.
        for (var limit = MaxTextCharacters; bytes.Length > Protocol.MaxNoticeBytes; bytes = Encode(limit)) limit /= 2;
        return bytes;
    }

    /// <summary>Reads what a peer sent, which nobody has checked: whatever it is, the texts of the result are short and printable.</summary>
    /// <param name="bytes">The bytes from the wire.</param>
    /// <param name="notice">The notice.</param>
    /// <returns>False for what is no notice.</returns>
    public static bool TryParse(ReadOnlyMemory<byte> bytes, [NotNullWhen(true)] out Notice? notice)
    {
        notice = null;
        if (bytes.Length > Protocol.MaxNoticeBytes) return false;
        try
        {
            using var document = JsonDocument.Parse(bytes, new JsonDocumentOptions { MaxDepth = 4 });
            var fields = document.RootElement;
            if (fields.ValueKind != JsonValueKind.Object) return false;
            notice = new Notice(KindOf(Text(fields, "kind")), Text(fields, "host") ?? "", Text(fields, "message") ?? "")
            {
                Method = Text(fields, "method"),
                Path = Text(fields, "path"),
                Rule = Text(fields, "rule"),
                WhatToDo = Text(fields, "what_to_do"),
                RequestId = Text(fields, "request_id"),
            };
            return true;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            // No JSON, or a text with half a surrogate pair.
            return false;
        }
    }

    /// <summary>A kind as it is written: <c>policy</c>.</summary>
    /// <param name="kind">The kind.</param>
    public static string NameOf(NoticeKind kind) => kind switch
    {
        NoticeKind.Policy => "policy",
        NoticeKind.Dns => "dns",
        NoticeKind.Address => "address",
        NoticeKind.Connect => "connect",
        NoticeKind.Tls => "tls",
        NoticeKind.Timeout => "timeout",
        NoticeKind.Upstream => "upstream",
        NoticeKind.Request => "request",
        NoticeKind.Trust => "trust",
        NoticeKind.Gateway => "gateway",
        NoticeKind.Auth => "auth",
        NoticeKind.Local => "local",
        NoticeKind.Limit => "limit",
        _ => "other",
    };

    /// <summary>A kind that was written; <see cref="NoticeKind.Other"/> for what is none.</summary>
    /// <param name="name">As <see cref="NameOf"/> writes it.</param>
    public static NoticeKind KindOf(string? name)
    {
        foreach (var kind in Enum.GetValues<NoticeKind>())
        {
            if (NameOf(kind) == name) return kind;
        }

        return NoticeKind.Other;
    }

    private byte[] Encode(int limit)
    {
        using var stream = new MemoryStream();
        using (var json = new Utf8JsonWriter(stream))
        {
            json.WriteStartObject();
            json.WriteString("kind", NameOf(Kind));
            foreach (var (name, value) in ((string, string?)[])
                [("host", Host), ("method", Method), ("path", Path), ("rule", Rule), ("message", Message), ("what_to_do", WhatToDo), ("request_id", RequestId)])
            {
                if (value is not null) json.WriteString(name, HostPort.PrintableUpTo(value, limit));
            }

            json.WriteEndObject();
        }

        return stream.ToArray();
    }

    private static string? Text(JsonElement fields, string name) =>
        fields.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? HostPort.PrintableUpTo(value.GetString()!, MaxTextCharacters) : null;
}
