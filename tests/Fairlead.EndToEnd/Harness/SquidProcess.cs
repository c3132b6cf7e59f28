namespace Fairlead.EndToEnd.Harness;

/// <summary>An egress proxy as companies run it: Squid on port 3128, that lets CONNECT through to the gateway's name, or to others that are named, and nowhere else.</summary>
internal sealed class SquidProcess : IAsyncDisposable
{
    public const int Port = 3128;
    public const string User = "container";
    public const string Password = "FAKE p@ss:word%";

    private readonly TempFolder _folder = new();
    private RunningProgram? _program;

    public string AccessLog => _folder.File("access.log");

    /// <param name="place">Where it runs.</param>
    /// <param name="names">Its hosts file: the only names it knows.</param>
    /// <param name="wantsCredentials">Whether it answers 407 to who does not give <see cref="User"/> and <see cref="Password"/>.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <param name="allowed">The names that it lets CONNECT through to, blanks between them.</param>
    public static async Task<SquidProcess> StartAsync(
        NetworkNamespace place, string names, bool wantsCredentials, CancellationToken cancellationToken, string allowed = Topology.GatewayHost)
    {
        var squid = new SquidProcess();
        try
        {
            await squid.StartAsync(place, await squid.ConfigureAsync(names, wantsCredentials, allowed), cancellationToken);
            return squid;
        }
        catch
        {
            await squid.DisposeAsync();
            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (_program is not null) await _program.DisposeAsync();
        _folder.Dispose();
    }

    private async Task StartAsync(NetworkNamespace place, string config, CancellationToken cancellationToken)
    {
        // Squid leaves root for the user proxy, and so does its helper that reads the users.
        File.SetUnixFileMode(_folder.Path, (UnixFileMode)0x1ff);
        // Squids of one machine would meet in /dev/shm; `ip netns exec` gives each a mount table of its own.
        const string Script = "mount -t tmpfs -o size=16m none /dev/shm && exec squid -N -d1 -f \"$1\"";
        _program = place.Start("sh", ["-c", Script, "sh", config], ToolEnvironment.Clean(_folder.Path), _folder.Path);
        await place.WaitForPortAsync(Port, _program, cancellationToken);
    }

    private async Task<string> ConfigureAsync(string names, bool wantsCredentials, string allowed)
    {
        var home = _folder.Path;
        return _folder.Write("squid.conf", $"""
            http_port {Port}
            pid_filename none
            cache deny all
            cache_log {home}/cache.log
            access_log stdio:{home}/access.log
            coredump_dir {home}
            hosts_file {_folder.Write("hosts", names)}
            dns_nameservers 127.0.0.1
            visible_hostname egress.test
            pinger_enable off
            shutdown_lifetime 0 seconds
            acl CONNECT method CONNECT
            acl allowed dstdomain {allowed}
            acl tls port 443
            {(wantsCredentials ? await WriteUsersAsync() : "")}
            http_access allow CONNECT allowed tls
            http_access deny all
            """ + "\n");
    }

    private async Task<string> WriteUsersAsync()
    {
        await using var openssl = RunningProgram.Start("openssl", ["passwd", "-apr1", Password], ToolEnvironment.Clean(_folder.Path), _folder.Path);
        var hash = (await openssl.WaitAsync(Limits.Token())).Succeeded().Stdout.Trim();
        var users = _folder.Write("users", $"{User}:{hash}\n");
        return $"""
            auth_param basic program /usr/lib/squid/basic_ncsa_auth {users}
            auth_param basic children 1 startup=1
            auth_param basic realm egress
            acl known proxy_auth REQUIRED
            http_access deny !known
            """;
    }
}
