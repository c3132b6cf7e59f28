using System.Runtime.InteropServices;
using System.Security.Cryptography;
using Fairlead.Gateway.Configuration;

namespace Fairlead.Gateway;

/// <summary>
/// Loads the configuration again when it has changed, or at SIGHUP. A file that does not load changes nothing: the gateway goes on as it was, and
/// says why once. The file is read rather than watched: mounted configurations are replaced through links, of which a watch on the file learns nothing.
/// </summary>
/// <param name="path">The file.</param>
/// <param name="apply">Puts what was loaded into force.</param>
/// <param name="logger">Takes a line for each change.</param>
internal sealed class ConfigWatcher(string path, Action<GatewayOptions> apply, ILogger logger) : IDisposable
{
    // Two looks must agree before the file is loaded, so that one that is just being written is not: within half a second, all in all.
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(200);

    private readonly SemaphoreSlim _asked = new(0);
    private PosixSignalRegistration? _hangUp;
    private IReadOnlyList<string> _files = [];

    /// <summary>Watches until it is stopped. Never throws.</summary>
    /// <param name="loaded">What is in force.</param>
    /// <param name="stopping">Ends it.</param>
    public async Task RunAsync(GatewayOptions loaded, CancellationToken stopping)
    {
        _files = FilesOf(loaded);
        using var registration = _hangUp = PosixSignalRegistration.Create(PosixSignal.SIGHUP, context =>
        {
            context.Cancel = true;
            _asked.Release();
        });
        var (inForce, last) = (Fingerprint(), (string?)null);
        try
        {
            while (true)
            {
                var isAsked = await _asked.WaitAsync(Interval, stopping);
                var now = Fingerprint();
                var hasSettled = now == last;
                last = now;
                if (!isAsked && (now == inForce || !hasSettled)) continue;
                inForce = now;
                Load();
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

    private void Load()
    {
        try
        {
            var options = ConfigFile.Load(path, local: null);
            _files = FilesOf(options);
            apply(options);
        }
        catch (ConfigException e)
        {
            logger.ConfigRefused(path, e.Message);
        }
        catch (Exception e)
        {
            logger.ConfigRefused(path, e.ToString());
        }
    }

    private string[] FilesOf(GatewayOptions options) => [path, .. options.SecretFiles];

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
                // That it cannot be read is a state too, and a change of it.
                hash.AppendData([0]);
            }
        }

        return Convert.ToHexString(hash.GetHashAndReset());
    }
}
