using System.Diagnostics.CodeAnalysis;
using System.Text.Json;

namespace Fairlead.Gateway.Audit;

/// <summary>A line of the file, as far as the chain is concerned.</summary>
/// <param name="Seq">Its number.</param>
/// <param name="Prev">The hash of the line before it.</param>
/// <param name="Record">All of it.</param>
internal sealed record AuditLine(long Seq, string Prev, JsonElement Record)
{
    public string Type => Record.GetProperty("type").GetString()!;

    /// <returns>False for what is no record of a chain.</returns>
    public static bool TryParse(ReadOnlyMemory<byte> bytes, [NotNullWhen(true)] out AuditLine? line)
    {
        line = null;
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
        }

        if (pending.Length > 0) yield return (pending.ToArray(), false);
    }
}
