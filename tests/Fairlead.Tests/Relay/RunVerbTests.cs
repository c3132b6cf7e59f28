namespace Fairlead.Tests.Relay;

public sealed class RunVerbTests : IAsyncLifetime
{
    private const string Ready = "ready";

    private readonly TempDirectory _files = new();
    private readonly Dictionary<string, string> _environment = [];
    private TestGateway _gateway = null!;
    private string _token = null!;

    public async ValueTask InitializeAsync()
    {
        _gateway = await TestGateway.StartAsync();
        _token = _files.WriteSecret("token", "secret\n");
        _environment["FAIRLEAD_GATEWAY"] = _gateway.Url;
        _environment["FAIRLEAD_SESSION_ID"] = "s";
        _environment["FAIRLEAD_TOKEN_FILE"] = _token;
    }

    public async ValueTask DisposeAsync()
    {
        _files.Dispose();
        await _gateway.DisposeAsync();
    }

    [Fact(Timeout = Limits.TestMilliseconds)]
    public async Task The_command_gets_the_environment_and_no_token_and_its_exit_code_is_ours()
    {
        _environment["CURL_CA_BUNDLE"] = "/old";
        _environment["OTHER"] = "kept";

        var (exitCode, output, errors) = await RunAsync("run", "--", "sh", "-c", $"echo $HTTPS_PROXY $CURL_CA_BUNDLE $OTHER; test ! -e {_token}; echo $?; exit 7");

        Assert.Equal(7, exitCode);
        Assert.Matches($"^http://127\\.0\\.0\\.1:[0-9]+ {_files.PathOf(".ccr/ca-bundle.crt")} kept\n0\n$", output);
        Assert.Equal("", errors);
    }

    [Fact(Timeout = Limits.TestMilliseconds)]
    public async Task The_command_keeps_its_limit_of_core_files_and_the_relay_leaves_none()
    {
        var program = Program("limited", $"""
            #!/bin/sh
            ulimit -S -c 512
            ulimit -H -c 1024
            exec {Path.Combine(AppContext.BaseDirectory, "fairlead")} run -- sh -c 'ulimit -S -c; ulimit -H -c; until grep "Max core file size *0 *0 " /proc/$PPID/limits; do sleep 0.05; done'
            """);
        using var limited = new System.Diagnostics.Process { StartInfo = new(program) { RedirectStandardOutput = true } };
        foreach (var (name, value) in _environment) limited.StartInfo.Environment[name] = value;
        limited.StartInfo.Environment["HOME"] = Path.GetDirectoryName(_token);

        limited.Start();

        Assert.Matches("^512\n1024\nMax core file size +0 +0 ", await limited.StandardOutput.ReadToEndAsync(Limits.Token));
    }

    [Theory(Timeout = Limits.TestMilliseconds)]
    [InlineData("TERM", 143)]
    [InlineData("KILL", 137)]
    public async Task A_command_that_a_signal_ends_is_128_and_its_number(string signal, int expected)
    {
        var (exitCode, _, _) = await RunAsync("run", "--", "sh", "-c", $"kill -s {signal} $$");

        Assert.Equal(expected, exitCode);
    }

    [Theory(Timeout = Limits.TestMilliseconds)]
    [InlineData("TERM")]
    [InlineData("HUP")]
    [InlineData("INT")]
    [InlineData("QUIT")]
    [InlineData("USR1")]
    [InlineData("USR2")]
    public async Task A_signal_reaches_the_command_and_the_relay_lives_until_it_has_ended(string signal)
    {
        await using var fairlead = FairleadProcess.Start(
            ["run", "--", "sh", "-c", $"trap 'echo got; exit 5' {signal}; echo {Ready}; while :; do sleep 0.05; done"], _environment, Path.GetDirectoryName(_token)!);
        Assert.Equal(Ready, await fairlead.Output.ReadLineAsync(Limits.Token));

        await fairlead.SignalAsync(signal);

        Assert.Equal("got", await fairlead.Output.ReadLineAsync(Limits.Token));
        Assert.Equal(5, await fairlead.WaitAsync());
    }

    [Fact(Timeout = Limits.TestMilliseconds)]
    public async Task A_command_that_cannot_be_found_costs_no_token()
    {
        var script = _files.Write("script", "");

        Assert.Equal((127, "", "fairlead: command not found: no-such-command\n"), await RunAsync("run", "--", "no-such-command", "--help"));
        Assert.Equal((126, "", $"fairlead: not executable: {script}\n"), await RunAsync("run", "--", script));
        Assert.True(File.Exists(_token));
    }

    [Fact(Timeout = Limits.TestMilliseconds)]
    public async Task A_failing_step_is_one_warning_and_the_command_runs_without_proxy_and_without_finding_the_token()
    {
        _environment["FAIRLEAD_GATEWAY"] = "http://127.0.0.1:1";

        var (exitCode, output, errors) = await RunAsync("run", "--", "sh", "-c", $"echo [$HTTPS_PROXY]; test -e {_token}");

        Assert.Equal((1, "[]\n"), (exitCode, output));
        Assert.Equal(
            "fairlead: warning: step 4 (CA certificate) failed: the gateway 127.0.0.1:1 cannot be reached: Connection refused. The proxy is off for this run. "
            + "Check the gateway's address, that it runs, and that this container may reach it.\n",
            errors);
    }

    [Fact(Timeout = Limits.TestMilliseconds)]
    public async Task Failing_closed_starts_nothing_and_keeps_the_token()
    {
        _environment["FAIRLEAD_GATEWAY"] = "http://127.0.0.1:1";

        var (exitCode, output, errors) = await RunAsync("run", "--fail", "closed", "--", "echo", "started");

        Assert.Equal((78, ""), (exitCode, output));
        Assert.Contains("Nothing is started (--fail closed).", errors, StringComparison.Ordinal);
        Assert.True(File.Exists(_token));
    }

    [Fact(Timeout = Limits.TestMilliseconds)]
    public async Task Gates_that_do_not_hold_are_one_notice_and_the_command_runs_untouched()
    {
        _environment.Remove("FAIRLEAD_GATEWAY");
        _environment["HTTPS_PROXY"] = "http://mine";

        var (exitCode, output, errors) = await RunAsync("run", "--", "sh", "-c", "echo $HTTPS_PROXY");

        Assert.Equal((0, "http://mine\n"), (exitCode, output));
        Assert.Equal("fairlead: proxy off: gate 1: this is no cloud container; --gateway, FAIRLEAD_GATEWAY or CLAUDE_CODE_REMOTE=1 turns it on\n", errors);
        Assert.True(File.Exists(_token));
    }

    [Fact(Timeout = Limits.TestMilliseconds)]
    public async Task An_inherited_SSL_CERT_FILE_does_not_choose_whom_the_relay_trusts_and_is_still_the_childs_when_the_proxy_is_off()
    {
        var certificate = Certificates.SelfSigned("127.0.0.1");
        await using var impostor = await TestGateway.StartAsync(certificate);
        _environment["FAIRLEAD_GATEWAY"] = impostor.Url;
        _environment["SSL_CERT_FILE"] = _files.Write("impostor.pem", certificate.ExportCertificatePem());

        var (_, output, errors) = await RunAsync("run", "--", "sh", "-c", "echo $SSL_CERT_FILE");

        Assert.Contains("is not trusted", errors, StringComparison.Ordinal);
        Assert.Equal(_files.PathOf("impostor.pem") + "\n", output);
        Assert.Empty(impostor.RequestLines);
    }

    [Theory(Timeout = Limits.TestMilliseconds)]
    [InlineData("--port", "x", "--", "true")]
    [InlineData("--bogus", "--", "true")]
    [InlineData("--fail", "maybe", "--", "true")]
    [InlineData("--max-tunnels", "0", "--", "true")]
    [InlineData("--session", "x", "--", "true")]
    [InlineData("--")]
    public async Task A_wrong_command_line_is_exit_2(params string[] arguments)
    {
        var (exitCode, _, errors) = await RunAsync(["run", .. arguments]);

        Assert.Equal(2, exitCode);
        Assert.StartsWith("fairlead: ", errors, StringComparison.Ordinal);
        Assert.True(File.Exists(_token));
    }

    [Fact(Timeout = Limits.TestMilliseconds)]
    public async Task A_local_gateway_gets_a_token_and_its_secrets_are_removed_from_the_command()
    {
        _environment["FAIRLEAD_GATEWAY_PROGRAM"] = Program("gateway", $$"""
            #!/bin/sh
            read -r token
            echo "$@ ${#token} $SECRET" > {{_files.PathOf("args")}}
            echo '{"url":"{{_gateway.Url}}","session":"demo","remove_environment":["SECRET","FAIRLEAD_TOKEN"]}'
            cat > /dev/null
            echo over >> {{_files.PathOf("args")}}
            """);
        _environment["SECRET"] = "hidden";
        _environment["FAIRLEAD_GATEWAY"] = "http://other.invalid";

        var (exitCode, output, errors) = await RunAsync("run", "--local", "policy.yaml", "--session", "demo", "--", "sh", "-c", "echo [$SECRET] $HTTPS_PROXY $SSL_CERT_FILE; stat -c %a $(dirname $SSL_CERT_FILE)");

        Assert.Equal((0, ""), (exitCode, errors));
        Assert.Matches("^\\[\\] http://127\\.0\\.0\\.1:[0-9]+ (/.*/fairlead-[^/]+)/ca-bundle.crt\n700\n$", output);
        Assert.False(Directory.Exists(Path.GetDirectoryName(output.Split('\n')[0].Split(' ')[2])));
        Assert.Equal("serve --config policy.yaml --local --session demo 43 hidden\nover\n", File.ReadAllText(_files.PathOf("args")));
        Assert.True(File.Exists(_token));
    }

    [Theory(Timeout = Limits.TestMilliseconds)]
    [InlineData("echo 'policy.yaml: line 3 is wrong' >&2; exit 1", "the local gateway ended before it was ready")]
    [InlineData("read -r token; echo nonsense; cat > /dev/null", "is not the JSON that fairlead expects")]
    [InlineData("read -r token; echo '{\"url\":\"http://127.0.0.1:1\",\"session\":\"demo\"}'; cat > /dev/null", "cannot be reached")]
    public async Task A_local_gateway_that_fails_starts_nothing_even_when_failing_open(string script, string problem)
    {
        _environment["FAIRLEAD_GATEWAY_PROGRAM"] = Program("gateway", "#!/bin/sh\n" + script + "\n");

        var (exitCode, output, errors) = await RunAsync("run", "--fail", "open", "--local", "policy.yaml", "--", "echo", "started");

        Assert.Equal((78, ""), (exitCode, output));
        Assert.Contains(problem, errors, StringComparison.Ordinal);
    }

    [Fact(Timeout = Limits.TestMilliseconds)]
    public async Task A_relay_leaves_its_environment_for_env_and_removes_it_at_its_end()
    {
        var second = _files.PathOf("second.env");
        await using var relay = FairleadProcess.Start(["relay", "--env-file", second], _environment, Path.GetDirectoryName(_token)!);
        Assert.StartsWith("fairlead: the relay listens on 127.0.0.1:", await relay.Errors.ReadLineAsync(Limits.Token), StringComparison.Ordinal);

        var (exitCode, lines, _) = await RunAsync("env");
        Assert.Equal("600", Convert.ToString((int)File.GetUnixFileMode(_files.PathOf(".fairlead/relay.env")), 8));
        Assert.Equal("711", Convert.ToString((int)File.GetUnixFileMode(_files.PathOf(".fairlead")), 8));
        var copy = File.ReadAllText(second);
        await relay.SignalAsync("TERM");

        Assert.Equal(0, exitCode);
        Assert.Matches("^export HTTPS_PROXY='http://127\\.0\\.0\\.1:[0-9]+'\n", lines);
        Assert.Equal(lines.Replace("export ", "", StringComparison.Ordinal).Replace("'", "", StringComparison.Ordinal), copy);
        Assert.Equal(0, await relay.WaitAsync());
        Assert.False(File.Exists(second));
        Assert.False(File.Exists(_files.PathOf(".fairlead/relay.env")));
        Assert.Equal(1, (await RunAsync("env")).ExitCode);
    }

    [Fact(Timeout = Limits.TestMilliseconds)]
    public async Task Env_does_not_believe_the_file_of_a_relay_that_is_gone()
    {
        Directory.CreateDirectory(_files.PathOf(".fairlead"));
        _files.Write(".fairlead/relay.env", "export HTTPS_PROXY='http://127.0.0.1:1'\n");

        var (exitCode, output, errors) = await RunAsync("env");

        Assert.Equal((1, ""), (exitCode, output));
        Assert.Contains("names port 1, but no relay answers there", errors, StringComparison.Ordinal);
    }

    [Theory(Timeout = Limits.TestMilliseconds)]
    [InlineData("open", 1)]
    [InlineData("closed", 78)]
    public async Task A_relay_that_fails_says_so_and_keeps_the_token(string fail, int expected)
    {
        _environment["FAIRLEAD_GATEWAY"] = "http://127.0.0.1:1";

        var (exitCode, _, errors) = await RunAsync("relay", "--fail", fail);

        Assert.Equal(expected, exitCode);
        Assert.StartsWith("fairlead: warning: step 4 (CA certificate) failed: ", errors, StringComparison.Ordinal);
        Assert.True(File.Exists(_token));
    }

    private string Program(string name, string content)
    {
        var path = _files.Write(name, content.ReplaceLineEndings("\n"));
        File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        return path;
    }

    private Task<(int ExitCode, string Output, string Errors)> RunAsync(params string[] arguments) => FairleadProcess.RunAsync(arguments, _environment, Path.GetDirectoryName(_token)!);
}
