using Fairlead.EndToEnd.Harness;

namespace Fairlead.EndToEnd.Relay;

/// <summary>Who may use the relay: told apart by the kernel's tables, not by what a tool says.</summary>
public sealed class LocalPeerTests : IAsyncLifetime
{
    private const string Fetch = "curl -sS -o /dev/null -w '%{http_connect} %{http_code}\\n' https://origin.test/echo/who";
    private const string Nobody = "setpriv --reuid=65534 --clear-groups ";

    private Site _site = null!;

    public async ValueTask InitializeAsync()
    {
        _site = await Site.StartAsync();
        // The other user reads the CA bundle.
        File.SetUnixFileMode(_site.Folder.Path, (UnixFileMode)0b111_101_101);
    }

    [Fact]
    public async Task Another_user_is_answered_403_and_why_and_an_allowed_one_is_served()
    {
        var environment = _site.RunEnvironment();
        environment["FAIRLEAD_ONLY_UID"] = "0";

        var result = await RunCommand.RunAsync(_site, environment, "--", "sh", "-c", $"{Fetch}; {Nobody}{Fetch}; {Nobody} sh -c 'printf \"CONNECT a:1 HTTP/1.1\\r\\n\\r\\n\" | curl -s -m 9 telnet://${{HTTPS_PROXY#http://}}'; true");

        Assert.StartsWith("200 200\n403 000\n", result.Stdout, StringComparison.Ordinal);
        Assert.EndsWith("\r\n\r\nfairlead: user 65534 may not use this relay (--only-uid allows 0).\n", result.Stdout, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_socket_of_IPv6_that_reaches_the_relay_is_known_too()
    {
        const string Script = """
            import os, socket, sys
            s = socket.socket(socket.AF_INET6)
            s.connect(('::ffff:127.0.0.1', int(os.environ['HTTPS_PROXY'].rsplit(':')[2])))
            s.sendall(b'CONNECT origin.test:443 HTTP/1.1\r\n\r\n')
            print(s.recv(1000).split(b'\r\n')[0].decode())
            """;

        var result = await RunCommand.RunAsync(_site, _site.RunEnvironment(), "--only-uid", "0,1", "--", "python3", "-c", Script);

        Assert.StartsWith("HTTP/1.1 200 ", result.Succeeded().Stdout, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Only_what_the_command_started_is_served_also_as_an_orphan()
    {
        var environment = _site.RunEnvironment();
        var ready = _site.Folder.File("proxy");
        await using var run = RunCommand.Start(
            _site, environment, "--only-descendants", "--", "sh", "-c", $"{Fetch}; (setsid sh -c 'sleep 1; {Fetch.Replace("'", "\"", StringComparison.Ordinal)}' &) ; echo $HTTPS_PROXY > {ready}.new; mv {ready}.new {ready}; read end");
        while (!File.Exists(ready)) await Task.Delay(Limits.Poll, Limits.Token());

        environment["HTTPS_PROXY"] = (await File.ReadAllTextAsync(ready, Limits.Token())).Trim();
        await using var stranger = RunningProgram.Start("curl", ["-sS", "https://origin.test/"], environment, _site.Folder.Path);
        stranger.Stdin.Close();
        var refused = await stranger.WaitAsync(Limits.Token());
        await run.Stdout.WaitForAsync("200 200\n200 200\n", Limits.Token());
        run.Stdin.Close();

        Assert.Contains("CONNECT tunnel failed, response 403", refused.Failed().Stderr, StringComparison.Ordinal);
        await run.WaitAsync(Limits.Token());
    }

    [Theory]
    [InlineData("FAIRLEAD_ONLY_UID", "root")]
    [InlineData("FAIRLEAD_ONLY_DESCENDANTS", "perhaps")]
    public async Task A_wall_that_cannot_be_meant_starts_nothing(string name, string value)
    {
        var environment = _site.RunEnvironment();
        environment[name] = value;

        var result = await RunCommand.RunAsync(_site, environment, "--", "echo", "started");

        Assert.Equal((2, ""), (result.ExitCode, result.Stdout));
        Assert.Contains($"{name}", result.Stderr, StringComparison.Ordinal);
        Assert.True(File.Exists(environment["FAIRLEAD_TOKEN_FILE"]));
    }

    public ValueTask DisposeAsync() => _site?.DisposeAsync() ?? ValueTask.CompletedTask;
}
