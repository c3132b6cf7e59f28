using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using Fairlead.Gateway.Configuration;
using Fairlead.Gateway.Sessions;

namespace Fairlead.Gateway;

/// <summary>
/// Loads the configuration again when it has changed, or at SIGHUP. A file that does not load changes nothing: the gateway goes on as it was, and
/// says why once. The file is read rather than watched: mounted configurations are replaced through links, of which a watch on the file learns nothing.
/// </summary>
/// <param name="path">The file.</param>
internal sealed class ConfigWatcher(string path) : IDisposable
{
    // Two looks must agree before the file is loaded, so that one that is just being written is not: within half a second, all in all.
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(200);

    // What was refused may become good without a change of its own: a secret's file arrives later than the configuration that names it.
    private static readonly TimeSpan RetryInterval = TimeSpan.FromSeconds(2);

    private readonly SemaphoreSlim _asked = new(0);
    private PosixSignalRegistration? _hangUp;
    private string? _revocationsFile;
    private IReadOnlyList<string> _files = [path];
    private string _inForce = "";
    private string? _refusal;
    private long _refused;

    /// <summary>Loads the file for the first time.</summary>
    /// <exception cref="ConfigException">It does not load.</exception>
    public GatewayOptions LoadFirst(LocalSession? local)
    {
        // Before anything is read: from now on the signal means to read again, and does not end the process.
        _hangUp = PosixSignalRegistration.Create(PosixSignal.SIGHUP, context =>
        {
            context.Cancel = true;
            _asked.Release();
        });
        return Read(() => ConfigFile.Load(path, local));
    }

    /// <summary>Watches until it is stopped. Never throws.</summary>
    /// <param name="apply">Puts what was loaded into force.</param>
    /// <param name="revoke">Puts a list of revoked sessions into force, whatever the rest of the configuration is like.</param>
    /// <param name="health">Is told.</param>
    /// <param name="logger">Takes a line for each change.</param>
    /// <param name="stopping">Ends it.</param>
    public async Task RunAsync(Action<GatewayOptions> apply, Action<IReadOnlySet<string>> revoke, GatewayHealth health, ILogger logger, CancellationToken stopping)
    {
        string? last = null;
        try
        {
            while (true)
            {
                var isAsked = await _asked.WaitAsync(Interval, stopping);
                var now = Fingerprint();
                var hasChanged = now != _inForce && now == last;
                last = now;
                var isDue = _refusal is not null && Stopwatch.GetElapsedTime(_refused) >= RetryInterval;
                if (!isAsked && !hasChanged && !isDue) continue;
                _inForce = now;
                await LoadAsync(apply, revoke, health, logger, stopping);
            }
        }
        catch (OperationCanceledException) when (stopping.IsCancellationRequested)
        {
            // The gateway stops.
        }
    }

    public void Dispose()
    {
        _hangUp?.Dispose();
        _asked.Dispose();
    }

    private async Task LoadAsync(Action<GatewayOptions> apply, Action<IReadOnlySet<string>> revoke, GatewayHealth health, ILogger logger, CancellationToken stopping)
    {
        try
        {
            // Who is revoked is not to wait until somebody has mended another part of the file, nor for a store that is slow to give a secret.
            var file = _revocationsFile;
            if (file is not null) revoke(Revocations.Read(file));
            var loading = Task.Run(() => Read(() => ConfigFile.Load(path, local: null, isFirst: false)), CancellationToken.None);
            while (await Task.WhenAny(loading, Task.Delay(Interval, stopping)) != loading)
            {
                stopping.ThrowIfCancellationRequested();
                if (file is not null && ReadRevoked(file) is { } revoked) revoke(revoked);
            }

            var options = await loading;
            // What was revoked while it was loaded stays revoked.
            if (options.RevocationsFile is { } list && ReadRevoked(list) is { } now) options = options with { SessionSet = options.SessionSet with { Revoked = now } };
            _refusal = null;
            apply(options);
            health.Applied();
        }
        catch (Exception e) when (e is not OperationCanceledException || !stopping.IsCancellationRequested)
        {
            var problem = e is ConfigException ? e.Message : e.ToString();
            if (problem != _refusal) logger.ConfigRefused(path, problem);
            if (problem != _refusal) health.Refused(problem);
            (_refusal, _refused) = (problem, Stopwatch.GetTimestamp());
        }
    }

    // One that cannot be read now is read again, and reported, with the rest.
    private static IReadOnlySet<string>? ReadRevoked(string file)
    {
        try
        {
            return Revocations.Read(file);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    // What is in force is what was read: a file that was changed meanwhile, or was not looked at before, is read again.
    private GatewayOptions Read(Func<GatewayOptions> load)
    {
        var (files, before) = (_files, Fingerprint());
        var options = load();
        _files = FilesOf(options);
        _revocationsFile = options.RevocationsFile;
        _inForce = files.SequenceEqual(_files) && Fingerprint() == before ? before : "";
        return options;
    }

    private string[] FilesOf(GatewayOptions options) => [path, .. options.SecretFiles, .. options.WatchedFiles];

    private string Fingerprint()
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var file in _files)
        {
            try
            {
                hash.AppendData(SHA256.HashData(File.ReadAllBytes(file)));
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                // That it is not there, or cannot be read, are states too, and changes of it.
                hash.AppendData(e is FileNotFoundException or DirectoryNotFoundException ? [0] : [1]);
            }
        }

        return Convert.ToHexString(hash.GetHashAndReset());
    }
}
