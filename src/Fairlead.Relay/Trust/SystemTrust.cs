using System.Globalization;
using System.Text;
using Fairlead.Relay.Startup;

namespace Fairlead.Relay.Trust;

/// <summary>Puts the gateway's CA into the system's store while a relay runs: with --system-trust, for tools that read nothing else.</summary>
internal sealed class SystemTrust : IAsyncDisposable
{
    private const string Prefix = "fairlead-relay-";
    private readonly string _command;
    private readonly IReadOnlyList<string> _files;
    private readonly Action<string> _warn;

    private SystemTrust(string command, IReadOnlyList<string> files, Action<string> warn) => (_command, _files, _warn) = (command, files, warn);

    /// <summary>Adds the certificates, and removes those of relays that died.</summary>
    /// <param name="stores">Candidates.</param>
    /// <param name="gatewayCertificates">PEM.</param>
    /// <param name="path">The PATH variable, or null.</param>
    /// <param name="warn">Takes the line when it cannot be done.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>What removes them again, or null when nothing was added.</returns>
    public static async Task<SystemTrust?> InstallAsync(
        IReadOnlyList<SystemStore> stores, string gatewayCertificates, string? path, Action<string> warn, CancellationToken cancellationToken)
    {
        var found = stores.Select(store => (store.Directory, Command: Find(store.Command, path))).FirstOrDefault(store => store.Command is not null && Directory.Exists(store.Directory));
        if (found.Command is null)
        {
            warn("--system-trust: no known store of the system was found (install ca-certificates); tools that read the system's store alone do not trust the gateway");
            return null;
        }

        cancellationToken.ThrowIfCancellationRequested();
        var files = new List<string>();
        var trust = new SystemTrust(found.Command, files, warn);
        try
        {
            RemoveLeft(found.Directory);
            foreach (var certificate in StoreCommand.Certificates(gatewayCertificates))
            {
                // One certificate in each file, as update-ca-certificates(8) wants it.
                var file = Path.Combine(found.Directory, string.Create(CultureInfo.InvariantCulture, $"{Prefix}{Environment.ProcessId}-{files.Count + 1}.crt"));
                using var stream = new FileStream(file, FileMode.CreateNew, FileAccess.Write);
                files.Add(file);
                stream.Write(Encoding.ASCII.GetBytes(certificate));
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            foreach (var file in files) File.Delete(file);
            warn($"--system-trust: {found.Directory} cannot be written: {e.Message}; it takes root. Tools that read the system's store alone do not trust the gateway");
            return null;
        }

        // To its end: half a store is worse than a late one.
        if ((await StoreCommand.RunAsync(found.Command, [], CancellationToken.None)).Problem is { } problem) warn($"--system-trust: {problem}");
        return trust;
    }

    /// <summary>Removes the certificates.</summary>
    public async ValueTask DisposeAsync()
    {
        try
        {
            foreach (var file in _files) File.Delete(file);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            _warn($"--system-trust: the gateway's CA stays in the system's store: {e.Message}");
        }

        if ((await StoreCommand.RunAsync(_command, [], CancellationToken.None)).Problem is { } problem) _warn($"--system-trust: the gateway's CA may stay in the system's store: {problem}");
    }

    private static string? Find(string command, string? path) =>
        CommandLookup.Find(command, path, out _) ?? CommandLookup.Find(command, "/usr/sbin:/sbin:/usr/bin:/bin", out _);

    private static void RemoveLeft(string directory)
    {
        foreach (var file in Directory.EnumerateFiles(directory, $"{Prefix}*.crt"))
        {
            // The store is this container's own, and so are the process ids.
            if (Path.GetFileNameWithoutExtension(file)[Prefix.Length..].Split('-') is not [{ Length: > 0 } process, { Length: > 0 } number]) continue;
            if (process.All(char.IsAsciiDigit) && number.All(char.IsAsciiDigit) && (process == $"{Environment.ProcessId}" || !Directory.Exists($"/proc/{process}"))) File.Delete(file);
        }
    }
}
