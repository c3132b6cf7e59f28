using Fairlead.Gateway;
using Fairlead.Gateway.Sessions;
using Microsoft.Extensions.Logging.Abstractions;

namespace Fairlead.Tests.Gateway;

/// <summary>A configuration that is loaded again, by the one who does so.</summary>
public sealed class ConfigWatcherTests
{
    private const UnixFileMode Executable = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;

    [Fact]
    public async Task Who_is_revoked_does_not_wait_for_a_store_that_is_slow()
    {
        using var folder = new TempFolder();
        // It gives the secret at once while 'go' is there.
        File.SetUnixFileMode(folder.Write("store", $"#!/bin/sh\ntouch '{folder["asked"]}'\nwhile [ ! -e '{folder["go"]}' ]; do sleep 0.05; done\necho FAKE-secret-of-a-store\n"), Executable);
        folder.Write("go", "");
        folder.Write("token", "FAKE-token-of-the-session-demo-0123456789");
        var file = folder.Write("fairlead.yaml", """
            version: 1
            listen: http://127.0.0.1:0
            ca: { directory: ./ca }
            secrets: { slow: { from: exec, command: [./store] } }
            credentials: { slow: { use: bearer, secret: slow, hosts: [api.test] } }
            policies: { default: { from: credentials, rules: [] } }
            sessions: [{ id: demo, token: { from: file, path: ./token }, policy: default, credentials: [slow] }]
            revocations: ./revoked
            audit: { file: ./audit.jsonl }
            """);
        using var watcher = new ConfigWatcher(file);
        watcher.LoadFirst(null);
        File.Delete(folder["asked"]);
        File.Delete(folder["go"]);
        var revoked = new TaskCompletionSource<bool>(TaskCreationOptions.RunContinuationsAsynchronously);
        var applied = new TaskCompletionSource<IReadOnlySet<string>>(TaskCreationOptions.RunContinuationsAsynchronously);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Limits.Token);
        var running = watcher.RunAsync(
            options => applied.TrySetResult(options.SessionSet.Revoked),
            ids => _ = ids.Contains("demo") && revoked.TrySetResult(applied.Task.IsCompleted),
            new GatewayHealth(),
            NullLogger.Instance,
            stop.Token);

        await File.AppendAllTextAsync(file, "\n", Limits.Token);
        while (!File.Exists(folder["asked"])) await Task.Delay(20, Limits.Token);
        Revocations.Add(folder["revoked"], "demo", DateTimeOffset.UnixEpoch);
        var wasApplied = await Task.WhenAny(revoked.Task, Task.Delay(TimeSpan.FromSeconds(8), Limits.Token)) == revoked.Task ? await revoked.Task : (bool?)null;
        folder.Write("go", "");

        Assert.False(wasApplied ?? throw new TimeoutException("the revocation waited for the store"));
        // What was read before does not undo it.
        Assert.Contains("demo", await applied.Task.WaitAsync(Limits.Token));
        await stop.CancelAsync();
        await running;
    }
}
