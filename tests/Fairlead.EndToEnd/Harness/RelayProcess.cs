namespace Fairlead.EndToEnd.Harness;

/// <summary>A relay that listens, and the variables it hands to tools.</summary>
internal sealed class RelayProcess : IAsyncDisposable
{
    private RelayProcess(RunningProgram program, IReadOnlyDictionary<string, string> settings, IReadOnlyDictionary<string, string> variables)
    {
        Program = program;
        Settings = settings;
        Variables = variables;
    }

    public RunningProgram Program { get; }

    /// <summary>What it was told: the FAIRLEAD_ variables.</summary>
    public IReadOnlyDictionary<string, string> Settings { get; }

    /// <summary>HTTPS_PROXY, SSL_CERT_FILE and so on.</summary>
    public IReadOnlyDictionary<string, string> Variables { get; }

    public Uri Proxy => new(Variables["HTTPS_PROXY"]);

    public static async Task<RelayProcess> StartAsync(Uri gateway, string session, TempFolder folder, string? gatewayCa, CancellationToken cancellationToken, string? token = null)
    {
        var settings = Environment(gateway, session, folder, gatewayCa, token);
        var environmentFile = Path.Combine(settings["HOME"], "tools.env");
        var program = RunningProgram.Start(Repository.Relay, ["relay", "--env-file", environmentFile], settings, folder.Path);
        try
        {
            return new RelayProcess(program, settings, await ReadAsync(environmentFile, program, cancellationToken));
        }
        catch (Exception e)
        {
            await program.DisposeAsync();
            throw new InvalidOperationException($"expected the relay to write its variables\nstdout:\n{program.Stdout.Text}\nstderr:\n{program.Stderr.Text}", e);
        }
    }

    /// <summary>What a relay is told, in a folder of its own, with a token file that it will remove.</summary>
    public static Dictionary<string, string> Environment(Uri gateway, string session, TempFolder folder, string? gatewayCa, string? token = null)
    {
        var home = folder.Folder($"relay-{Guid.NewGuid():n}");
        token ??= session == "demo" ? TestSecrets.Token : TestSecrets.OtherToken;
        var environment = ToolEnvironment.ForProduct(home);
        environment["FAIRLEAD_GATEWAY"] = gateway.ToString().TrimEnd('/');
        environment["FAIRLEAD_SESSION_ID"] = session;
        environment["FAIRLEAD_TOKEN_FILE"] = Path.Combine(home, "token");
        File.WriteAllText(environment["FAIRLEAD_TOKEN_FILE"], token + "\n");
        File.SetUnixFileMode(environment["FAIRLEAD_TOKEN_FILE"], UnixFileMode.UserRead | UnixFileMode.UserWrite);
        environment["FAIRLEAD_CA_BUNDLE"] = Path.Combine(home, "ca-bundle.crt");
        environment["FAIRLEAD_STATE_DIR"] = Path.Combine(home, "state");
        environment["FAIRLEAD_FAIL"] = "closed";
        if (gatewayCa is not null) environment["FAIRLEAD_GATEWAY_CA"] = gatewayCa;
        return environment;
    }

    public ValueTask DisposeAsync() => Program.DisposeAsync();

    private static async Task<Dictionary<string, string>> ReadAsync(string file, RunningProgram program, CancellationToken cancellationToken)
    {
        while (!File.Exists(file))
        {
            if (program.HasExited) throw new InvalidOperationException("the relay ended");
            await Task.Delay(Limits.Poll, cancellationToken);
        }

        var variables = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var line in await File.ReadAllLinesAsync(file, cancellationToken))
        {
            if (line.Split('=', 2) is [var name, var value]) variables[name] = value;
        }

        return variables;
    }
}
