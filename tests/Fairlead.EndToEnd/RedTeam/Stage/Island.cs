using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Fairlead.EndToEnd.Harness;

namespace Fairlead.EndToEnd.RedTeam.Stage;

/// <summary>
/// A gateway in a network of its own, on a cable to a world in which every address answers. Whatever the gateway dials, on this side or on that, arrives at a
/// listener that keeps the address it was dialled by; and whatever name it asks for, one server of names answers as a file of the case says.
/// <code>
/// [ relay, gateway; listeners on every local address ] ──198.18.77.x, fd00:77::x── [ listeners on every address there is; the server of names ]
/// </code>
/// </summary>
internal sealed class Island : IAsyncDisposable
{
    private readonly List<Socket> _listeners = [];
    private readonly ConcurrentQueue<string> _dials = new();
    private NetworkNamespace _home = null!;
    private NetworkNamespace _world = null!;

    private Island() { }

    public TempFolder Folder { get; } = new();

    public GatewayProcess Gateway { get; private set; } = null!;

    public RunningProgram Relay { get; private set; } = null!;

    public string RelayBundle { get; private set; } = "";

    /// <summary>The addresses that were dialled, in order: <c>8.8.8.8:443</c>.</summary>
    public IReadOnlyList<string> Dials => [.. _dials];

    public const int GatewayPort = 8080;
    public const int RelayPort = 8081;

    /// <param name="ports">The ports that have a listener, on both sides.</param>
    /// <param name="names">What DNS says: addresses of a name, with blanks between them. A second answer stands behind " then ".</param>
    public static async Task<Island> StartAsync(IEnumerable<int> ports, IReadOnlyDictionary<string, string> names)
    {
        var island = new Island();
        try
        {
            await island.LayAsync(ports, names);
            await island.StartProgramsAsync();
            return island;
        }
        catch
        {
            await island.DisposeAsync();
            throw;
        }
    }

    /// <summary>A connection of an attacker on the gateway's machine.</summary>
    public async Task<NetworkStream> ConnectAsync(int port)
    {
        var socket = _home.Make(() => new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true });
        await socket.ConnectAsync(new IPEndPoint(IPAddress.Loopback, port), Limits.Token());
        return new NetworkStream(socket, ownsSocket: true);
    }

    /// <summary>A dial from the gateway's place, as an escape would be: for the proof that the listeners see one.</summary>
    public async Task<bool> ReachesAsync(IPEndPoint target)
    {
        using var socket = _home.Make(() => new Socket(target.AddressFamily, SocketType.Stream, ProtocolType.Tcp));
        await socket.ConnectAsync(target, Limits.Token());
        var seen = Shown(target);
        while (!_dials.Contains(seen)) await Task.Delay(Limits.Poll, Limits.Token());
        return true;
    }

    public async ValueTask DisposeAsync()
    {
        if (Gateway is not null)
        {
            TestContext.Current.TestOutputHelper?.WriteLine($"gateway: {Gateway.Program.Stderr.Text}\nrelay: {Relay?.Stderr.Text}");
            await Gateway.DisposeAsync();
        }

        if (Relay is not null) await Relay.DisposeAsync();
        foreach (var listener in _listeners) listener.Dispose();
        if (_home is not null) await _home.DisposeAsync();
        if (_world is not null) await _world.DisposeAsync();
        Folder.Dispose();
    }

    private async Task LayAsync(IEnumerable<int> ports, IReadOnlyDictionary<string, string> names)
    {
        _home = await NetworkNamespace.CreateAsync();
        _world = await NetworkNamespace.CreateAsync();
        await _home.LinkAsync(_world, 77);
        await _home.ConfigureAsync("-6 address add fd00:77::1/64 dev link77 nodad");
        await _world.ConfigureAsync("-6 address add fd00:77::2/64 dev link77 nodad");
        // A gateway may have a public address.
        await _home.ConfigureAsync("address add 9.9.9.9/32 dev lo");
        await _home.ConfigureAsync("route add default via 198.18.77.2");
        await _home.ConfigureAsync("-6 route add default via fd00:77::2");
        // Every address is the world's own, but for the way back.
        await _world.ConfigureAsync("route add local 0.0.0.0/0 dev lo table local");
        await _world.ConfigureAsync("route add 198.18.77.0/30 dev link77 table local");
        await _world.ConfigureAsync("-6 route add local 2000::/3 dev lo table local");
        await _world.ConfigureAsync("-6 route add local 64:ff9b::/96 dev lo table local");
        await File.WriteAllTextAsync(Path.Combine("/etc/netns", _home.Name, "resolv.conf"), "nameserver 198.18.77.2\noptions timeout:2 attempts:2\n");
        foreach (var place in new[] { _home, _world })
        {
            foreach (var port in ports.Where(p => place == _world || p is not (GatewayPort or RelayPort)).Distinct()) Accept(place.Make(() => ListenAnywhere(port)));
        }

        var udp = _world.Make(() =>
        {
            var socket = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
            socket.Bind(new IPEndPoint(IPAddress.Any, 53));
            return socket;
        });
        _listeners.Add(udp);
        NameServer.Serve(udp, names);
    }

    private static Socket ListenAnywhere(int port)
    {
        var socket = new Socket(AddressFamily.InterNetworkV6, SocketType.Stream, ProtocolType.Tcp) { DualMode = true };
        socket.Bind(new IPEndPoint(IPAddress.IPv6Any, port));
        socket.Listen();
        return socket;
    }

    private void Accept(Socket listener)
    {
        _listeners.Add(listener);
        _ = Task.Run(async () =>
        {
            try
            {
                while (true)
                {
                    using var dialled = await listener.AcceptAsync();
                    _dials.Enqueue(Shown((IPEndPoint)dialled.LocalEndPoint!));
                }
            }
            catch (Exception e) when (e is SocketException or ObjectDisposedException)
            {
                // The island is gone.
            }
        });
    }

    private static string Shown(IPEndPoint point) =>
        new IPEndPoint(point.Address.IsIPv4MappedToIPv6 ? point.Address.MapToIPv4() : point.Address, point.Port).ToString();

    private async Task StartProgramsAsync()
    {
        Folder.Folder("state");
        var config = Folder.Write("fairlead.yaml", string.Create(CultureInfo.InvariantCulture, $$"""
            version: 1
            listen: http://127.0.0.1:{{GatewayPort}}
            ca: { directory: ./state/ca }
            policies: { default: { default: allow, rules: [] } }
            sessions: [{ id: demo, token: { from: env, name: FAIRLEAD_TOKEN }, policy: default }]
            audit: { file: ./state/audit.jsonl }
            # Each time a name is asked for, its server is, and may say something else.
            upstream: { dns_ttl: none }

            """));
        Gateway = await GatewayProcess.StartAsync(config, Folder, "", Limits.Token(), _home);
        var settings = RelayProcess.Environment(Gateway.Address, "demo", Folder, null);
        Relay = _home.Start(Repository.Relay, ["relay", "--port", RelayPort.ToString(CultureInfo.InvariantCulture)], settings, Folder.Path);
        await _home.WaitForPortAsync(RelayPort, Relay, Limits.Token());
        RelayBundle = settings["FAIRLEAD_CA_BUNDLE"];
    }
}
