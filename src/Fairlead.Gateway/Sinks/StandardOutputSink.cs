using Fairlead.Gateway.Audit;

namespace Fairlead.Gateway.Sinks;

/// <summary>Standard output: the lines of the file as they are.</summary>
internal sealed class StandardOutputSink(Stream output, CursorFile cursor) : IAuditSink
{
    public Task<long> FindLastAsync(string chain, CancellationToken cancellationToken) => Task.FromResult(cursor.Read(chain));

    public async Task DeliverAsync(string chain, IReadOnlyList<(AuditLine Line, byte[] Bytes)> records, CancellationToken cancellationToken)
    {
        using var lines = new MemoryStream();
        foreach (var (_, bytes) in records)
        {
            lines.Write(bytes);
            lines.WriteByte((byte)'\n');
        }

        // Whole lines or none, as far as a pipe has that: nobody gives up in the middle.
        await output.WriteAsync(lines.GetBuffer().AsMemory(0, (int)lines.Length), CancellationToken.None);
        await output.FlushAsync(CancellationToken.None);
        cursor.Write(chain, records[^1].Line.Seq);
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}
