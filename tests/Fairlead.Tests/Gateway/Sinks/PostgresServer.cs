using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using Npgsql;

namespace Fairlead.Tests.Gateway.Sinks;

/// <summary>A PostgreSQL of the test's own, as an unprivileged user, with a Unix socket and TLS on a port of loopback. Without the package, the test is skipped.</summary>
internal sealed class PostgresServer : IAsyncDisposable
{
    public const string Password = "fake-password-of-a-test";
    private const string Nobody = "65534";

    private readonly string _data;

    private PostgresServer(string root, int port) => (Root, _data, Port) = (root, Path.Combine(root, "data"), port);

    /// <summary>Where its socket is.</summary>
    public string Root { get; }

    public int Port { get; }

    public static async Task<PostgresServer> StartAsync(string folder, X509Certificate2 certificate)
    {
        if (Binary("initdb") is null) Assert.Skip("PostgreSQL is not installed: tests/setup.sh installs it");
        var root = Directory.CreateDirectory(Path.Combine(folder, "pg")).FullName;
        File.SetUnixFileMode(folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute | UnixFileMode.GroupExecute | UnixFileMode.OtherExecute);
        var server = new PostgresServer(root, FreePort());
        File.WriteAllText(Path.Combine(root, "password"), Password);
        File.WriteAllText(Path.Combine(root, "server.pem"), certificate.ExportCertificatePem());
        File.WriteAllText(Path.Combine(root, "server.key"), certificate.GetECDsaPrivateKey()!.ExportPkcs8PrivateKeyPem());
        File.SetUnixFileMode(Path.Combine(root, "server.key"), UnixFileMode.UserRead | UnixFileMode.UserWrite);
        if (Environment.IsPrivilegedProcess) await RunAsync("chown", "-R", Nobody, root);
        await AsUserAsync(Binary("initdb")!, "-D", server._data, "-U", "fairlead", "--pwfile", Path.Combine(root, "password"), "-A", "scram-sha-256", "-N");
        await server.StartAgainAsync();
        return server;
    }

    public Task StartAgainAsync() => AsUserAsync(
        Binary("pg_ctl")!, "-D", _data, "-w", "-t", "60", "-l", Path.Combine(Root, "log"),
        "-o", string.Create(CultureInfo.InvariantCulture, $"-k {Root} -p {Port} -c listen_addresses=127.0.0.1 -c ssl=on -c ssl_cert_file={Root}/server.pem -c ssl_key_file={Root}/server.key -c fsync=off"), "start");

    /// <summary>As after a crash: at once.</summary>
    public Task StopAsync() => AsUserAsync(Binary("pg_ctl")!, "-D", _data, "-m", "immediate", "stop");

    /// <summary>Rows of a query, each value as text.</summary>
    public async Task<IReadOnlyList<string>> QueryAsync(string sql)
    {
        var text = new NpgsqlConnectionStringBuilder { Host = Root, Port = Port, Username = "fairlead", Password = Password, Database = "postgres", SslMode = SslMode.Disable, Pooling = false };
        await using var connection = new NpgsqlConnection(text.ConnectionString);
        await connection.OpenAsync(Limits.Token);
        await using var command = new NpgsqlCommand(sql, connection);
        await using var reader = await command.ExecuteReaderAsync(Limits.Token);
        var rows = new List<string>();
        while (await reader.ReadAsync(Limits.Token)) rows.Add(string.Join('|', Enumerable.Range(0, reader.FieldCount).Select(i => Convert.ToString(reader.GetValue(i), CultureInfo.InvariantCulture))));
        return rows;
    }

    public async ValueTask DisposeAsync()
    {
        if (File.Exists(Path.Combine(_data, "postmaster.pid"))) await StopAsync();
    }

    // Debian has one directory for each version, and none of it on the PATH.
    private static string? Binary(string name) =>
        Directory.Exists("/usr/lib/postgresql") ? Directory.GetDirectories("/usr/lib/postgresql").Select(version => Path.Combine(version, "bin", name)).Where(File.Exists).Order(StringComparer.Ordinal).LastOrDefault() : null;

    private static int FreePort()
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        return ((IPEndPoint)socket.LocalEndPoint!).Port;
    }

    private static Task AsUserAsync(params string[] command) =>
        Environment.IsPrivilegedProcess ? RunAsync(["setpriv", "--reuid", Nobody, "--regid", Nobody, "--clear-groups", .. command]) : RunAsync(command);

    private static async Task RunAsync(params string[] command)
    {
        // What it leaves running would hold a pipe open for ever.
        var output = Path.GetTempFileName();
        try
        {
            using var process = Process.Start(new ProcessStartInfo("/bin/sh", ["-c", "exec \"$@\" >\"$0\" 2>&1 </dev/null", output, .. command]) { WorkingDirectory = "/" })!;
            await process.WaitForExitAsync(Limits.Token);
            Assert.True(process.ExitCode == 0, $"{string.Join(' ', command)}\n{await File.ReadAllTextAsync(output, Limits.Token)}");
        }
        finally
        {
            File.Delete(output);
        }
    }
}
