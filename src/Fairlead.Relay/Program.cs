using System.CommandLine;
using Fairlead.Relay.Startup;
using Fairlead.Wire;

namespace Fairlead.Relay;

/// <summary>The verbs of `fairlead` and their options.</summary>
internal static class Program
{
    private static readonly Option<string?> Gateway = Text("--gateway", "URL", "The gateway's address, http or https; a path is kept as prefix. [FAIRLEAD_GATEWAY, ANTHROPIC_BASE_URL]");
    private static readonly Option<string?> GatewayCa = Text("--gateway-ca", "FILE", "PEM roots that alone are trusted for an https gateway; default: the system's. [FAIRLEAD_GATEWAY_CA]");
    private static readonly Option<string?> SessionId = Text("--session-id", "ID", "The session's id. [FAIRLEAD_SESSION_ID, CLAUDE_CODE_REMOTE_SESSION_ID]");
    private static readonly Option<string?> TokenFile = Text("--token-file", "FILE", "Where the session's token waits; it is removed once the relay listens. Default /run/ccr/session_token. [FAIRLEAD_TOKEN_FILE]");
    private static readonly Option<string?> CaBundle = Text("--ca-bundle", "FILE", "Where the CA bundle for tools is written. Default ~/.ccr/ca-bundle.crt. [FAIRLEAD_CA_BUNDLE]");
    private static readonly Option<string?> Port = Text("--port", "N", "Port on 127.0.0.1. Default 0: a free one. [FAIRLEAD_PORT]");
    private static readonly Option<string?> NoProxyAdd = Text("--no-proxy-add", "LIST", "Hosts that tools reach directly, on top of the default list. [FAIRLEAD_NO_PROXY_ADD]");
    private static readonly Option<string?> NoProxySet = Text("--no-proxy-set", "LIST", "Hosts that tools reach directly, instead of the default list. [FAIRLEAD_NO_PROXY_SET]");
    private static readonly Option<string?> GitHttps = Text("--git-https", "HOSTS", "Hosts for which git uses https where ssh is asked for. [FAIRLEAD_GIT_HTTPS]");
    private static readonly Option<string?> Fail = Text("--fail", "open|closed", "When the proxy cannot be had: run the command without it, or start nothing (exit 78). Default open. [FAIRLEAD_FAIL]");
    private static readonly Option<string?> StateDirectory = Text("--state-dir", "DIR", "Where `relay` leaves the environment for `env`. Default ~/.fairlead. [FAIRLEAD_STATE_DIR]");
    private static readonly Option<int?> MaxTunnels = new("--max-tunnels") { HelpName = "N", Description = "Tunnels open at a time; the next is answered 503. Default 1024." };
    private static readonly Option<bool> SystemTrust = new("--system-trust") { Description = "Put the gateway's CA into the system's store while the relay runs; takes root." };
    private static readonly Option<bool> BrowserTrust = new("--browser-trust") { Description = "Put the gateway's CA into the databases of Chromium and Firefox while the relay runs; takes certutil." };
    private static readonly Option<string?> OpenTimeout = Text("--open-timeout", "SECONDS", "How long a tunnel may take to open; a gateway that is away is tried again until then. Default 10. [FAIRLEAD_OPEN_TIMEOUT]");
    private static readonly Option<string?> IdleTimeout = Text("--idle-timeout", "SECONDS", "How long a tunnel may carry no byte before it is cut. Default 3600. [FAIRLEAD_IDLE_TIMEOUT]");
    private static readonly Option<string?> OnlyUid = Text("--only-uid", "UID[,UID]", "Only these users' connections are served; others are answered 403. [FAIRLEAD_ONLY_UID]");
    private static readonly Option<bool> NoReuse = new("--no-reuse") { Description = "Open a WebSocket to the gateway for each tunnel, and close it with the tunnel. [FAIRLEAD_NO_REUSE=1]" };
    private static readonly Option<bool> OnlyDescendants = new("--only-descendants") { Description = "Only connections of what the command started are served; others are answered 403. [FAIRLEAD_ONLY_DESCENDANTS=1]" };
    private static readonly Option<bool> Verbose = new("--verbose") { Description = "One line on stderr for each tunnel." };
    private static readonly Option<string?> Local = Text("--local", "FILE", "Start a fairlead-gateway with this configuration for the command alone. Nothing is started when that fails.");
    private static readonly Option<string?> Session = Text("--session", "ID", "With --local: which session of the configuration to be.");
    private static readonly Option<string?> EnvironmentFile = Text("--env-file", "FILE", "Once the relay listens, write the environment that tools need there too, as NAME=value lines (docker --env-file, systemd).");
    private static readonly Option<string?> ReadyFile = Text("--ready-file", "FILE", "A file that is there while the relay listens: a probe for those who wait for it.");
    private static readonly Option<int?> Drain = new("--drain") { HelpName = "SECONDS", Description = "How long open tunnels may last after SIGTERM. Default 10." };
    private static readonly Argument<string[]> CommandLine = new("command") { Arity = ArgumentArity.OneOrMore, HelpName = "command [args...]", Description = "The command to run; write -- before it." };

    private static readonly Argument<string> DockerCommand = new("build|run") { Description = "Which of docker's commands the options are for." };

    private static readonly StreamWriter StandardOutput = StandardStream.Writer(1);
    private static readonly StreamWriter StandardError = StandardStream.Writer(2);

    public static async Task<int> Main(string[] args)
    {
        // The child gets what we got: captured before anything of ours changes it.
        var environment = CleanStart.OriginalEnvironment();
        var configuration = new ParserConfiguration { ResponseFileTokenReplacer = null, EnablePosixBundling = false };
        var parsed = Describe(environment).Parse(args, configuration);
        // ProcessTerminationTimeout: signals are ours to handle, `run` passes them on.
        var invocation = new InvocationConfiguration { ProcessTerminationTimeout = null, EnableDefaultExceptionHandler = false, Output = StandardOutput, Error = StandardError };
        try
        {
            if (parsed.Errors.Count == 0 || parsed.Action is System.CommandLine.Help.HelpAction) return await parsed.InvokeAsync(invocation);
            foreach (var error in parsed.Errors) await StandardError.WriteLineAsync($"fairlead: {error.Message}");
            await StandardError.WriteLineAsync($"fairlead: see `{Name(parsed)} --help`");
        }
        catch (OptionException e)
        {
            await StandardError.WriteLineAsync($"fairlead: {e.Message}");
        }

        return ExitCodes.Usage;
    }

    private static RootCommand Describe(Dictionary<string, string> environment)
    {
        Option[] shared = [Gateway, GatewayCa, SessionId, TokenFile, CaBundle, Port, NoProxyAdd, NoProxySet, GitHttps, Fail, StateDirectory, SystemTrust, BrowserTrust, MaxTunnels, OnlyUid, OpenTimeout, IdleTimeout, NoReuse, Verbose];

        var run = new Command("run", "Runs one command with the proxy: starts a relay, gives the command its environment, and ends with the command's exit code.") { CommandLine, Local, Session, OnlyDescendants };
        run.SetAction((parsed, cancellationToken) =>
        {
            var options = RelayOptions.From(Flags(parsed), environment);
            var verb = new RunVerb(environment, new RelayLog(StandardError, parsed.GetValue(Verbose)));
            var command = parsed.GetValue(CommandLine)!;
            // The parser takes an option that it does not know for the command.
            if (command[0].StartsWith('-')) throw new OptionException($"unknown option {HostPort.Printable(command[0])}; see `fairlead run --help`");
            StartOver(options, parsed.GetValue(Local) is not null, environment);
            if (parsed.GetValue(Local) is { } file) return verb.RunLocallyAsync(options, file, parsed.GetValue(Session), command, cancellationToken);
            if (parsed.GetValue(Session) is not null) throw new OptionException("--session: goes with --local; the id of a session at a remote gateway is --session-id");
            return verb.RunAsync(options, command, cancellationToken);
        });

        var relay = new Command("relay", "Runs a relay by itself until SIGTERM or SIGINT; `fairlead env` tells tools how to use it.") { EnvironmentFile, ReadyFile, Drain };
        relay.SetAction((parsed, cancellationToken) =>
        {
            var options = RelayOptions.From(Flags(parsed), environment);
            var drain = parsed.GetValue(Drain) ?? 10;
            var environmentFile = parsed.GetValue(EnvironmentFile) is { } env ? RelayOptions.FullPath(env, "--env-file") : null;
            var readyFile = parsed.GetValue(ReadyFile) is { } ready ? RelayOptions.FullPath(ready, "--ready-file") : null;
            if (drain is < 0 or > 3600) throw new OptionException($"--drain: expected 0 to 3600 seconds, got {drain}");
            // Whose descendants? What this process starts is nobody; what its parent is, differs from one supervisor to the next.
            if (options.OnlyDescendants) throw new OptionException("FAIRLEAD_ONLY_DESCENDANTS: goes with `fairlead run`; `fairlead relay` starts no command. --only-uid (FAIRLEAD_ONLY_UID) can be used here");
            StartOver(options, isLocal: false, environment);
            return new RelayVerb(environment, new RelayLog(StandardError, parsed.GetValue(Verbose)))
                .RunAsync(options, environmentFile, readyFile, TimeSpan.FromSeconds(drain), cancellationToken);
        });

        var doctor = DoctorVerb.Describe(
            environment, parsed => RelayOptions.From(Flags(parsed), environment), options => StartOver(options, isLocal: false, environment), StandardOutput);

        foreach (var option in shared)
        {
            doctor.Options.Add(option);
            run.Options.Add(option);
            relay.Options.Add(option);
        }

        var env = new Command("env", "Prints the environment of a running `fairlead relay` for a shell: eval \"$(fairlead env)\".") { StateDirectory };
        env.SetAction(async (parsed, cancellationToken) =>
        {
            var (lines, problem) = await StateFile.ReadAsync(RelayOptions.StateDirectoryFrom(parsed.GetValue(StateDirectory), environment), cancellationToken);
            if (lines is null) await StandardError.WriteLineAsync($"fairlead: {problem}");
            else StandardOutput.Write(lines);
            return lines is null ? ExitCodes.Failure : ExitCodes.Success;
        });

        var docker = new Command("docker-args", DockerArgumentsVerb.Description) { DockerCommand, StateDirectory };
        DockerCommand.AcceptOnlyFromAmong("build", "run");
        docker.SetAction(async (parsed, cancellationToken) =>
        {
            var (arguments, problem) = await new DockerArgumentsVerb(environment)
                .ArgumentsAsync(parsed.GetValue(DockerCommand) == "build", RelayOptions.StateDirectoryFrom(parsed.GetValue(StateDirectory), environment), cancellationToken);
            if (arguments is null) await StandardError.WriteLineAsync($"fairlead: {problem}");
            else StandardOutput.WriteLine(arguments);
            return arguments is null ? ExitCodes.Failure : ExitCodes.Success;
        });

        return new RootCommand("The container's side of Fairlead: an HTTP CONNECT proxy on 127.0.0.1 that carries each tunnel to a gateway.")
        {
            run, relay, env, docker,
            StatusVerb.Describe(StateDirectory, environment, StandardOutput, StandardError),
            doctor,
        };
    }

    // Only a process that will hold a token needs to, and it must before it does.
    private static void StartOver(RelayOptions options, bool isLocal, Dictionary<string, string> environment)
    {
        if (!isLocal && Gates.WhyOff(options.IsGatewayNeutral, options.SessionId, environment) is not null) return;
        if (CleanStart.Ensure(environment) is { } weakness) new RelayLog(StandardError, isVerbose: false).Warning($"step 3 (process hardening): {weakness}");
    }

    private static RelayFlags Flags(ParseResult parsed) => new()
    {
        Gateway = parsed.GetValue(Gateway),
        GatewayCa = parsed.GetValue(GatewayCa),
        SessionId = parsed.GetValue(SessionId),
        TokenFile = parsed.GetValue(TokenFile),
        CaBundle = parsed.GetValue(CaBundle),
        Port = parsed.GetValue(Port),
        NoProxyAdd = parsed.GetValue(NoProxyAdd),
        NoProxySet = parsed.GetValue(NoProxySet),
        GitHttps = parsed.GetValue(GitHttps),
        Fail = parsed.GetValue(Fail),
        StateDirectory = parsed.GetValue(StateDirectory),
        SystemTrust = parsed.GetValue(SystemTrust),
        BrowserTrust = parsed.GetValue(BrowserTrust),
        NoReuse = parsed.GetValue(NoReuse),
        MaxTunnels = parsed.GetValue(MaxTunnels),
        OpenTimeout = parsed.GetValue(OpenTimeout),
        IdleTimeout = parsed.GetValue(IdleTimeout),
        OnlyUid = parsed.GetValue(OnlyUid),
        OnlyDescendants = parsed.CommandResult.Command.Options.Contains(OnlyDescendants) && parsed.GetValue(OnlyDescendants),
    };

    private static string Name(ParseResult parsed) => parsed.CommandResult.Command is RootCommand ? "fairlead" : $"fairlead {parsed.CommandResult.Command.Name}";

    private static Option<string?> Text(string name, string value, string description) => new(name) { HelpName = value, Description = description };
}
