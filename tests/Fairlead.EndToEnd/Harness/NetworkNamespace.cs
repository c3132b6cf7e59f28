using System.ComponentModel;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Fairlead.EndToEnd.Harness;

/// <summary>
/// A network of its own, with nothing in it but loopback and the links a test lays. Needs CAP_SYS_ADMIN and iproute2; without them the
/// tests that need it fail and say so. Its name carries the process that made it, so that the next run can remove what a killed one left.
/// </summary>
internal sealed class NetworkNamespace : IAsyncDisposable
{
    /// <summary>The host of the only repository that apt knows in here.</summary>
    public const string AptHost = "apt.tools.test";

    private const string Prefix = "fairlead-e2e-";
    private const int CloneNewNet = 0x40000000;
    private static int s_count;

    private NetworkNamespace(string name) => Name = name;

    public string Name { get; }

    /// <summary>Makes an empty namespace.</summary>
    /// <param name="home">The home directory of root in here. Its programs know no host, no name server and none of the machine's package sources.</param>
    public static async Task<NetworkNamespace> CreateAsync(string home = "/root")
    {
        if (Interlocked.Increment(ref s_count) == 1) await SweepAsync();
        var made = new NetworkNamespace(string.Create(CultureInfo.InvariantCulture, $"{Prefix}{Environment.ProcessId}-{Interlocked.Increment(ref s_count)}"));
        // ip-netns(8): what lies in /etc/netns/NAME covers the files of that name in /etc.
        foreach (var folder in new[] { "apt.conf.d", "preferences.d", "sources.list.d", "trusted.gpg.d" })
            Directory.CreateDirectory(Path.Combine(made.EtcFolder, "apt", folder));
        await File.WriteAllTextAsync(Path.Combine(made.EtcFolder, "resolv.conf"), "# no name server\n");
        await File.WriteAllTextAsync(Path.Combine(made.EtcFolder, "hosts"), "127.0.0.1 localhost\n");
        await File.WriteAllTextAsync(Path.Combine(made.EtcFolder, "apt", "sources.list"), $"deb [trusted=yes] https://{AptHost}/ ./\n");
        // Java asks this file for the user's home, not the variable.
        var users = (await File.ReadAllLinesAsync("/etc/passwd")).Select(line => line.StartsWith("root:", StringComparison.Ordinal) ? $"root:x:0:0:root:{home}:/bin/sh" : line);
        await File.WriteAllLinesAsync(Path.Combine(made.EtcFolder, "passwd"), users);
        var add = await IpAsync("netns", "add", made.Name);
        if (add.ExitCode != 0) Assert.Fail($"this test makes network namespaces, which needs root (CAP_SYS_ADMIN) and iproute2: {add.Stderr.Trim()}");
        (await IpAsync("-n", made.Name, "link", "set", "lo", "up")).Succeeded();
        // A new namespace inherits the machine's setting; a container's host may forward, ours may not.
        (await made.RunAsync("sh", "-c", "echo 0 > /proc/sys/net/ipv4/ip_forward")).Succeeded();
        return made;
    }

    /// <summary>Lays a cable to another namespace: 198.18.LINK.1 is our end and 198.18.LINK.2 the other's (RFC 2544's addresses), and no route goes beyond.</summary>
    public async Task LinkAsync(NetworkNamespace other, int link)
    {
        var device = string.Create(CultureInfo.InvariantCulture, $"link{link}");
        (await IpAsync("-n", Name, "link", "add", device, "type", "veth", "peer", "name", device, "netns", other.Name)).Succeeded();
        foreach (var (end, number) in new[] { (Name, 1), (other.Name, 2) })
        {
            (await IpAsync("-n", end, "address", "add", string.Create(CultureInfo.InvariantCulture, $"198.18.{link}.{number}/30"), "dev", device)).Succeeded();
            (await IpAsync("-n", end, "link", "set", device, "up")).Succeeded();
        }
    }

    /// <summary>Starts a program in here.</summary>
    public RunningProgram Start(string program, IEnumerable<string> arguments, IReadOnlyDictionary<string, string> environment, string folder) =>
        RunningProgram.Start("ip", ["netns", "exec", Name, program, .. arguments], environment, folder);

    public async Task<ToolResult> RunAsync(string program, params string[] arguments)
    {
        await using var running = Start(program, arguments, ToolEnvironment.Clean("/nonexistent"), "/");
        running.Stdin.Close();
        return await running.WaitAsync(Limits.Token());
    }

    /// <summary>Leads an address to programs in here that listen on it. No interface has it, so that it is somebody else's, as a public one is.</summary>
    public async Task AddAddressAsync(string address) =>
        (await IpAsync("-n", Name, address.Contains(':', StringComparison.Ordinal) ? "-6" : "-4", "route", "add", "local", address, "dev", "lo", "table", "local")).Succeeded();

    /// <summary>Makes an address the machine's own.</summary>
    public async Task OwnAddressAsync(string address) => (await IpAsync("-n", Name, "address", "add", $"{address}/32", "dev", "lo")).Succeeded();

    /// <summary>Makes its programs ask a name server.</summary>
    public void UseNameServer(IPAddress address) => File.WriteAllText(Path.Combine(EtcFolder, "resolv.conf"), $"nameserver {address}\n");

    /// <summary>A socket of this process that listens in here.</summary>
    public Socket Listen(IPEndPoint endPoint)
    {
        var socket = Bind(endPoint, SocketType.Stream);
        socket.Listen();
        return socket;
    }

    /// <summary>A socket of this process that is bound in here.</summary>
    public Socket Bind(IPEndPoint endPoint, SocketType type) => Make(() =>
    {
        var socket = new Socket(endPoint.AddressFamily, type, type == SocketType.Stream ? ProtocolType.Tcp : ProtocolType.Udp);
        socket.Bind(endPoint);
        return socket;
    });

    /// <summary>A socket of this process in here, as some code makes it: a socket stays where the thread that made it was.</summary>
    public Socket Make(Func<Socket> make)
    {
        Socket? socket = null;
        Exception? failure = null;
        var thread = new Thread(() =>
        {
            try
            {
                using var place = File.OpenHandle($"/run/netns/{Name}");
                if (SetNs(place, CloneNewNet) != 0) throw new Win32Exception();
                socket = make();
            }
            catch (Exception e) when (e is IOException or Win32Exception or SocketException)
            {
                failure = e;
            }
        });
        // The thread ends in the other namespace, and nothing else ever runs on it.
        thread.Start();
        thread.Join();
        return failure is null ? socket! : throw new IOException($"expected a socket in {Name}: {failure!.Message}", failure);
    }

    /// <summary>Waits until a program in here listens on a port.</summary>
    public async Task WaitForPortAsync(int port, RunningProgram program, CancellationToken cancellationToken)
    {
        // proc(5), net/tcp: the local address ends in the port, and state 0A is LISTEN.
        var listening = string.Create(CultureInfo.InvariantCulture, $":{port:X4} ");
        while (!program.HasExited)
        {
            var lines = (await RunAsync("cat", "/proc/net/tcp", "/proc/net/tcp6")).Stdout.Split('\n');
            if (lines.Any(line => line.Contains(listening, StringComparison.Ordinal) && line.Contains(" 0A ", StringComparison.Ordinal))) return;
            await Task.Delay(Limits.Poll, cancellationToken);
        }

        throw new InvalidOperationException($"expected a program to listen on port {port}, but it ended\nstdout:\n{program.Stdout.Text}\nstderr:\n{program.Stderr.Text}");
    }

    public async ValueTask DisposeAsync() => await RemoveAsync(Name);

    private string EtcFolder => Path.Combine("/etc/netns", Name);

    /// <summary>Removes what runs whose process is gone have left.</summary>
    private static async Task SweepAsync()
    {
        if (!Directory.Exists("/run/netns")) return;
        foreach (var name in Directory.EnumerateFiles("/run/netns", Prefix + "*").Select(Path.GetFileName))
        {
            var owner = name![Prefix.Length..].Split('-')[0];
            if (!Directory.Exists($"/proc/{owner}")) await RemoveAsync(name);
        }
    }

    private static async Task RemoveAsync(string name)
    {
        foreach (var id in (await IpAsync("netns", "pids", name)).Stdout.Split('\n', StringSplitOptions.RemoveEmptyEntries))
            _ = Kill(int.Parse(id, CultureInfo.InvariantCulture), 9);
        await IpAsync("netns", "delete", name);
        var etc = Path.Combine("/etc/netns", name);
        if (Directory.Exists(etc)) Directory.Delete(etc, recursive: true);
    }

    /// <summary>Runs <c>ip</c> on this namespace.</summary>
    public async Task ConfigureAsync(string arguments) => (await IpAsync(["-n", Name, .. arguments.Split(' ')])).Succeeded();

    private static async Task<ToolResult> IpAsync(params string[] arguments)
    {
        await using var ip = RunningProgram.Start("ip", arguments, ToolEnvironment.Clean("/nonexistent"), "/");
        return await ip.WaitAsync(Limits.Token());
    }

    [DllImport("libc", EntryPoint = "setns", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int SetNs(SafeFileHandle place, int kind);

    [DllImport("libc", EntryPoint = "kill")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int Kill(int process, int signal);
}
