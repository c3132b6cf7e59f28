using System.Buffers;
using System.Text.Json;
using Fairlead.Gateway.Policy;

namespace Fairlead.Gateway.Audit;

/// <summary>
/// The audit file: one JSON object a line, appended in the order in which things ended. A hostile value cannot forge a line, since JSON escapes
/// every control and non-ASCII character. When a record cannot be written, <see cref="IsWritable"/> turns false and nothing new is forwarded.
/// </summary>
internal sealed class AuditLog : IDisposable
{
    private const int SchemaVersion = 1;

    private readonly Lock _lock = new();
    private readonly FileStream _file;
    private readonly ArrayBufferWriter<byte> _line = new(1024);
    private readonly Utf8JsonWriter _json;
    private readonly ILogger _logger;
    private bool _isWritable = true;

    private AuditLog(FileStream file, ILogger logger)
    {
        _file = file;
        _logger = logger;
        _json = new Utf8JsonWriter(_line);
    }

    /// <summary>False while the last record could not be written; true again when a record is.</summary>
    public bool IsWritable
    {
        get => Volatile.Read(ref _isWritable);
        private set => Volatile.Write(ref _isWritable, value);
    }

    /// <summary>Opens a file for appending, and makes it (0600) and its directory when they are not there. A torn last line is ended.</summary>
    /// <exception cref="IOException">The file cannot be opened for writing, or another gateway writes to it.</exception>
    public static AuditLog Open(string path, ILogger logger)
    {
        if (Path.GetDirectoryName(path) is { Length: > 0 } directory)
            Directory.CreateDirectory(directory, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        var file = new FileStream(path, new FileStreamOptions
        {
            Mode = FileMode.OpenOrCreate,
            Access = FileAccess.ReadWrite,
            Share = FileShare.Read,
            BufferSize = 0, // a record is one write, and is with the kernel when Write returns
            UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
        });
        try
        {
            // FileShare keeps no second writer out on Unix, and two would write over each other's lines. Readers do not ask for this lock.
            file.Lock(0, 0);
        }
        catch (IOException e)
        {
            file.Dispose();
            throw new IOException($"expected to be the only writer of the audit file {path}; does another gateway use it? {e.Message}", e);
        }

        if (file.Length > 0)
        {
            file.Seek(-1, SeekOrigin.End);
            if (file.ReadByte() != '\n')
            {
                file.WriteByte((byte)'\n');
                logger.AuditLineWasTorn(path);
            }
        }

        return new AuditLog(file, logger);
    }

    public void Write(TunnelRecord record)
    {
        lock (_lock)
        {
            Begin("tunnel", record.Time);
            WriteText("session", record.Session);
            _json.WriteString("tunnel", record.Tunnel);
            WriteText("host", record.Host);
            WriteNumber("port", record.Port);
            _json.WriteNumber("status", record.Status);
            _json.WriteNumber("requests", record.Requests);
            _json.WriteNumber("bytes_in", record.BytesIn);
            _json.WriteNumber("bytes_out", record.BytesOut);
            _json.WriteStartObject("duration_ms");
            WriteDuration("total", record.Total);
            _json.WriteEndObject();
            if (record.Passthrough is { } passthrough) WritePassthrough(passthrough);
            End(record.Outcome, record.Detail);
        }
    }

    public void Write(RequestRecord record)
    {
        lock (_lock)
        {
            Begin("request", record.Time);
            _json.WriteString("session", record.Session);
            _json.WriteString("tunnel", record.Tunnel);
            _json.WriteString("request", record.Request);
            _json.WriteString("protocol", record.Protocol);
            _json.WriteString("method", record.Method);
            _json.WriteString("host", record.Host);
            _json.WriteNumber("port", record.Port);
            _json.WriteString("path", record.Path);
            WriteList("query_names", record.QueryNames);
            _json.WriteString("policy", record.Policy);
            _json.WriteString("policy_hash", record.PolicyHash);
            WriteText("decision", record.Decision is { } d ? NameOf(d) : null);
            WriteText("rule", record.Decision?.Rule);
            WriteList("credentials", record.Credentials);
            WriteNumber("status", record.Status);
            _json.WriteNumber("bytes_in", record.BytesIn);
            _json.WriteNumber("bytes_out", record.BytesOut);
            _json.WriteStartObject("duration_ms");
            WriteDuration("queue", record.Queue);
            WriteDuration("dial", record.Dial);
            WriteDuration("first_byte", record.FirstByte);
            WriteDuration("total", record.Total);
            _json.WriteEndObject();
            End(record.Outcome, record.Detail);
        }
    }

    public void Dispose()
    {
        lock (_lock)
        {
            _file.Flush(flushToDisk: true);
            _file.Dispose();
            _json.Dispose();
        }
    }

    private void WritePassthrough(PassthroughRecord record)
    {
        _json.WriteStartObject("passthrough");
        _json.WriteString("policy", record.Policy);
        _json.WriteString("policy_hash", record.PolicyHash);
        _json.WriteString("decision", NameOf(record.Decision));
        _json.WriteString("rule", record.Decision.Rule);
        _json.WriteEndObject();
    }

    private static string NameOf(Decision decision) => decision.Verdict == Verdict.Allow ? "allow" : decision.IsEnforced ? "deny" : "observe";

    private void Begin(string type, DateTimeOffset time)
    {
        _line.ResetWrittenCount();
        _json.Reset();
        _json.WriteStartObject();
        _json.WriteNumber("version", SchemaVersion);
        _json.WriteString("type", type);
        _json.WriteString("time", time.UtcDateTime);
    }

    private void End(Outcome outcome, string? detail)
    {
        _json.WriteString("outcome", JsonNamingPolicy.SnakeCaseLower.ConvertName(outcome.ToString()));
        if (detail is not null) _json.WriteString("detail", detail);
        _json.WriteEndObject();
        _json.Flush();
        _line.Write("\n"u8);
        Append();
    }

    private void Append()
    {
        var before = _file.Position;
        try
        {
            _file.Write(_line.WrittenSpan);
            IsWritable = true;
        }
        catch (IOException e)
        {
            if (IsWritable) _logger.AuditFailed(_file.Name, e.Message);
            IsWritable = false;
            Undo(before);
        }
    }

    // A full disk may have taken half the line; the next record must not be glued to it.
    private void Undo(long length)
    {
        try
        {
            _file.SetLength(length);
            _file.Position = length;
        }
        catch (IOException e)
        {
            _logger.AuditFailed(_file.Name, e.Message);
        }
    }

    private void WriteText(string name, string? value)
    {
        if (value is null) _json.WriteNull(name);
        else _json.WriteString(name, value);
    }

    private void WriteNumber(string name, int? value)
    {
        if (value is null) _json.WriteNull(name);
        else _json.WriteNumber(name, value.Value);
    }

    private void WriteDuration(string name, TimeSpan? value)
    {
        if (value is null) _json.WriteNull(name);
        else _json.WriteNumber(name, Math.Round(value.Value.TotalMilliseconds, 3));
    }

    private void WriteList(string name, IReadOnlyList<string> values)
    {
        _json.WriteStartArray(name);
        foreach (var value in values) _json.WriteStringValue(value);
        _json.WriteEndArray();
    }
}
