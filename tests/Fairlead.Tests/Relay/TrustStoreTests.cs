using Fairlead.Relay.Trust;

namespace Fairlead.Tests.Relay;

/// <summary>Stores of others that hold the CA while a relay runs.</summary>
public sealed class TrustStoreTests : IDisposable
{
    private readonly TempDirectory _files = new();
    private readonly List<string> _warnings = [];
    private readonly string _pem = Certificates.Ca().ExportCertificatePem() + "\n";

    public void Dispose() => _files.Dispose();

    [Fact]
    public async Task The_system_s_store_holds_each_certificate_in_a_file_of_its_own_while_the_relay_runs()
    {
        var (store, log) = Store("echo called >>");
        File.WriteAllText(Path.Combine(store.Directory, $"fairlead-relay-{int.MaxValue}-1.crt"), "of a relay that died");
        var operators = Path.Combine(store.Directory, "fairlead-2024-root.crt");
        File.WriteAllText(operators, "an operator's own");
        File.WriteAllText(Path.Combine(store.Directory, "users.crt"), "kept");

        var trust = await InstallAsync(store, _pem + _pem);

        Assert.Equal([_pem, _pem], Directory.GetFiles(store.Directory, "fairlead-relay-*").Select(File.ReadAllText));
        Assert.Equal("called\n", File.ReadAllText(log));
        await trust!.DisposeAsync();
        Assert.Equal(["fairlead-2024-root.crt", "users.crt"], Directory.GetFiles(store.Directory).Select(Path.GetFileName).Order(StringComparer.Ordinal));
        Assert.Equal("called\ncalled\n", File.ReadAllText(log));
        Assert.Empty(_warnings);
    }

    [Fact]
    public async Task A_store_s_command_that_fails_is_told()
    {
        var (store, _) = Store("echo no room >&2; exit 3 #");

        await using var trust = await InstallAsync(store, _pem);

        Assert.Contains("ended with 3: no room", Assert.Single(_warnings), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Without_a_store_there_is_one_line()
    {
        Assert.Null(await InstallAsync(new SystemStore(_files.PathOf("missing"), "missing"), _pem));

        Assert.Contains("no known store", Assert.Single(_warnings), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Without_certutil_there_is_one_line_and_no_database()
    {
        Assert.Null(await BrowserTrust.InstallAsync(_files.PathOf("home"), _pem, _files.PathOf(""), "/nowhere", _warnings.Add, Limits.Token));

        Assert.Contains("libnss3-tools", Assert.Single(_warnings), StringComparison.Ordinal);
        Assert.False(Directory.Exists(_files.PathOf("home")));
    }

    private Task<SystemTrust?> InstallAsync(SystemStore store, string pem) => SystemTrust.InstallAsync([store], pem, _files.PathOf("bin"), _warnings.Add, Limits.Token);

    private (SystemStore Store, string Log) Store(string script)
    {
        Directory.CreateDirectory(_files.PathOf("bin"));
        var command = _files.Write("bin/update-store", $"#!/bin/sh\n{script} {_files.PathOf("log")}\n");
        File.SetUnixFileMode(command, File.GetUnixFileMode(command) | UnixFileMode.UserExecute);
        return (new SystemStore(Directory.CreateDirectory(_files.PathOf("anchors")).FullName, "update-store"), _files.PathOf("log"));
    }
}
