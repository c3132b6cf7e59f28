using System.Text;
using System.Text.Json;

namespace Fairlead.Gateway.Audit;

/// <summary>Reads an audit from its first line to its last, and finds what was done to it afterwards.</summary>
/// <param name="keys">The public keys that its checkpoints may be signed with.</param>
/// <param name="head">A checkpoint of it that was kept elsewhere, or null: it must be in there.</param>
internal sealed class AuditVerification(IReadOnlyList<AuditKey> keys, byte[]? head)
{
    private readonly Dictionary<string, int> _unanswered = [];
    private readonly List<byte[]> _unreadable = [];
    private AuditChain? _chain;
    private string _file = "";
    private int _line;
    private int _lastRecord;
    private int _unreadableFrom;
    private bool _hasHead;

    /// <summary>How many records it has.</summary>
    public int Records { get; private set; }

    /// <summary>How many of them are checkpoints.</summary>
    public int Checkpoints { get; private set; }

    /// <summary>How many records are behind the last checkpoint, so that only the chain holds them.</summary>
    public int Unsigned { get; private set; }

    /// <summary>How many crashes were repaired.</summary>
    public int Repairs { get; private set; }

    /// <summary>How many records could not be written in their time.</summary>
    public long Lost { get; private set; }

    /// <summary>How many intents have no outcome: the gateway was killed, or is at it.</summary>
    public int Unanswered => _unanswered.Count;

    /// <summary>True when the last line is the closing checkpoint of a gateway that was stopped in order.</summary>
    public bool IsClosed { get; private set; }

    /// <summary>True when the last line was torn, as by a crash.</summary>
    public bool IsTorn { get; private set; }

    /// <summary>Reads the next file; older ones come first.</summary>
    /// <returns>The first thing that is wrong, or null.</returns>
    public AuditFinding? Read(string name, Stream file)
    {
        (_file, _line) = (name, 0);
        if (IsTorn) return new AuditFinding(name, 1, "the file before this one ends in a torn line");
        foreach (var (bytes, isEnded) in AuditLine.Read(file))
        {
            _line++;
            if (AuditLine.TryParse(bytes, out var line))
            {
                if (Follow(line, bytes) is { } broken) return broken;
            }
            else if (isEnded || _unreadable.Count > 0)
            {
                // A crash left it, if a 'repaired' says so.
                if (_unreadable.Count == 0) _unreadableFrom = _line;
                _unreadable.Add(bytes);
            }
            else
            {
                IsTorn = true;
            }
        }

        return _unreadable.Count > 0 ? Unreadable() : null;
    }

    /// <summary>What can be said when all files were read.</summary>
    public AuditFinding? End()
    {
        if (Records == 0) return new AuditFinding(_file, Math.Max(_line, 1), "there is no record in it");
        return head is null || _hasHead ? null : new AuditFinding(_file, _line, $"the file ends before the checkpoint that is kept of it ({Describe(head)}): lines at its end were removed, or it was written anew");
    }

    private AuditFinding? Follow(AuditLine line, byte[] bytes)
    {
        if (_unreadable.Count > 0 && !IsRepairedBy(line)) return Unreadable();
        if (WhyNotNext(line) is { } broken) return broken;
        var before = _chain ?? new AuditChain(0, line.Prev);
        if (IsClosed && line.Type is not ("opened" or "repaired")) return At(_line, $"the gateway was stopped at line {_lastRecord}, and did not write a '{line.Type}' behind that");
        IsClosed = false;
        Unsigned++;
        if (Unsigned > AuditLog.LinesPerCheckpoint) return At(_line, $"there are more than {AuditLog.LinesPerCheckpoint} lines without a checkpoint, which the gateway never writes");
        if (line.Type == "checkpoint" && Judge(line, bytes, before) is { } unsigned) return unsigned;
        Count(line);
        _hasHead |= head is not null && bytes.AsSpan().SequenceEqual(head);
        _chain = new AuditChain(line.Seq, AuditChain.HashOf(bytes));
        _lastRecord = _line;
        Records++;
        return null;
    }

    private AuditFinding? WhyNotNext(AuditLine line)
    {
        if (_chain is not { } chain)
            return line.Seq == 1 && line.Type is "opened" or "repaired" ? null : At(_line, $"expected the first record of all, got number {line.Seq}: lines before it were removed, or older files have to be named before this one");
        if (line.Seq > chain.Seq + 1) return At(_line, $"expected record {chain.Seq + 1}, got {line.Seq}: {line.Seq - chain.Seq - 1} before it were removed");
        if (line.Seq <= chain.Seq) return At(_line, $"expected record {chain.Seq + 1}, got {line.Seq}: the line was moved or inserted");
        return line.Prev == chain.Head ? null : At(_lastRecord, $"record {chain.Seq} is not what record {line.Seq} was written behind: it was changed, or replaced");
    }

    private AuditFinding? Judge(AuditLine line, byte[] bytes, AuditChain before)
    {
        if (Read(line.Record) is not { } checkpoint || !IsWrittenAs(checkpoint, bytes, before)) return At(_line, "expected a checkpoint as the gateway writes it: the line was changed");
        if (keys.FirstOrDefault(k => k.Id == checkpoint.Key) is not { } key) return At(_line, $"the checkpoint is signed with the key {checkpoint.Key}, expected {string.Join(" or ", keys.Select(k => k.Id))}");
        if (!checkpoint.IsBy(key, before)) return At(_line, "the signature of the checkpoint does not hold: lines before it, or the line itself, were changed and the chain was computed anew");
        (Unsigned, IsClosed) = (0, checkpoint.IsClosing);
        Checkpoints++;
        return null;
    }

    // The last checkpoint of a file has no line behind it that would hold its hash.
    private static bool IsWrittenAs(Checkpoint checkpoint, byte[] bytes, AuditChain before)
    {
        var written = new System.Buffers.ArrayBufferWriter<byte>();
        _ = before.Seal(AuditText.Of(checkpoint), written);
        return written.WrittenSpan[..^1].SequenceEqual(bytes);
    }

    private static Checkpoint? Read(JsonElement record)
    {
        try
        {
            return new Checkpoint(
                record.GetProperty("time").GetDateTimeOffset(), record.GetProperty("key").GetString() ?? "", record.GetProperty("closed").GetBoolean(), record.GetProperty("signature").GetBytesFromBase64());
        }
        catch (Exception e) when (e is KeyNotFoundException or InvalidOperationException or FormatException)
        {
            return null;
        }
    }

    private void Count(AuditLine line)
    {
        if (line.Type == "gap" && line.Record.TryGetProperty("records", out var records) && records.TryGetInt64(out var lost)) Lost += lost;
        var id = line.Type is "intent" or "request" or "tunnel" ? IntentOf(line.Record) : null;
        if (id is null) return;
        if (line.Type == "intent") _unanswered[id] = _line;
        else _ = _unanswered.Remove(id);
    }

    /// <returns>The id of a request, or of a tunnel that is passed through.</returns>
    public static string? IntentOf(JsonElement record) =>
        (record.TryGetProperty("request", out var request) && request.ValueKind == JsonValueKind.String ? request : record.TryGetProperty("tunnel", out var tunnel) ? tunnel : default) is { ValueKind: JsonValueKind.String } id ? id.GetString() : null;

    private bool IsRepairedBy(AuditLine line)
    {
        if (line.Type != "repaired") return false;
        byte[] torn = [.. _unreadable.SelectMany((bytes, i) => i == 0 ? bytes : [(byte)'\n', .. bytes])];
        if (!line.Record.TryGetProperty("torn_sha256", out var hash) || hash.ValueKind != JsonValueKind.String || hash.GetString() != AuditChain.HashOf(torn)) return false;
        _unreadable.Clear();
        Repairs++;
        return true;
    }

    private AuditFinding Unreadable() => At(_unreadableFrom, "expected a record, got something else: the line was changed, or torn and never repaired");

    private AuditFinding At(int line, string what) => new(_file, line, what);

    private static string Describe(byte[] line) => AuditLine.TryParse(line, out var parsed) ? $"record {parsed.Seq}" : Encoding.UTF8.GetString(line.AsSpan(0, Math.Min(line.Length, 60)));
}
