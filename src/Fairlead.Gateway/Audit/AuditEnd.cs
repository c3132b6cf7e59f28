using Microsoft.Win32.SafeHandles;

namespace Fairlead.Gateway.Audit;

/// <summary>How a file ends that a gateway is about to continue.</summary>
/// <param name="Last">The last whole record; null when there is none.</param>
/// <param name="Chain">Behind it.</param>
/// <param name="Torn">What a crash left behind it; empty after an orderly end.</param>
/// <param name="LacksLineFeed">True when the last line has no end.</param>
internal sealed record AuditEnd(AuditLine? Last, AuditChain Chain, byte[] Torn, bool LacksLineFeed)
{
    // A crash tears what one write held, and power that fails what came since the last one that was synced.
    private const int MostTornBytes = 8 * 1024 * 1024;

    /// <summary>The checkpoint that says that the audit goes on in another file, when that is the last of this one.</summary>
    public Checkpoint? Continued => Torn.Length == 0 && Last is not null && Checkpoint.Read(Last) is { Kind: CheckpointKind.Continued } checkpoint ? checkpoint : null;

    /// <exception cref="InvalidDataException">There is no record of this version at the end.</exception>
    public static AuditEnd Of(string path)
    {
        using var file = File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        return Of(file, path);
    }

    /// <exception cref="InvalidDataException">As above.</exception>
    public static AuditEnd Of(SafeFileHandle file, string path)
    {
        var length = RandomAccess.GetLength(file);
        var bytes = ReadEnd(file, length, path);
        var lacksLineFeed = bytes.Length > 0 && bytes[^1] != '\n';
        var text = bytes.AsMemory(0, bytes.Length - (bytes.Length > 0 && !lacksLineFeed ? 1 : 0));
        for (var end = text.Length; end > 0;)
        {
            var begin = text.Span[..end].LastIndexOf((byte)'\n') + 1;
            // A record is one JSON object, so that no part of it is one: what can be read is whole.
            if (AuditLine.TryParse(text[begin..end], out var line))
                return new AuditEnd(line, new AuditChain(line.Seq, AuditChain.HashOf(text.Span[begin..end])), text[Math.Min(end + 1, text.Length)..].ToArray(), lacksLineFeed);
            end = begin - 1;
        }

        // Nothing, or a first line that was torn.
        if (bytes.Length == length && !text.Span.Contains((byte)'\n') && (bytes.Length == 0 || lacksLineFeed)) return new AuditEnd(null, default, text.ToArray(), lacksLineFeed);
        throw new InvalidDataException($"expected an audit of version {AuditChain.SchemaVersion} in {path}, got a file that ends in other lines; move it away, and the gateway begins another one");
    }

    private static byte[] ReadEnd(SafeFileHandle file, long length, string path)
    {
        var bytes = new byte[Math.Min(MostTornBytes, length)];
        var from = length - bytes.Length;
        for (var read = 0; read < bytes.Length;)
        {
            var count = RandomAccess.Read(file, bytes.AsSpan(read), from + read);
            if (count == 0) throw new IOException($"{path}: it got shorter while it was read");
            read += count;
        }

        return bytes;
    }
}
