using System.CommandLine;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.Json;
using Fairlead.Gateway;
using Fairlead.Gateway.Configuration;

// sysexits.h: EX_CONFIG, as the relay uses it.
const int configurationError = 78;

var config = new Option<FileInfo>("--config", "-c") { Description = "the configuration file (YAML, version 1)", Required = true };
var local = new Option<bool>("--local")
{
    Description = "serve one relay of this machine, as `fairlead run --local` does: listen on a free loopback port, take the session's token as "
        + "a line of standard input, print where to connect as a line of JSON, and end when standard input ends",
};
var session = new Option<string?>("--session") { Description = "with --local: the session to serve; default: the first of the file" };
var serve = new Command("serve", "Run the gateway until SIGTERM or SIGINT.") { config, local, session };
serve.SetAction((result, cancellationToken) => ServeAsync(result.GetRequiredValue(config).FullName, result.GetValue(local), result.GetValue(session), cancellationToken));
var root = new RootCommand("fairlead-gateway: decides what containers may reach, adds the organisation's credentials, and records it.") { serve, PolicyVerb.Describe(), SessionVerb.Describe(), CaVerb.Describe(), AuditVerb.Describe(), CredentialsVerb.Describe() };
return await root.Parse(args).InvokeAsync(new InvocationConfiguration { ProcessTerminationTimeout = null });

static async Task<int> ServeAsync(string configFile, bool isLocal, string? sessionId, CancellationToken cancellationToken)
{
    _ = Task.Run(WarmUp.RunAsync, CancellationToken.None);
    using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
    using var onTerminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);
    using var onInterrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop);
    try
    {
        using var watcher = new ConfigWatcher(configFile);
        var options = watcher.LoadFirst(isLocal ? new LocalSession(sessionId, await ReadTokenAsync(stop.Token)) : null);
        // In local mode standard error is the command's: it has room for what went wrong only.
        await using var app = await GatewayApp.StartAsync(options, isLocal ? LogLevel.Warning : LogLevel.Information, stop.Token);
        await Console.Out.WriteLineAsync(isLocal ? LocalAnnouncement(app.Address, options) : string.Create(CultureInfo.InvariantCulture, $"listening on {app.Address}"));
        _ = Task.Run(Rehearsal.RunAsync, CancellationToken.None);
        if (app.AdminAddress is { } admin) await Console.Out.WriteLineAsync($"administration on {admin}");
        if (isLocal) await WaitForEndOfInputAsync(stop.Token);
        else await watcher.RunAsync(app.Apply, app.Revoke, app.Health, app.Logger, stop.Token);
        return 0;
    }
    catch (OperationCanceledException) when (stop.IsCancellationRequested)
    {
        return 0;
    }
    catch (ConfigException e)
    {
        await Console.Error.WriteLineAsync($"fairlead-gateway: the configuration does not load\n{e.Message}");
        return configurationError;
    }
    catch (Exception e) when (e is InvalidDataException or IOException or UnauthorizedAccessException)
    {
        await Console.Error.WriteLineAsync($"fairlead-gateway: {e.Message}");
        return configurationError;
    }

    void Stop(PosixSignalContext context)
    {
        context.Cancel = true;
        // A terminal's Ctrl-C reaches all of its foreground group. In local mode it is meant for the command, which may well go on.
        if (!isLocal || context.Signal != PosixSignal.SIGINT) stop.Cancel();
    }
}

static async Task<string> ReadTokenAsync(CancellationToken cancellationToken) =>
    await Console.In.ReadLineAsync(cancellationToken) is { Length: > 0 } token ? token : throw new ConfigException("--local: expected the session's token as a line of standard input");

// The relay that started us holds the other end; when it is gone, however it went, so are we.
static async Task WaitForEndOfInputAsync(CancellationToken cancellationToken)
{
    while (await Console.In.ReadLineAsync(cancellationToken) is not null) { }
}

static string LocalAnnouncement(string address, GatewayOptions options)
{
    using var stream = new MemoryStream();
    using (var json = new Utf8JsonWriter(stream))
    {
        json.WriteStartObject();
        json.WriteString("url", address);
        json.WriteString("session", options.Sessions[0].Id);
        json.WriteStartArray("remove_environment");
        foreach (var name in options.SecretVariables) json.WriteStringValue(name);
        json.WriteEndArray();
        json.WriteEndObject();
    }

    return System.Text.Encoding.UTF8.GetString(stream.ToArray());
}
