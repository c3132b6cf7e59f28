using Fairlead.Gateway.Audit;
using Npgsql;
using NpgsqlTypes;

namespace Fairlead.Gateway.Sinks;

/// <summary>
/// A table of PostgreSQL. A batch is one COPY in one transaction, and the table itself says how far it has got: with the key (chain, seq), each record is there once,
/// whoever was killed, and wherever.
/// </summary>
internal sealed class PostgreSqlSink(SinkOptions.PostgreSql options) : IAuditSink
{
    private const int LimitSeconds = 30;

    private static readonly (string Column, string Type)[] Columns =
    [
        ("chain", "text NOT NULL"), ("seq", "bigint NOT NULL"), ("time", "timestamptz NOT NULL"), ("type", "text NOT NULL"), ("session", "text"), ("tunnel", "text"), ("request", "text"),
        ("method", "text"), ("host", "text"), ("port", "integer"), ("path", "text"), ("decision", "text"), ("rule", "text"), ("outcome", "text"), ("status", "integer"), ("record", "json NOT NULL"),
    ];

    private static readonly string[] Texts = ["session", "tunnel", "request", "method", "host", "path", "decision", "rule", "outcome"];

    private NpgsqlConnection? _connection;

    /// <summary>The statement that makes the table.</summary>
    public static string Definition(string table) =>
        $"CREATE TABLE IF NOT EXISTS {Quoted(table)} (\n{string.Concat(Columns.Select(c => $"  {c.Column} {c.Type},\n"))}  PRIMARY KEY (chain, seq)\n)";

    public async Task<long> FindLastAsync(string chain, CancellationToken cancellationToken)
    {
        await CloseAsync();
        _connection = new NpgsqlConnection(ConnectionString());
        await _connection.OpenAsync(cancellationToken);
        if (options.CreatesTable)
        {
            await using var create = new NpgsqlCommand(Definition(options.Table), _connection);
            await create.ExecuteNonQueryAsync(cancellationToken);
        }

        await using var command = new NpgsqlCommand($"SELECT max(seq) FROM {Quoted(options.Table)} WHERE chain = $1", _connection);
        command.Parameters.Add(new NpgsqlParameter { Value = chain });
        return await command.ExecuteScalarAsync(cancellationToken) is long last ? last : 0;
    }

    public async Task DeliverAsync(string chain, IReadOnlyList<(AuditLine Line, byte[] Bytes)> records, CancellationToken cancellationToken)
    {
        await using var transaction = await _connection!.BeginTransactionAsync(cancellationToken);
        await using (var copy = await _connection.BeginBinaryImportAsync($"COPY {Quoted(options.Table)} ({string.Join(", ", Columns.Select(c => c.Column))}) FROM STDIN (FORMAT BINARY)", cancellationToken))
        {
            copy.Timeout = TimeSpan.FromSeconds(LimitSeconds);
            foreach (var (line, bytes) in records) await WriteAsync(copy, chain, line, bytes, cancellationToken);
            await copy.CompleteAsync(cancellationToken);
        }

        await transaction.CommitAsync(cancellationToken);
    }

    public async ValueTask DisposeAsync() => await CloseAsync();

    private static async Task WriteAsync(NpgsqlBinaryImporter copy, string chain, AuditLine line, byte[] bytes, CancellationToken cancellationToken)
    {
        await copy.StartRowAsync(cancellationToken);
        await copy.WriteAsync(chain, NpgsqlDbType.Text, cancellationToken);
        await copy.WriteAsync(line.Seq, NpgsqlDbType.Bigint, cancellationToken);
        await copy.WriteAsync((line.Time ?? DateTimeOffset.UnixEpoch).UtcDateTime, NpgsqlDbType.TimestampTz, cancellationToken);
        await copy.WriteAsync(line.Type, NpgsqlDbType.Text, cancellationToken);
        foreach (var (column, type) in Columns.Skip(4))
        {
            if (column == "record") await copy.WriteAsync(System.Text.Encoding.ASCII.GetString(bytes), NpgsqlDbType.Json, cancellationToken);
            // PostgreSQL has no U+0000 in texts; the record has it, escaped.
            else if (Texts.Contains(column) && line.Text(column) is { } text) await copy.WriteAsync(text.Replace('\0', '\ufffd'), NpgsqlDbType.Text, cancellationToken);
            else if (type == "integer" && line.Number(column) is { } number) await copy.WriteAsync((int)number, NpgsqlDbType.Integer, cancellationToken);
            else await copy.WriteNullAsync(cancellationToken);
        }
    }

    private string ConnectionString()
    {
        var isLocal = options.Host.StartsWith('/');
        var text = new NpgsqlConnectionStringBuilder
        {
            Host = options.Host,
            Port = options.Port,
            Database = options.Database,
            Username = options.User,
            Password = options.Password.Values.Values.FirstOrDefault()?.Reveal(),
            // There is no way to switch the check off.
            SslMode = isLocal ? SslMode.Disable : SslMode.VerifyFull,
            RootCertificate = isLocal ? null : options.CaFile,
            Timeout = LimitSeconds,
            CommandTimeout = LimitSeconds,
            Pooling = false,
            PersistSecurityInfo = false,
            ApplicationName = "fairlead-gateway",
        };
        return text.ConnectionString;
    }

    private static string Quoted(string table) => string.Join('.', table.Split('.').Select(part => $"\"{part}\""));

    private async Task CloseAsync()
    {
        if (_connection is null) return;
        await _connection.DisposeAsync();
        _connection = null;
    }
}
