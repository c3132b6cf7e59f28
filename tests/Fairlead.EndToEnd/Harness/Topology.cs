using System.Globalization;
using System.Net;
using Fairlead.EndToEnd.Origins;

namespace Fairlead.EndToEnd.Harness;

/// <summary>
/// What users have, each hop in a network of its own:
/// <code>
/// container ─198.18.1.x─ egress proxy (Squid) ─198.18.2.x─ ingress (nginx), gateway ─198.18.3.x─ origins
/// </code>
/// The container knows no name and has no route: it reaches the egress proxy's address, and nothing else.
/// </summary>
internal sealed class Topology : IAsyncDisposable
{
    public const string GatewayHost = "edge.test";
    public const string Prefix = "/team-a/fairlead";
    private const string OriginAddress = "198.18.3.2";
    private readonly TopologyOptions _options;
    private readonly List<IAsyncDisposable> _owned = [];

    private Topology(TopologyOptions options) => _options = options;

    public TempFolder Folder { get; } = new();

    /// <summary>Where every program of the container finds root's home.</summary>
    private string Home => Folder.Folder("root");

    public NetworkNamespace Container { get; private set; } = null!;

    public NetworkNamespace Egress { get; private set; } = null!;

    public NetworkNamespace Edge { get; private set; } = null!;

    public Origin Origin { get; private set; } = null!;

    public SquidProcess Squid { get; private set; } = null!;

    public GatewayProcess Gateway { get; private set; } = null!;

    public AuditLog Audit => new(Folder.File("state/audit.jsonl"));

    public string IngressRoot { get; private set; } = null!;

    /// <summary>What the container's environment says about the way out.</summary>
    public string EgressUrl => _options.EgressWantsCredentials
        ? $"http://{SquidProcess.User}:{Uri.EscapeDataString(SquidProcess.Password)}@198.18.1.2:{SquidProcess.Port}"
        : $"http://198.18.1.2:{SquidProcess.Port}";

    public static async Task<Topology> StartAsync(TopologyOptions? options = null)
    {
        var topology = new Topology(options ?? new TopologyOptions());
        try
        {
            await topology.StartProgramsAsync(Limits.Token());
            return topology;
        }
        catch
        {
            await topology.DisposeAsync();
            throw;
        }
    }

    /// <summary>The environment of a container: an empty home, the way out, and Fairlead's settings with a fresh token file.</summary>
    public Dictionary<string, string> ContainerEnvironment()
    {
        var environment = RelayProcess.Environment(new Uri($"https://{GatewayHost}{Prefix}"), "demo", Folder, IngressRoot);
        environment.Remove("FAIRLEAD_CA_BUNDLE");
        environment.Remove("FAIRLEAD_STATE_DIR");
        environment.Remove("TMPDIR");
        environment["PATH"] = $"/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:{environment["DOTNET_ROOT"]}:{Repository.NodeModules}/.bin";
        environment["HTTPS_PROXY"] = EgressUrl;
        return environment;
    }

    /// <summary>Starts <c>fairlead</c> in the container, as root with the environment's HOME as root's home, and apt's folders empty.</summary>
    public RunningProgram Start(Dictionary<string, string> environment, params string[] arguments)
    {
        // `ip netns exec` has given us a mount table of our own.
        const string Script = """
            mount --bind "$HOME" "$1" && mount -t tmpfs none /var/lib/apt/lists && mount -t tmpfs none /var/cache/apt && cd "$1" && export HOME="$1" && shift && exec "$@"
            """;
        return Container.Start("sh", ["-ec", Script, "sh", Home, Repository.Relay, .. arguments], environment, environment["HOME"]);
    }

    /// <summary>Runs <c>fairlead</c> in the container to its end.</summary>
    public async Task<ToolResult> RunAsync(Dictionary<string, string> environment, params string[] arguments)
    {
        await using var program = Start(environment, arguments);
        program.Stdin.Close();
        try
        {
            return await program.WaitAsync(Limits.Token());
        }
        finally
        {
            ShowLogs();
        }
    }

    /// <summary>Runs a command behind the relay in the container, with nothing set for it.</summary>
    public Task<ToolResult> RunToolAsync(params string[] command) => RunAsync(ContainerEnvironment(), ["run", "--", .. command]);

    public async Task StartGatewayAsync(CancellationToken cancellationToken)
    {
        Gateway = await GatewayProcess.StartAsync(Folder.File("fairlead.yaml"), Folder, Prefix, cancellationToken, Edge);
        _owned.Add(Gateway);
    }

    public async ValueTask DisposeAsync()
    {
        ShowLogs();
        try
        {
            if (Gateway is { Program.HasExited: false }) await Gateway.StopAsync(Limits.Token());
            if (File.Exists(Audit.File)) await AuditSchema.CheckAsync(Audit.File);
        }
        finally
        {
            for (var i = _owned.Count - 1; i >= 0; i--) await _owned[i].DisposeAsync();
            Folder.Dispose();
        }
    }

    private async Task StartProgramsAsync(CancellationToken cancellationToken)
    {
        Container = await MakeNamespaceAsync(Home);
        Egress = await MakeNamespaceAsync();
        Edge = await MakeNamespaceAsync();
        var world = await MakeNamespaceAsync();
        await Container.LinkAsync(Egress, 1);
        await Egress.LinkAsync(Edge, 2);
        await Edge.LinkAsync(world, 3);

        Origin = await Origin.StartAsync(world.Listen, IPAddress.Parse(OriginAddress));
        _owned.Add(Origin);
        GatewayConfig.Write(Folder, Origin, new SiteOptions
        {
            Prefix = Prefix,
            GatewayPort = 8080,
            Policy = _options.Presets.Count == 0 ? [] : [$"presets: [{string.Join(", ", _options.Presets)}]"],
            Rules = [.. _options.Hosts.Where(host => !_options.Presets.Any(preset => preset.Contains($" {host} ", StringComparison.Ordinal))).Select(host => $"allow * {host}/**")],
            Resolve = _options.Hosts.ToDictionary(host => host, _ => string.Create(CultureInfo.InvariantCulture, $"{OriginAddress}:{Origin.Port}")),
        });
        await StartGatewayAsync(cancellationToken);
        var (nginx, root) = await NginxIngress.StartAsync(Edge, Folder, Prefix, Gateway.Address, _options.IngressIdle, cancellationToken);
        _owned.Add(nginx);
        IngressRoot = root;
        Squid = await SquidProcess.StartAsync(Egress, $"198.18.2.2 {GatewayHost}\n", _options.EgressWantsCredentials, cancellationToken);
        _owned.Add(Squid);
    }

    private async Task<NetworkNamespace> MakeNamespaceAsync(string home = "/root")
    {
        var made = await NetworkNamespace.CreateAsync(home);
        _owned.Add(made);
        return made;
    }

    /// <summary>What the hops said; the runner prints it with a test that failed.</summary>
    private void ShowLogs()
    {
        var output = TestContext.Current.TestOutputHelper;
        output?.WriteLine($"gateway: {Tail(Gateway?.Program.Stderr.Text)}");
        foreach (var log in new[] { Squid?.AccessLog, Folder.File("nginx/access.log") })
        {
            if (File.Exists(log)) output?.WriteLine($"{log}: {Tail(File.ReadAllText(log))}");
        }
    }

    private static string Tail(string? text) => text is { Length: > 0 } ? text[^Math.Min(text.Length, 2000)..] : "(silent)";
}
