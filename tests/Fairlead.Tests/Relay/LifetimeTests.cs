using System.Net.Sockets;
using System.Text;
using System.Text.Json;

namespace Fairlead.Tests.Relay;

/// <summary>The programs' beginning and end: as the first process of a container, and beside a service manager.</summary>
public sealed class LifetimeTests : IAsyncLifetime
{
    private readonly TempDirectory _files = new();
    private readonly Dictionary<string, string> _environment = [];
    private TestGateway _gateway = null!;
    private string _home = null!;

    public async ValueTask InitializeAsync()
    {
        _gateway = await TestGateway.StartAsync();
        var token = _files.Write("token", "secret\n");
        _home = Path.GetDirectoryName(token)!;
        _environment["FAIRLEAD_GATEWAY"] = _gateway.Url;
        _environment["FAIRLEAD_SESSION_ID"] = "s";
        _environment["FAIRLEAD_TOKEN_FILE"] = token;
    }

    public async ValueTask DisposeAsync()
    {
        _files.Dispose();
        await _gateway.DisposeAsync();
    }

    // The loop leaves 20 orphans behind: each `sh -c` ends before the `sleep` that it started, whose parent is PID 1 then.
    private const string MakeOrphans = "i=0; while [ $i -lt 20 ]; do sh -c 'sleep 0.1 & exit'; i=$((i+1)); done; ";

    private const string CountZombies = "grep -l '^State:.Z' /proc/[0-9]*/status 2>/dev/null | wc -l";

    [Fact(Timeout = Limits.TestMilliseconds)]
    public async Task As_the_first_process_it_buries_orphans_and_keeps_the_commands_exit_code()
    {
        RequireNamespaces();
        // Waits until no sleep is left and no zombie either; `timeout` is the outer limit.
        var script = MakeOrphans + $"while [ \"$({CountZombies})\" != 0 ] || pgrep -x sleep >/dev/null; do sh -c :; done; echo pid $PPID; exit 7";

        var (exitCode, output, errors) = await AsInitAsync("run", "--", "sh", "-c", script);

        Assert.Equal((7, "pid 1\n", ""), (exitCode, output, errors));
    }

    [Theory(Timeout = Limits.TestMilliseconds)]
    [InlineData("TERM")]
    [InlineData("INT")]
    [InlineData("HUP")]
    public async Task As_the_first_process_it_passes_signals_on(string signal)
    {
        RequireNamespaces();
        // A signal to PID 1 from its own namespace arrives only if a handler is there.
        var script = $"trap 'exit 9' {signal}; kill -s {signal} 1; while :; do sleep 0.05; done";

        var (exitCode, _, _) = await AsInitAsync("run", "--", "sh", "-c", script);

        Assert.Equal(9, exitCode);
    }

    [Fact(Timeout = Limits.TestMilliseconds)]
    public async Task As_the_first_process_a_command_that_a_signal_ends_is_128_and_its_number()
    {
        RequireNamespaces();

        Assert.Equal(137, (await AsInitAsync("run", "--", "sh", "-c", "kill -KILL $$")).ExitCode);
    }

    [Theory(Timeout = Limits.TestMilliseconds)]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_signal_before_the_command_has_begun_ends_the_start(bool isInit)
    {
        if (isInit) RequireNamespaces();
        var asked = new TaskCompletionSource();
        _gateway.OnCa = async context =>
        {
            asked.TrySetResult();
            await Task.Delay(Timeout.InfiniteTimeSpan, context.RequestAborted);
        };
        string[] arguments = ["run", "--", "echo", "ran"];
        await using var fairlead = isInit ? FairleadProcess.StartAsInit(arguments, _environment, _home) : FairleadProcess.Start(arguments, _environment, _home);
        await asked.Task.WaitAsync(Limits.Token);

        await fairlead.SignalAsync("TERM");

        Assert.Equal(143, await fairlead.WaitAsync());
        Assert.Equal("", await fairlead.Output.ReadToEndAsync(Limits.Token));
        Assert.True(File.Exists(_environment["FAIRLEAD_TOKEN_FILE"]));
    }

    [Fact(Timeout = Limits.TestMilliseconds)]
    public async Task The_ready_file_is_there_while_the_relay_listens()
    {
        var ready = _files.PathOf("run/ready");
        await using var relay = FairleadProcess.Start(["relay", "--ready-file", ready], _environment, _home);
        while (!File.Exists(ready)) await Task.Delay(Limits.Poll, Limits.Token);
        var content = await File.ReadAllTextAsync(ready, Limits.Token);
        var mode = File.GetUnixFileMode(ready);
        using var tool = await Tool.ConnectAsync(int.Parse(content.Split(':')[1], System.Globalization.CultureInfo.InvariantCulture));

        await relay.SignalAsync("TERM");

        Assert.Equal(0, await relay.WaitAsync());
        Assert.False(File.Exists(ready));
        Assert.Matches("^127\\.0\\.0\\.1:[0-9]+\n$", content);
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead | UnixFileMode.OtherRead, mode);
    }

    [Fact(Timeout = Limits.TestMilliseconds)]
    public async Task The_service_manager_is_told_although_the_relay_started_over()
    {
        using var socket = new Socket(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified);
        socket.Bind(new UnixDomainSocketEndPoint(_environment["NOTIFY_SOCKET"] = _files.PathOf("notify")));
        await using var relay = FairleadProcess.Start(["relay", "--drain", "3"], _environment, _home);

        var ready = await ReceiveAsync(socket);
        await relay.SignalAsync("TERM");
        var stopping = await ReceiveAsync(socket);

        Assert.StartsWith("READY=1\nSTATUS=Listening on 127.0.0.1:", ready, StringComparison.Ordinal);
        Assert.Equal("STOPPING=1\nSTATUS=Open tunnels may end for 3 s\n", stopping);
        Assert.Equal(0, await relay.WaitAsync());
    }

    [Fact(Timeout = Limits.TestMilliseconds)]
    public async Task Open_tunnels_are_cut_when_the_time_to_drain_is_over()
    {
        var ready = _files.PathOf("ready");
        await using var relay = FairleadProcess.Start(["relay", "--drain", "1", "--ready-file", ready], _environment, _home);
        while (!File.Exists(ready)) await Task.Delay(Limits.Poll, Limits.Token);
        using var tool = await Tool.ConnectAsync(int.Parse((await File.ReadAllTextAsync(ready, Limits.Token)).Split(':')[1], System.Globalization.CultureInfo.InvariantCulture));
        await tool.SendAsync("CONNECT echo.test:443 HTTP/1.1\r\n\r\n");
        await (await _gateway.AcceptAsync()).SendAsync("HTTP/1.1 200 OK\r\n\r\n");
        await tool.ReadAsync(19);

        await relay.SignalAsync("TERM");

        await Assert.ThrowsAsync<SocketException>(tool.ReadToEndAsync);
        Assert.Equal(0, await relay.WaitAsync());
    }

    [Fact(Timeout = Limits.TestMilliseconds)]
    public async Task A_command_finds_the_status_of_its_own_relay()
    {
        var program = Path.Combine(AppContext.BaseDirectory, "fairlead");

        var (exitCode, output, errors) = await FairleadProcess.RunAsync(["run", "--", program, "status", "--json"], _environment, _home);

        Assert.Equal((0, ""), (exitCode, errors));
        Assert.Equal("s", JsonDocument.Parse(output).RootElement.GetProperty("session").GetString());
    }

    [Fact(Timeout = Limits.TestMilliseconds)]
    public async Task A_relay_beside_the_shell_is_found_by_the_state_that_it_left()
    {
        var ready = _files.PathOf("ready");
        await using var relay = FairleadProcess.Start(["relay", "--ready-file", ready], _environment, _home);
        while (!File.Exists(ready)) await Task.Delay(Limits.Poll, Limits.Token);

        var (exitCode, output, _) = await FairleadProcess.RunAsync(["status"], new Dictionary<string, string>(), _home);

        Assert.Equal(0, exitCode);
        Assert.StartsWith($"relay      {(await File.ReadAllTextAsync(ready, Limits.Token)).Trim()}, ready, up ", output, StringComparison.Ordinal);
    }

    [Fact(Timeout = Limits.TestMilliseconds)]
    public async Task Without_a_relay_the_status_says_what_helps()
    {
        var (exitCode, output, errors) = await FairleadProcess.RunAsync(["status"], new Dictionary<string, string>(), _home);

        Assert.Equal((1, ""), (exitCode, output));
        Assert.Contains("no relay runs here", errors, StringComparison.Ordinal);
        Assert.Contains("Start `fairlead relay`", errors, StringComparison.Ordinal);
    }

    private async Task<(int ExitCode, string Output, string Errors)> AsInitAsync(params string[] arguments)
    {
        await using var fairlead = FairleadProcess.StartAsInit(arguments, _environment, _home);
        var output = fairlead.Output.ReadToEndAsync(Limits.Token);
        var errors = fairlead.Errors.ReadToEndAsync(Limits.Token);
        return (await fairlead.WaitAsync(), await output, await errors);
    }

    private static void RequireNamespaces() => Assert.SkipUnless(FairleadProcess.CanBeInit, "this user may not make a namespace of processes");

    private static async Task<string> ReceiveAsync(Socket socket)
    {
        var buffer = new byte[1024];
        return Encoding.UTF8.GetString(buffer, 0, await socket.ReceiveAsync(buffer, Limits.Token));
    }
}
