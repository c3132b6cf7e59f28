using System.CommandLine;
using System.Text.Json;
using Fairlead.Relay.Doctor;
using Fairlead.Relay.Startup;
using Fairlead.Relay.Status;
using Fairlead.Relay.Trust;
using Fairlead.Wire;

namespace Fairlead.Relay;

/// <summary>
/// `fairlead doctor`: what works, what does not, and what helps.
/// <list type="number">
/// <item>The relay: the one that this shell uses; without one, a short-lived one of its own, for which the token is read and its file kept.</item>
/// <item>The way to the gateway, and what time it is there.</item>
/// <item>The CA and its bundle.</item>
/// <item>This shell, and the user's settings that win.</item>
/// <item>Each installed tool.</item>
/// </list>
/// </summary>
/// <param name="environment">The shell's environment.</param>
/// <param name="time">The clock that is compared with the gateway's.</param>
internal sealed class DoctorVerb(IReadOnlyDictionary<string, string> environment, TimeProvider time)
{
    private static readonly Option<bool> Json = new("--json") { Description = "As JSON." };
    private static readonly TimeSpan WayLimit = TimeSpan.FromSeconds(30);

    private readonly List<Check> _checks = [];

    /// <summary>The command for the parser.</summary>
    /// <param name="environment">The environment.</param>
    /// <param name="options">Reads the options that `run` and `relay` have too.</param>
    /// <param name="startOver">Makes this process fit to hold a token, before it reads one.</param>
    /// <param name="output">Takes the report.</param>
    public static Command Describe(IReadOnlyDictionary<string, string> environment, Func<ParseResult, RelayOptions> options, Action<RelayOptions> startOver, TextWriter output)
    {
        var doctor = new Command("doctor", "Checks the way to the gateway, the CA, this shell and every installed tool, and says what helps.") { Json };
        doctor.SetAction(async (parsed, cancellationToken) =>
        {
            var given = options(parsed);
            var report = await new DoctorVerb(environment, TimeProvider.System).RunAsync(given, () => startOver(given), cancellationToken);
            await output.WriteAsync(parsed.GetValue(Json) ? JsonSerializer.Serialize(report, DoctorJson.Default.DoctorReport) + "\n" : DoctorText.Of(report));
            return report.Healthy ? ExitCodes.Success : ExitCodes.Failure;
        });
        return doctor;
    }

    /// <summary>Looks at everything, and changes nothing.</summary>
    /// <param name="options">For a start; beside a running relay only the place of its state and of the token file count.</param>
    /// <param name="beforeToken">Called before a token is read.</param>
    /// <param name="cancellationToken">Gives up.</param>
    public async Task<DoctorReport> RunAsync(RelayOptions options, Action beforeToken, CancellationToken cancellationToken)
    {
        var (running, problem) = await StatusVerb.FindAsync(null, WithStateIn(options), cancellationToken);
        if (running is not null)
        {
            _checks.Add(Check.Ok("relay", $"127.0.0.1:{running.Port}, {running.State}, version {running.RelayVersion}"));
            _checks.Add(TokenIsGone(options.TokenFile));
            return await LookAsync(running, environment, options.Home, cancellationToken);
        }

        // A shell that names a relay which is not there; unless it is about to start one, and that is an egress proxy of this machine.
        if (StatusClient.PortIn(environment) is not null && (Gates.WhyOff(options.IsGatewayNeutral, options.SessionId, environment) is not null || !File.Exists(options.TokenFile)))
        {
            _checks.Add(Check.Failed("relay", problem!.TrimEnd('.'), "Start `fairlead relay` again and eval \"$(fairlead env)\", or run the command with `fairlead run`."));
            return new DoctorReport(_checks, []);
        }

        _checks.Add(Check.Skipped("relay", "none runs here; this is how a start would go"));
        return await RehearseAsync(options, beforeToken, cancellationToken);
    }

    private static Check TokenIsGone(string file) => File.Exists(file)
        ? Check.Failed("token", $"the token file {HostPort.Printable(file)} is still there, although a relay runs: every program of this user can read it", "Remove it, and make its directory writable for the relay's user.")
        : Check.Ok("token", "its file is gone; only the relay has it");

    private async Task<DoctorReport> RehearseAsync(RelayOptions options, Action beforeToken, CancellationToken cancellationToken)
    {
        if (Gates.WhyOff(options.IsGatewayNeutral, options.SessionId, environment) is { } gate)
        {
            _checks.Add(Check.Failed("gates", gate, "Give the option that it names, or run doctor beside the relay: fairlead run -- fairlead doctor."));
            return new DoctorReport(_checks, []);
        }

        _checks.Add(Check.Ok("gates", "a proxy is wanted here"));
        beforeToken();
        SessionToken token;
        try
        {
            token = TokenFile.Read(options.TokenFile, out var weakness);
            _checks.Add(weakness is null ? Check.Ok("token", "its file can be read; it stays") : Check.Warning("token", weakness, "Whoever starts the session writes it with mode 0600."));
        }
        catch (StepException e)
        {
            _checks.Add(Check.Failed("token", e.Cause, e.Remedy));
            return new DoctorReport(_checks, []);
        }

        var directory = Directory.CreateTempSubdirectory("fairlead-doctor-"); // mode 0700
        try
        {
            var rehearsal = options with { CaBundle = Path.Combine(directory.FullName, "ca-bundle.crt"), StateDirectory = directory.FullName, SystemTrust = false, BrowserTrust = false };
            var notes = new StringWriter();
            var outcome = await new RelayStartup(environment, new RelayLog(notes, isVerbose: false), time).StartWithTokenAsync(rehearsal, token, cancellationToken);
            if (outcome is not StartupOutcome.Started started)
            {
                var failed = (StartupOutcome.Failed)outcome;
                _checks.Add(Check.Failed(failed.Step.Contains("CA cert", StringComparison.Ordinal) ? "gateway" : failed.Step, failed.Cause, failed.Remedy));
                return new DoctorReport(_checks, []);
            }

            await using (started.Relay)
            {
                var tools = new Dictionary<string, string>(environment);
                foreach (var (name, value) in started.Relay.Environment) tools[name] = value;
                return await LookAsync(started.Relay.Status, tools, options.Home, cancellationToken);
            }
        }
        finally
        {
            directory.Delete(recursive: true);
        }
    }

    private async Task<DoctorReport> LookAsync(RelaySnapshot relay, IReadOnlyDictionary<string, string> shell, string home, CancellationToken cancellationToken)
    {
        _checks.Add(TrustChecks.Bundle(relay.Trust.CaBundle, relay.Trust.CaBundleSha256));
        var answer = await AskGatewayAsync(relay, cancellationToken);

        var shellChecks = new ShellChecks(shell, relay, home);
        _checks.AddRange([shellChecks.Proxy(), shellChecks.Direct(), shellChecks.BundleVariables()]);
        string? Find(string command) => CommandLookup.Find(command, shell.GetValueOrDefault("PATH"), out _);
        var probes = new ToolProbes(shell, Find);
        var conflicts = shellChecks.Conflicts();
        var tools = answer is not null && shellChecks.UsesRelay ? await probes.RunAsync(relay.Session, conflicts, cancellationToken) : [];

        // Whether or not the tool came through just now: it may be unsafe (certificates unchecked), or matter elsewhere.
        _checks.AddRange(conflicts.Select(conflict => new Check(
            "setting",
            Tools.All.Any(tool => tool.Name == conflict.Tool && tool.Commands.Count > 0 && tool.Commands.All(command => Find(command) is null)) ? CheckResult.Warning : CheckResult.Failed,
            $"{conflict.Tool}: {conflict.Key} in {HostPort.Printable(conflict.Place)}. {conflict.Consequence}",
            conflict.Remedy)));
        return new DoctorReport(_checks, tools);
    }

    private async Task<SelfTestAnswer?> AskGatewayAsync(RelaySnapshot relay, CancellationToken cancellationToken)
    {
        var way = relay.Gateway.EgressProxy is { } egress ? $"{relay.Gateway.Address}, through the egress proxy {egress}" : relay.Gateway.Address;
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(WayLimit);
        SelfTest test;
        try
        {
            test = await SelfTest.RunAsync(relay.Port, limit.Token);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            _checks.Add(Check.Failed("gateway", $"{way}: no answer within {WayLimit.TotalSeconds} s", "Look at the gateway, and at what is between."));
            return null;
        }

        if (test.Problem is { } problem)
        {
            // The relay has the reason by its kind; the sentence alone does not say what helps.
            var (status, _) = await StatusClient.AskAsync(relay.Port, cancellationToken);
            var last = status?.Refusals.FirstOrDefault(refusal => refusal.Host == $"{Protocol.SelfTestHost}:443");
            _checks.Add(Check.Failed("gateway", $"{way}: {problem}", last?.WhatToDo ?? "Look at the gateway's log, and update what is older than the other."));
            return null;
        }

        var answer = test.Answer!;
        _checks.Add(Check.Ok("gateway", $"{way}, version {answer.GatewayVersion}, session {answer.Session}"));
        _checks.Add(TrustChecks.Clock(answer.Time, time.GetUtcNow()));
        if (test.Leaf is not null) _checks.Add(TrustChecks.Authority(test.Leaf, test.Sent, relay.Trust.CaBundle, answer.Time));
        return answer;
    }

    // --state-dir may stand on the command line; the finder reads the variable.
    private Dictionary<string, string> WithStateIn(RelayOptions options) => new(environment) { ["FAIRLEAD_STATE_DIR"] = options.StateDirectory };
}
