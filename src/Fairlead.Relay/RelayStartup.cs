using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Fairlead.Relay.Startup;
using Fairlead.Relay.Status;
using Fairlead.Relay.Trust;
using Fairlead.Relay.Tunnel;
using Fairlead.Wire;

namespace Fairlead.Relay;

/// <summary>
/// STORY 1: from nothing to a relay that tools can use, in an order that matters.
/// <list type="number">
/// <item>Gates: is a proxy wanted here at all?</item>
/// <item>Read the session token. Its file stays.</item>
/// <item>Harden this process: from now on it holds a secret.</item>
/// <item>Fetch the gateway's CA and write the bundle. A relay that nobody trusts is useless, so this comes before the listener.</item>
/// <item>Listen.</item>
/// <item>Remove the token file. Not earlier: if step 4 or 5 fails, a supervisor's restart still finds it.</item>
/// </list>
/// </summary>
/// <param name="environment">The relay's own environment, as it was at the start.</param>
/// <param name="log">Takes warnings that do not stop the start-up.</param>
/// <param name="time">The clock of every limit.</param>
internal sealed class RelayStartup(IReadOnlyDictionary<string, string> environment, RelayLog log, TimeProvider time)
{
    private const string HardeningStep = "step 3 (process hardening)";

    /// <summary>Runs the six steps. Where one fails, nothing is left running; a token file is left as it was.</summary>
    /// <param name="options">What to do.</param>
    /// <param name="cancellationToken">Gives up.</param>
    public async Task<StartupOutcome> StartAsync(RelayOptions options, CancellationToken cancellationToken)
    {
        // 1. The gates.
        if (Gates.WhyOff(options.IsGatewayNeutral, options.SessionId, environment) is { } gate) return new StartupOutcome.Off(gate);
        var step = "step 1 (gates)";
        try
        {
            if (options.VariableProblem is { } problem) throw new StepException(problem, "Correct the variable.");
            var target = RequireTarget(options.Gateway, options.SessionId!);

            // 2. The token; nobody may be reading along. What of step 3 needs no token is done before it is here.
            step = HardeningStep;
            ProcessHardening.RefuseTracer();
            Harden();
            step = "step 2 (session token)";
            var token = TokenFile.Read(options.TokenFile, out var weakness);
            if (weakness is not null) log.Warning($"{step}: {weakness}");
            return await ServeAsync(options, target, token, removesTokenFile: true, cancellationToken);
        }
        catch (StepException e)
        {
            return new StartupOutcome.Failed(step, e.Cause, e.Remedy);
        }
    }

    /// <summary>Runs steps 3 to 6 with a token that came without a file: nothing is left to remove.</summary>
    /// <param name="options">What to do; gateway and session id are in it.</param>
    /// <param name="token">Taken over.</param>
    /// <param name="cancellationToken">Gives up.</param>
    public async Task<StartupOutcome> StartWithTokenAsync(RelayOptions options, SessionToken token, CancellationToken cancellationToken)
    {
        try
        {
            var target = RequireTarget(options.Gateway, options.SessionId ?? "");
            Harden();
            return await ServeAsync(options, target, token, removesTokenFile: false, cancellationToken);
        }
        catch (StepException e)
        {
            token.Dispose();
            return new StartupOutcome.Failed("step 1 (gates)", e.Cause, e.Remedy);
        }
    }

    private async Task<StartupOutcome> ServeAsync(
        RelayOptions options, RelayTarget target, SessionToken token, bool removesTokenFile, CancellationToken cancellationToken)
    {
        LoopbackListener? listener = null;
        ReadyWebSockets? ready = null;
        RelayDirectory? directory = null;
        var step = HardeningStep;
        var isStarted = false;
        try
        {
            // 3. The process: no swap, and no trust that came with the environment.
            if (token.KeepInMemory() is { } swappable) log.Warning($"{step}: {swappable}");
            ProcessHardening.ForgetInheritedTrust(hasRoots: options.GatewayCa is not null);

            // 4. The CA.
            step = "step 4 (CA certificate)";
            OpenSsl.Require();
            var egress = FindProxy(target.Gateway);
            var dialer = new GatewayDialer(target.Gateway, egress, ReadPinnedRoots(options.GatewayCa, target.Gateway), !options.NoReuse, time);
            var certificates = await GatewayCertificates.FetchAsync(target.Gateway, dialer, token.Reveal(), time, cancellationToken);
            step = "step 4 (CA bundle)";
            if (CaBundle.Write(options.CaBundle, certificates, options.SystemBundles) is { } lack) log.Warning(lack);

            // 5. The listener. An orphan of the command is still the command's: without us in between it would become a child of init.
            if (options.OnlyDescendants && OperatingSystem.IsLinux()) _ = LibC.AdoptOrphans();
            step = "step 5 (listen)";
            var status = new RelayStatus(new GatewayFacts(target.Gateway.ToString(), null, egress?.Endpoint.ToString(), options.GatewayCa), target.SessionId, time);
            ready = new ReadyWebSockets(stop => dialer.OpenTunnelAsync(token.Reveal(), stop), time);
            status.Ready = () => ready.Count;
            var session = new ConnectSession(new TunnelOpener(dialer, ready, options.OpenTimeout, time), target.SessionId, token, options.IdleTimeout, status, new LocalPeer(options.OnlyUsers, options.OnlyDescendants), log, time);
            listener = Listen(options, session, status);

            // 6. The token file.
            if (removesTokenFile && TokenFile.Destroy(options.TokenFile) is { } problem)
                log.Warning($"step 6 (remove the token file): {problem}; a child can read the token. Make its directory writable for this user.");

            var facts = new TrustFacts
            {
                Port = listener.Port,
                NoProxy = ChildEnvironment.NoProxy(target.Gateway.Endpoint.Host, options.NoProxyAdd, options.NoProxySet),
                CaBundle = options.CaBundle,
                Environment = environment,
                Home = options.Home,
                GitHttpsHosts = options.GitHttpsHosts,
            };
            directory = WriteFilesForTools(options.StateDirectory, ref facts);
            TellConflicts(facts);
            var stores = await InstallAsync(options, certificates, directory, cancellationToken);
            status.Trust = TrustReport.Of(facts, stores);
            isStarted = true;
            return new StartupOutcome.Started(new RunningRelay(listener, ready, token, status, directory, stores, facts));
        }
        catch (StepException e)
        {
            return new StartupOutcome.Failed(step, e.Cause, e.Remedy);
        }
        finally
        {
            if (!isStarted)
            {
                if (listener is not null) await listener.DisposeAsync();
                if (ready is not null) await ready.DisposeAsync();
                directory?.Dispose();
                token.Dispose();
            }
        }
    }

    // The relay works without them: every tool that reads one of the eight variables does.
    private RelayDirectory? WriteFilesForTools(string stateDirectory, ref TrustFacts facts)
    {
        try
        {
            var directory = RelayDirectory.Create(stateDirectory, RelayDirectory.ForEveryone);
            facts = directory.Write(facts, log.Warning);
            return directory;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            log.Warning(
                $"the files for Java, wget and others could not be written below {HostPort.Printable(stateDirectory)}: {HostPort.Printable(e.Message)}; these tools need options of their own. Name another --state-dir.");
            return null;
        }
    }

    // Only where an operator asked for it: these stores are not the relay's own.
    private async Task<IReadOnlyList<IAsyncDisposable>> InstallAsync(RelayOptions options, string certificates, RelayDirectory? directory, CancellationToken cancellationToken)
    {
        var path = environment.GetValueOrDefault("PATH");
        var stores = new List<IAsyncDisposable?>();
        try
        {
            if (options.SystemTrust) stores.Add(await SystemTrust.InstallAsync(SystemStore.Known, certificates, path, log.Warning, cancellationToken));
            if (options.BrowserTrust && directory is not null) stores.Add(await BrowserTrust.InstallAsync(options.Home, certificates, directory.Path, path, log.Warning, cancellationToken));
            return [.. stores.OfType<IAsyncDisposable>()];
        }
        catch (OperationCanceledException)
        {
            foreach (var store in stores.OfType<IAsyncDisposable>()) await store.DisposeAsync();
            throw;
        }
    }

    // Nothing is wrong with the relay, but a request that never comes to it is hard to find out about.
    private void TellConflicts(TrustFacts facts)
    {
        var conflicts = Conflicts.Find(facts);
        if (conflicts.Count == 0) return;
        foreach (var conflict in conflicts) log.Detail($"conflict, {conflict.Tool}: {HostPort.Printable($"{conflict.Key} ({conflict.Place})")}. {conflict.Consequence} {conflict.Remedy}");
        var first = HostPort.Printable($"{conflicts[0].Key} of {conflicts[0].Tool} ({conflicts[0].Place})");
        log.Notice($"{first}{(conflicts.Count == 1 ? " wins" : $" and {conflicts.Count - 1} more settings win")} over the relay's; `fairlead doctor` or --verbose names all and what to do");
    }

    private void Harden()
    {
        if (ProcessHardening.WasReadable)
            log.Detail("this program's file can be read by its user, whose other processes could open our memory while we started: install it root-owned with mode 0711");
        foreach (var weakness in ProcessHardening.ForbidDumping()) log.Warning($"{HardeningStep}: {weakness}");
    }

    private static RelayTarget RequireTarget(string? gateway, string sessionId)
    {
        if (gateway is null)
            throw new StepException("no gateway address is known", "Give --gateway, FAIRLEAD_GATEWAY or ANTHROPIC_BASE_URL.");
        if (!GatewayAddress.TryParse(gateway, out var address, out var problem))
            throw new StepException(problem, "Correct --gateway, FAIRLEAD_GATEWAY or ANTHROPIC_BASE_URL.");

        // RFC 7617 §2: the id is the user name of Basic credentials, where a colon ends it.
        return sessionId.Length is > 0 and <= 512 && sessionId.All(c => c is > ' ' and <= '~' and not ':')
            ? new RelayTarget(address, sessionId)
            : throw new StepException(
                $"expected a session id of 1 to 512 visible ASCII characters without ':', got '{HostPort.Printable(sessionId)}'",
                "Correct --session-id, FAIRLEAD_SESSION_ID or CLAUDE_CODE_REMOTE_SESSION_ID.");
    }

    private EgressProxy? FindProxy(GatewayAddress gateway) =>
        EgressProxy.TryFind(gateway, environment, out var proxy, out var problem)
            ? proxy
            : throw new StepException(problem, "Correct the variable, or list the gateway's host in NO_PROXY.");

    private static X509Certificate2Collection? ReadPinnedRoots(string? file, GatewayAddress gateway)
    {
        if (file is null || !gateway.IsTls) return null;
        const string Remedy = "Correct --gateway-ca or FAIRLEAD_GATEWAY_CA: a PEM file with the root certificates of the gateway.";
        try
        {
            var roots = new X509Certificate2Collection();
            roots.ImportFromPemFile(file);
            return roots.Count > 0 ? roots : throw new StepException($"the file of the gateway's roots {HostPort.Printable(file)} holds no PEM certificate", Remedy);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or CryptographicException)
        {
            throw new StepException($"the file of the gateway's roots {HostPort.Printable(file)} cannot be used: {e.Message}", Remedy, e);
        }
    }

    private LoopbackListener Listen(RelayOptions options, ConnectSession session, RelayStatus status)
    {
        try
        {
            return LoopbackListener.Start(options.Port, options.MaxTunnels, session.ServeAsync, log.Warning, () => status.Record(
                NoticeKind.Local, "", $"{options.MaxTunnels} tunnels are open, which is the limit.", "End some, or raise --max-tunnels."), time);
        }
        catch (SocketException e)
        {
            throw e.SocketErrorCode switch
            {
                SocketError.AddressAlreadyInUse => new StepException(
                    $"port {options.Port} on 127.0.0.1 is taken", "End the program that uses it, or leave --port and FAIRLEAD_PORT away to get a free one.", e),
                SocketError.AccessDenied => new StepException(
                    $"port {options.Port} on 127.0.0.1 is forbidden to this user", "Choose a port above 1023 with --port or FAIRLEAD_PORT.", e),
                _ => new StepException($"127.0.0.1 port {options.Port} cannot be listened on: {e.Message}", "Choose another port with --port or FAIRLEAD_PORT.", e),
            };
        }
    }

    /// <summary>Whom the relay talks to, and as whom.</summary>
    private sealed record RelayTarget(GatewayAddress Gateway, string SessionId);
}
