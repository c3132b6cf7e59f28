using System.Globalization;
using Fairlead.Gateway.Audit;
using Fairlead.Gateway.Credentials;
using Fairlead.Gateway.Policy;
using Fairlead.Gateway.Sinks;
using Fairlead.Tests.Gateway.Audit;
using Microsoft.Extensions.Logging.Abstractions;

namespace Fairlead.Tests.Gateway.Sinks;

/// <summary>The table of a real server.</summary>
public sealed class PostgreSqlSinkTests : IDisposable
{
    private readonly TempFolder _folder = new();
    private readonly OriginCa _ca = new();

    private string Active => _folder["audit.jsonl"];

    public void Dispose()
    {
        _folder.Dispose();
        _ca.Dispose();
    }

    [Fact]
    public async Task Each_record_is_there_once_and_whole_also_when_the_server_crashes_and_the_gateway_starts_again()
    {
        using var certificate = _ca.Issue("127.0.0.1");
        await using var server = await PostgresServer.StartAsync(_folder.Root, certificate);
        for (var run = 0; run < 3; run++)
        {
            await using var sinks = new SinkSet([OptionsOf(server, run == 0 ? server.Root : "127.0.0.1")], TimeProvider.System);
            var progress = Assert.Single(sinks.Progress);
            using var audit = AuditLog.Open(new(Active) { Rotation = new() { Size = 32 * 1024 } }, TimeProvider.System, NullLogger.Instance, sinks.Progress);
            sinks.Start(Active, audit.ChainId, NullLogger.Instance);
            await WriteAsync(audit, 100);
            await UntilAsync(() => progress.Lag == 0);
            if (run != 1) continue;
            await server.StopAsync();
            await WriteAsync(audit, 100);
            await UntilAsync(() => progress.Problem is not null && progress.Lag >= 100);
            await server.StartAgainAsync();
            await UntilAsync(() => progress.Lag == 0);
        }

        // The last gateway's closing line came behind its sinks' end in this test: what it was told to wait for, is there.
        var lines = AuditFiles.Expand([Active]).SelectMany(File.ReadAllLines).ToArray();
        var rows = await server.QueryAsync("SELECT record::text FROM audit_copy ORDER BY seq");
        Assert.Equal(lines.Take(rows.Count), rows);
        Assert.True(rows.Count >= 400, $"{rows.Count} rows");
        Assert.Equal(["400|100|GET"], await server.QueryAsync("SELECT count(*), count(DISTINCT path), min(method) FROM audit_copy WHERE type = 'intent' AND record ->> 'host' = 'a.test' AND time > now() - interval '1 day'"));
    }

    [Fact]
    public async Task A_server_that_is_not_the_one_gets_no_password_and_no_record()
    {
        using var other = new OriginCa("CN=Another CA");
        using var certificate = other.Issue("127.0.0.1");
        await using var server = await PostgresServer.StartAsync(_folder.Root, certificate);
        await using var sink = new PostgreSqlSink(OptionsOf(server, "127.0.0.1"));

        var refused = await Assert.ThrowsAnyAsync<Exception>(() => sink.FindLastAsync(new string('0', 32), Limits.Token));

        Assert.Contains("certificate", refused.ToString(), StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain(PostgresServer.Password, refused.ToString(), StringComparison.Ordinal);
        Assert.Equal(["0"], await server.QueryAsync("SELECT count(*) FROM pg_tables WHERE tablename = 'audit_copy'"));
    }

    [Fact]
    public void The_table_is_the_one_of_the_documentation() =>
        Assert.Contains(PostgreSqlSink.Definition("fairlead_audit").Replace("\"", "", StringComparison.Ordinal).Replace("IF NOT EXISTS ", "", StringComparison.Ordinal), File.ReadAllText(Fairlead.Tests.Repository.RepositoryFiles.PathOf("docs", "audit.md")), StringComparison.Ordinal);

    private SinkOptions.PostgreSql OptionsOf(PostgresServer server, string host)
    {
        Assert.True(Secret.TryCreate("password", PostgresServer.Password, out var password, out _, out _));
        return new SinkOptions.PostgreSql("warehouse", null, host, server.Port, "postgres", "fairlead", _folder.Write("db-ca.pem", _ca.Root.ExportCertificatePem()), "public.audit_copy", CreatesTable: true)
        { Password = new(new Dictionary<string, Secret> { ["password"] = password }) };
    }

    private static async Task WriteAsync(AuditLog audit, int requests)
    {
        await Task.WhenAll(Enumerable.Range(0, requests).Select(async i => Assert.True(await audit.IntendAsync(
            AuditLogTests.RequestOf(string.Create(CultureInfo.InvariantCulture, $"/{i}")) with { Request = Guid.CreateVersion7().ToString("N"), Credentials = ["c"], Decision = new(Verdict.Allow, true, "allow", "r") }, Limits.Token))));
    }

    private static async Task UntilAsync(Func<bool> isTrue)
    {
        for (var deadline = Limits.Token; !isTrue(); deadline.ThrowIfCancellationRequested()) await Task.Delay(Limits.Poll, deadline);
    }
}
