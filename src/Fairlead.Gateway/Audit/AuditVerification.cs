using System.Security.Cryptography;
using System.Text;

namespace Fairlead.Gateway.Audit;

/// <summary>Reads an audit from its first line to its last, and finds what was done to it afterwards.</summary>
/// <param name="keys">The public keys that its checkpoints may be signed with.</param>
/// <param name="head">A checkpoint of it that was kept elsewhere, or null: it must be in there.</param>
internal sealed class AuditVerification(IReadOnlyList<AuditKey> keys, byte[]? head)
{
    private readonly HashSet<string> _unanswered = [];
    private IncrementalHash? _unreadable;
    private AuditChain? _chain;
    private AuditChain _before;
    private string _firstFile = "";
    private string _file = "";
    private int _line;
    private int _lastRecord;
    private int _unreadableFrom;
    private bool _hasHead;
    private bool _saysExpired;

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

    /// <summary>How many records of closed files were deleted before those that are here: 0 when they begin with the first of all.</summary>
    public long Expired => _before.Seq;

    /// <summary>True when a record that is signed says that those were deleted as the configuration wants it.</summary>
    public bool IsExpiryTold { get; private set; }

    /// <summary>What the last line says comes behind it.</summary>
    public CheckpointKind Last { get; private set; }

    /// <summary>The number of the last line in its file.</summary>
    public int LastLine => _line;

    /// <summary>True when the last line was torn, as by a crash.</summary>
    public bool IsTorn { get; private set; }

    /// <summary>Reads the next file; older ones come first.</summary>
    /// <returns>The first thing that is wrong, or null.</returns>
    public AuditFinding? Read(string name, Stream file)
    {
        (_file, _line) = (name, 0);
        if (Records == 0) _firstFile = name;
        if (IsTorn) return new AuditFinding(name, 1, "the file before this one ends in a torn line");
        foreach (var (bytes, isEnded) in AuditLine.Read(file))
        {
            _line++;
            if (AuditLine.TryParse(bytes, out var line))
            {
                if (Follow(line, bytes) is { } broken) return broken;
            }
            else if (isEnded || _unreadable is not null)
            {
                // A crash left it, if a 'repaired' says so.
                if (_unreadable is null) (_unreadable, _unreadableFrom) = (IncrementalHash.CreateHash(HashAlgorithmName.SHA256), _line);
                else _unreadable.AppendData("\n"u8);
                _unreadable.AppendData(bytes);
            }
            else
            {
                IsTorn = true;
            }
        }

        return _unreadable is not null ? Unreadable() : null;
    }

    /// <summary>What can be said when all files were read.</summary>
    /// <param name="isPart">True when files before these are somewhere else.</param>
    public AuditFinding? End(bool isPart = false)
    {
        if (Records == 0) return new AuditFinding(_file, Math.Max(_line, 1), "there is no record in it");
        if (_before.Seq > 0 && !IsExpiryTold && !isPart)
            return new AuditFinding(_firstFile, 1, $"expected the first record of all, got number {_before.Seq + 1}, and no signed record says that those before it were deleted by audit.keep: they were removed, or older files have to be named, too");
        if (head is null || _hasHead) return null;
        if (AuditLine.TryParse(head, out var kept) && kept.Seq <= _before.Seq)
            return new AuditFinding(_firstFile, 1, $"expected the checkpoint that is kept of it ({Describe(head)}), got number {_before.Seq + 1} first: what can be compared is one that was kept later");
        return new AuditFinding(_file, _line, $"the file ends before the checkpoint that is kept of it ({Describe(head)}): lines at its end were removed, or it was written anew");
    }

    private AuditFinding? Follow(AuditLine line, byte[] bytes)
    {
        if (_unreadable is not null && !IsRepairedBy(line)) return Unreadable();
        if (WhyNotNext(line) is { } broken) return broken;
        if (_chain is null) _before = new AuditChain(line.Seq - 1, line.Prev);
        var before = _chain ?? _before;
        if (Last != CheckpointKind.Open && line.Type is not ("opened" or "repaired" or "continues")) return At(_line, $"the file was closed at line {_lastRecord}, and no gateway wrote a '{line.Type}' behind that");
        Last = CheckpointKind.Open;
        Unsigned++;
        if (Unsigned > AuditWriter.LinesPerCheckpoint) return At(_line, $"there are more than {AuditWriter.LinesPerCheckpoint} lines without a checkpoint, which the gateway never writes");
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
            return line.Seq > 1 || (line.Seq == 1 && line.Type is "opened" or "repaired") ? null : At(_line, $"expected the first record of an audit, got number {line.Seq}, '{line.Type}'");
        if (line.Seq > chain.Seq + 1) return At(_line, $"expected record {chain.Seq + 1}, got {line.Seq}: {line.Seq - chain.Seq - 1} before it were removed");
        if (line.Seq <= chain.Seq) return At(_line, $"expected record {chain.Seq + 1}, got {line.Seq}: the line was moved or inserted");
        return line.Prev == chain.Head ? null : At(_lastRecord, $"record {chain.Seq} is not what record {line.Seq} was written behind: it was changed, or replaced");
    }

    private AuditFinding? Judge(AuditLine line, byte[] bytes, AuditChain before)
    {
        if (Checkpoint.Read(line) is not { } checkpoint || !IsWrittenAs(checkpoint, bytes, before)) return At(_line, "expected a checkpoint as the gateway writes it: the line was changed");
        if (keys.FirstOrDefault(k => k.Id == checkpoint.Key) is not { } key) return At(_line, $"the checkpoint is signed with the key {checkpoint.Key}, expected {string.Join(" or ", keys.Select(k => k.Id))}");
        if (!checkpoint.IsBy(key, before)) return At(_line, "the signature of the checkpoint does not hold: lines before it, or the line itself, were changed and the chain was computed anew");
        (Unsigned, Last) = (0, checkpoint.Kind);
        // Unsigned, anybody could have written it who can write to the file, and delete the others.
        IsExpiryTold |= _saysExpired;
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

    private void Count(AuditLine line)
    {
        if (line.Type == "gap") Lost += line.Number("records") ?? 0;
        if (line.Type == "expired") _saysExpired |= line.Number("last_seq") == _before.Seq && line.Text("last_sha256") == _before.Head;
        var id = line.Type is "intent" or "request" or "tunnel" ? line.Subject : null;
        if (id is null) return;
        if (line.Type == "intent") _ = _unanswered.Add(id);
        else _ = _unanswered.Remove(id);
    }

    private bool IsRepairedBy(AuditLine line)
    {
        if (line.Type != "repaired") return false;
        if (line.Text("torn_sha256") != Convert.ToHexStringLower(_unreadable!.GetCurrentHash())) return false;
        _unreadable.Dispose();
        _unreadable = null;
        Repairs++;
        return true;
    }

    private AuditFinding Unreadable() => At(_unreadableFrom, "expected a record, got something else: the line was changed, or torn and never repaired");

    private AuditFinding At(int line, string what) => new(_file, line, what);

    private static string Describe(byte[] line) => AuditLine.TryParse(line, out var parsed) ? $"record {parsed.Seq}" : Encoding.UTF8.GetString(line.AsSpan(0, Math.Min(line.Length, 60)));
}
