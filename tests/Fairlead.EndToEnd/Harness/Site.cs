using Fairlead.EndToEnd.Origins;

namespace Fairlead.EndToEnd.Harness;

/// <summary>The whole product in a temp folder: an origin, a gateway and a relay, with tools to run through them.</summary>
internal sealed class Site : IAsyncDisposable
{
    private readonly SiteOptions _options;
    private readonly List<RelayProcess> _relays = [];
    private string? _gatewayCa;

    private Site(Origin origin, SiteOptions options)
    {
        Origin = origin;
        _options = options;
    }

    public TempFolder Folder { get; } = new();

    public Origin Origin { get; }

    public GatewayProcess Gateway { get; private set; } = null!;

    public RelayProcess Relay => _relays[0];

    public AuditLog Audit => new(Folder.File("state/audit.jsonl"));

    public static async Task<Site> StartAsync(SiteOptions? options = null)
    {
        var site = new Site(await Origin.StartAsync(), options ?? new SiteOptions());
        try
        {
            await site.StartProgramsAsync(Limits.Token());
            return site;
        }
        catch
        {
            await site.DisposeAsync();
            throw;
        }
    }

    /// <param name="session">Its session's id.</param>
    /// <param name="token">Its token; default: that of the configuration.</param>
    public async Task<RelayProcess> StartRelayAsync(string session, string? token = null)
    {
        var relay = await RelayProcess.StartAsync(Gateway.Address, session, Folder, _gatewayCa, Limits.Token(), token);
        _relays.Add(relay);
        return relay;
    }

    /// <summary>Runs a tool behind the relay, in a folder of its own, to its end.</summary>
    public Task<ToolResult> RunAsync(string tool, params string[] arguments) => RunAsync(Relay, tool, arguments);

    public async Task<ToolResult> RunAsync(RelayProcess relay, string tool, params string[] arguments)
    {
        await using var program = Start(relay, tool, arguments);
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

    /// <summary>Runs a command of the gateway in the site's folder to its end.</summary>
    /// <param name="input">What it reads.</param>
    /// <param name="arguments">The command.</param>
    public async Task<ToolResult> AskGatewayAsync(string input, params string[] arguments)
    {
        await using var program = RunningProgram.Start(Repository.Gateway, arguments, ToolEnvironment.ForProduct(Folder.Folder("gateway-home")), Folder.Path);
        await program.Stdin.WriteAsync(System.Text.Encoding.ASCII.GetBytes(input), Limits.Token());
        program.Stdin.Close();
        return await program.WaitAsync(Limits.Token());
    }

    /// <summary>Changes the configuration as a careful operator's tools do: whole or not at all.</summary>
    public void Edit(Func<string, string> edit)
    {
        var file = Folder.File("fairlead.yaml");
        var before = File.ReadAllText(file);
        var after = edit(before);
        Assert.NotEqual(before, after);
        File.Move(Folder.Write("fairlead.yaml.new", after), file, overwrite: true);
    }

    /// <summary>Starts a tool behind the relay; the caller ends it.</summary>
    public RunningProgram Start(string tool, params string[] arguments) => Start(Relay, tool, arguments);

    public RunningProgram Start(RelayProcess relay, string tool, params string[] arguments)
    {
        var home = Folder.Folder("home-" + Guid.NewGuid().ToString("n")[..8]);
        var environment = ToolEnvironment.Clean(home);
        foreach (var (name, value) in relay.Variables) environment[name] = value;
        return RunningProgram.Start(tool, arguments, environment, home);
    }

    /// <summary>The options of <c>fairlead run</c> for this site, with a fresh token file.</summary>
    public Dictionary<string, string> RunEnvironment() => RelayProcess.Environment(Gateway.Address, "demo", Folder, _gatewayCa);

    /// <summary>Stops what runs; a gateway that stopped has written all its records, and then every one is checked.</summary>
    public async ValueTask DisposeAsync()
    {
        ShowLogs();
        try
        {
            foreach (var relay in _relays) await relay.DisposeAsync();
            if (Gateway is { Program.HasExited: false }) await Gateway.StopAsync(Limits.Token());
            if (File.Exists(Audit.File)) await AuditSchema.CheckAsync(Audit.File);
        }
        finally
        {
            if (Gateway is not null) await Gateway.DisposeAsync();
            await Origin.DisposeAsync();
            Folder.Dispose();
        }
    }

    /// <summary>What the programs said; the runner prints it with a test that failed.</summary>
    private void ShowLogs()
    {
        var output = TestContext.Current.TestOutputHelper;
        output?.WriteLine($"gateway: {Tail(Gateway?.Program)}\nrelays: {string.Concat(_relays.Select(relay => Tail(relay.Program)))}");
    }

    private static string Tail(RunningProgram? program) => program?.Stderr.Text is { Length: > 0 } text ? text[^Math.Min(text.Length, 3000)..] : "(silent)";

    private async Task StartProgramsAsync(CancellationToken cancellationToken)
    {
        if (_options.GatewayOverTls) _gatewayCa = GatewayCertificate.Write(Folder);
        var config = GatewayConfig.Write(Folder, Origin, _options);
        Gateway = await GatewayProcess.StartAsync(config, Folder, _options.Prefix, cancellationToken);
        await StartRelayAsync("demo");
    }
}
