using Fairlead.EndToEnd.Harness;

namespace Fairlead.EndToEnd.Relay;

/// <summary>The relay starts over before it holds a token: nothing in its environment may load code into it, and the command misses nothing.</summary>
public sealed class CleanStartTests : IAsyncLifetime
{
    private Site _site = null!;

    public async ValueTask InitializeAsync() => _site = await Site.StartAsync();

    [Theory]
    [InlineData("LD_PRELOAD", "/nonexistent/fairlead-test.so")]
    [InlineData("LD_LIBRARY_PATH", "/nonexistent")]
    [InlineData("DOTNET_EnableDiagnostics", "1")]
    [InlineData("DOTNET_EnableDiagnostics_IPC", "1")]
    [InlineData("DOTNET_DiagnosticPorts", "/nonexistent/port,connect,nosuspend")]
    [InlineData("DOTNET_STARTUP_HOOKS", "")]
    [InlineData("DOTNET_EnableEventPipe", "1")]
    [InlineData("DOTNET_DbgEnableMiniDump", "1")]
    [InlineData("DOTNET_ADDITIONAL_DEPS", "/nonexistent")]
    [InlineData("COMPlus_EnableDiagnostics", "1")]
    [InlineData("COMPlus_EnableEventPipe", "1")]
    [InlineData("CORECLR_PROFILER_PATH", "/nonexistent/profiler.so")]
    [InlineData("LD_AUDIT", "/nonexistent/audit.so")]
    [InlineData("CORECLR_ENABLE_PROFILING", "0")]
    [InlineData("SSLKEYLOGFILE", "/nonexistent/keys")]
    [InlineData("SSL_CERT_DIR", "/nonexistent")]
    [InlineData("OPENSSL_CONF", "/nonexistent/openssl.cnf")]
    [InlineData("GCONV_PATH", "/nonexistent")]
    [InlineData("CLR_OPENSSL_VERSION_OVERRIDE", "9.9")]
    public async Task A_hostile_variable_does_not_reach_the_process_that_holds_the_token(string name, string value)
    {
        var environment = _site.RunEnvironment();
        environment[name] = value;

        // Root may read what others of the user may not.
        var result = await RunCommand.RunAsync(_site, environment, "--", "sh", "-c", "env; echo ---; tr '\\0' '\\n' </proc/$PPID/environ");

        var (command, relay) = Split(result);
        Assert.Equal(value, command[name]);
        Assert.Equal(name == "DOTNET_EnableDiagnostics" ? "0" : null, relay.GetValueOrDefault(name));
        Assert.Equal("0", relay["DOTNET_EnableDiagnostics"]);
        Assert.DoesNotContain("FAIRLEAD_ORIGINAL_ENVIRONMENT_FD", command.Keys);
    }

    [Fact]
    public async Task The_process_that_holds_the_token_has_no_diagnostics_socket()
    {
        var result = await RunCommand.RunAsync(_site, _site.RunEnvironment(), "--", "sh", "-c", "ls /tmp/dotnet-diagnostic-$PPID-* 2>&1; cat /proc/net/unix | grep -c dotnet-diagnostic-$PPID-");

        Assert.Contains("No such file", result.Stdout, StringComparison.Ordinal);
        Assert.EndsWith("\n0\n", result.Stdout, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_relay_that_is_traced_takes_no_token()
    {
        var environment = _site.RunEnvironment();

        await using var run = RunningProgram.Start(
            "strace", ["-f", "-e", "trace=none", "-o", "/dev/null", Repository.Relay, "run", "--fail", "closed", "--", "true"], environment, _site.Folder.Path);
        run.Stdin.Close();
        var result = await run.WaitAsync(Limits.Token());

        Assert.Equal(78, result.ExitCode);
        Assert.Contains("traces the relay", result.Stderr, StringComparison.Ordinal);
        Assert.True(File.Exists(environment["FAIRLEAD_TOKEN_FILE"]));
    }

    [Fact]
    public async Task The_command_has_the_signals_it_would_have_had()
    {
        var result = await RunCommand.RunAsync(_site, _site.RunEnvironment(), "--", "grep", "SigIgn", "/proc/self/status");

        Assert.Equal("SigIgn:\t0000000000000000\n", result.Succeeded().Stdout);
    }

    [Fact]
    public async Task A_variable_that_names_a_descriptor_of_somebody_else_is_nothing()
    {
        var environment = _site.RunEnvironment();
        environment["FAIRLEAD_ORIGINAL_ENVIRONMENT_FD"] = "5";
        environment["KEPT"] = "as it was";

        var variables = RunCommand.Variables(await RunCommand.RunAsync(_site, environment, "--", "env"));

        Assert.Equal("as it was", variables["KEPT"]);
    }

    [Fact]
    public async Task A_terminal_is_the_commands_alone()
    {
        const string Script = """
            import os, pty, sys
            status = pty.spawn(sys.argv[1:], stdin_read=lambda descriptor: b'')
            print(os.waitstatus_to_exitcode(status))
            """;

        await using var run = RunningProgram.Start(
            "python3", ["-c", Script, Repository.Relay, "run", "--", "sh", "-c", "test -t 0 && test -t 1 && test -t 2 && echo terminal; exit 3"],
            _site.RunEnvironment(), _site.Folder.Path);
        run.Stdin.Close();

        Assert.Equal("terminal\r\n3\n", (await run.WaitAsync(Limits.Token())).Succeeded().Stdout);
    }

    public ValueTask DisposeAsync() => _site?.DisposeAsync() ?? ValueTask.CompletedTask;

    private static (Dictionary<string, string> Command, Dictionary<string, string> Relay) Split(ToolResult result)
    {
        var halves = result.Succeeded().Stdout.Split("---\n");
        return (Variables(halves[0]), Variables(halves[1]));
    }

    private static Dictionary<string, string> Variables(string lines) =>
        lines.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => line.Split('=', 2)).ToDictionary(pair => pair[0], pair => pair[1]);
}
