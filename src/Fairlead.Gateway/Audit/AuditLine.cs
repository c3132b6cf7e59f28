using System.Buffers.Text;
using System.Diagnostics.CodeAnalysis;
using System.Text;
using System.Text.Json;

namespace Fairlead.Gateway.Audit;

/// <summary>A line of the file, as far as the chain is concerned.</summary>
/// <param name="Seq">Its number.</param>
/// <param name="Prev">The hash of the line before it.</param>
/// <param name="Record">All of it.</param>
internal sealed record AuditLine(long Seq, string Prev, JsonElement Record)
{
    // A record's longest parts are a path and a sentence.
    private const int MostBytes = 16 * 1024 * 1024;

    public string Type => Record.GetProperty("type").GetString()!;

    /// <summary>Null when it is none.</summary>
    public DateTimeOffset? Time => Record.GetProperty("time").TryGetDateTimeOffset(out var time) ? time : null;

    /// <summary>Null when there is none.</summary>
    public string? Text(string name) => TextOf(Record, name);

    /// <summary>The request that it is about, or the tunnel that is passed through.</summary>
    public string? Subject => Text("request") ?? Text("tunnel");

    /// <summary>Null when there is no such text, or one that only a stranger can have written.</summary>
    public static string? TextOf(JsonElement record, string name)
    {
        try
        {
            return record.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;
        }
        catch (InvalidOperationException)
        {
            return null; // half of a surrogate pair
        }
    }

    /// <summary>Null when there is none.</summary>
    public long? Number(string name) => Record.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.Number && value.TryGetInt64(out var number) ? number : null;

    /// <summary>The number of a line without a look at the rest of it, as the gateway writes it: <see cref="AuditChain.Seal"/>.</summary>
    /// <returns><see cref="long.MaxValue"/> for another line.</returns>
    public static long SeqOf(ReadOnlySpan<byte> bytes)
    {
        var before = "{\"version\":2,\"seq\":"u8;
        return bytes.StartsWith(before) && Utf8Parser.TryParse(bytes[before.Length..], out long seq, out _) ? seq : long.MaxValue;
    }

    /// <returns>False for what is no record of a chain.</returns>
    public static bool TryParse(ReadOnlyMemory<byte> bytes, [NotNullWhen(true)] out AuditLine? line)
    {
        line = null;
        // The gateway writes ASCII only.
        if (!Ascii.IsValid(bytes.Span)) return false;
        try
        {
            using var document = JsonDocument.Parse(bytes);
            var root = document.RootElement;
            if (root.ValueKind != JsonValueKind.Object
                || !root.TryGetProperty("version", out var version) || version.ValueKind != JsonValueKind.Number || !version.TryGetInt32(out var number) || number != AuditChain.SchemaVersion
                || !root.TryGetProperty("seq", out var seq) || seq.ValueKind != JsonValueKind.Number || !seq.TryGetInt64(out var at)
                || !root.TryGetProperty("prev", out var prev) || prev.ValueKind != JsonValueKind.String
                || !root.TryGetProperty("type", out var type) || type.ValueKind != JsonValueKind.String
                || !root.TryGetProperty("time", out var time) || time.ValueKind != JsonValueKind.String) return false;
            _ = type.GetString();
            line = new AuditLine(at, prev.GetString()!, root.Clone());
            return true;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            return false;
        }
    }

    /// <summary>Cuts a file into lines.</summary>
    /// <returns>Each without its line feed, and whether it had one.</returns>
    /// <exception cref="InvalidDataException">A line is longer than any record.</exception>
    public static IEnumerable<(byte[] Bytes, bool IsEnded)> Read(Stream file)
    {
        var buffer = new byte[128 * 1024];
        var pending = new MemoryStream();
        for (int count; (count = file.Read(buffer)) > 0;)
        {
            var begin = 0;
            for (int end; (end = Array.IndexOf(buffer, (byte)'\n', begin, count - begin)) >= 0; begin = end + 1)
            {
                pending.Write(buffer, begin, end - begin);
                yield return (pending.ToArray(), true);
                pending.SetLength(0);
            }

            pending.Write(buffer, begin, count - begin);
            if (pending.Length > MostBytes) throw new InvalidDataException($"expected lines of at most {MostBytes} bytes: this is no audit");
        }

        if (pending.Length > 0) yield return (pending.ToArray(), false);
    }
}
