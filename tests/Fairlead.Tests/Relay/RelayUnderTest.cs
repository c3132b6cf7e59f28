using Fairlead.Relay;

namespace Fairlead.Tests.Relay;

/// <summary>A relay with files in a directory of its own; what it says is kept.</summary>
internal sealed class RelayUnderTest : IAsyncDisposable
{
    public const string Session = "test-session";
    public const string Token = "sk-ant-si-FAKE.TOKEN.value";

    private readonly StringWriter _log = new();
    private readonly TempDirectory _files = new();

    private RunningRelay? _relay;

    public RelayUnderTest() => Options = new RelayOptions
    {
        IsGatewayNeutral = true,
        SessionId = Session,
        TokenFile = _files.WriteSecret("token", Token + "\n"),
        CaBundle = _files.PathOf("ca/bundle.crt"),
        StateDirectory = _files.PathOf("state"),
        // A gateway that is away for good is given up soon.
        OpenTimeout = TimeSpan.FromSeconds(2),
        SystemBundles = [_files.Write("system.crt", "# system\n")],
    };

    public RelayOptions Options { get; set; }

    public Dictionary<string, string> Environment { get; } = [];

    public TimeProvider Time { get; set; } = TimeProvider.System;

    public TempDirectory Files => _files;

    public RunningRelay Relay => _relay!;

    public string Log => _log.ToString();

    public static async Task<RelayUnderTest> StartAsync(TestGateway gateway, Func<RelayOptions, RelayOptions>? change = null, TimeProvider? time = null)
    {
        var relay = new RelayUnderTest { Time = time ?? TimeProvider.System };
        relay.Options = (change ?? (options => options))(relay.Options with { Gateway = gateway.Url });
        Assert.IsType<StartupOutcome.Started>(await relay.StartAsync());
        return relay;
    }

    public async Task<StartupOutcome> StartAsync()
    {
        var outcome = await new RelayStartup(Environment, new RelayLog(TextWriter.Synchronized(_log), isVerbose: true), Time).StartAsync(Options, Limits.Token);
        if (outcome is StartupOutcome.Started started) _relay = started.Relay;
        return outcome;
    }

    public async Task<StartupOutcome.Failed> FailAsync() => Assert.IsType<StartupOutcome.Failed>(await StartAsync());

    public Task<Tool> ConnectAsync() => Tool.ConnectAsync(Relay.Port);

    public async ValueTask DisposeAsync()
    {
        if (_relay is not null) await _relay.DisposeAsync();
        _files.Dispose();
    }
}
