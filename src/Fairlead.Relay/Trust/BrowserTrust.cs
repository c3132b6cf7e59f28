using Fairlead.Relay.Startup;

namespace Fairlead.Relay.Trust;

/// <summary>
/// Puts the gateway's CA into the databases that Chromium and Firefox read (NSS, cert9.db) while a relay runs: with --browser-trust. No variable
/// points a browser at another database, and this one is the user's, so it is not touched without being asked for.
/// </summary>
internal sealed class BrowserTrust : IAsyncDisposable
{
    private const string Prefix = "fairlead ";
    private readonly string _certutil;
    private readonly Action<string> _warn;
    private readonly List<(string Database, string Name)> _added = [];

    private BrowserTrust(string certutil, Action<string> warn) => (_certutil, _warn) = (certutil, warn);

    /// <summary>Adds the CA to every database, and removes those of relays that died; the database of Chromium is made where there is none.</summary>
    /// <param name="home">The home directory.</param>
    /// <param name="gatewayCertificates">PEM.</param>
    /// <param name="relayDirectory">The running relay's own, for a file and a name of its own.</param>
    /// <param name="path">The PATH variable, or null.</param>
    /// <param name="warn">Takes the line when it cannot be done.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>What removes it again, or null when nothing was added.</returns>
    public static async Task<BrowserTrust?> InstallAsync(
        string home, string gatewayCertificates, string relayDirectory, string? path, Action<string> warn, CancellationToken cancellationToken)
    {
        if (CommandLookup.Find("certutil", path, out _) is not { } certutil)
        {
            warn("--browser-trust: certutil was not found (Debian: libnss3-tools, Fedora: nss-tools); browsers do not trust the gateway");
            return null;
        }

        var trust = new BrowserTrust(certutil, warn);
        foreach (var database in Databases(home))
        {
            try
            {
                if (await trust.AddAsync(database, gatewayCertificates, relayDirectory, cancellationToken) is { } problem) warn($"--browser-trust: {database}: {problem}");
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                warn($"--browser-trust: {database}: {e.Message}");
            }
        }

        return trust;
    }

    /// <summary>Removes it.</summary>
    public async ValueTask DisposeAsync()
    {
        foreach (var (database, name) in _added)
        {
            if ((await RemoveAsync(database, name)).Problem is { } problem) _warn($"--browser-trust: the gateway's CA stays in {database}: {problem}");
        }
    }

    // Chromium reads ~/.pki/nssdb, newer ones ~/.local/share/pki/nssdb where the first is not; each profile of Firefox is a database.
    private static IEnumerable<string> Databases(string home)
    {
        var chromium = Path.Combine(home, ".pki", "nssdb");
        var newer = Path.Combine(home, ".local", "share", "pki", "nssdb");
        yield return Directory.Exists(newer) && !Directory.Exists(chromium) ? newer : chromium;
        var profiles = Path.Combine(home, ".mozilla", "firefox");
        if (!Directory.Exists(profiles)) yield break;
        foreach (var profile in Directory.EnumerateDirectories(profiles).Where(profile => File.Exists(Path.Combine(profile, "cert9.db")))) yield return profile;
    }

    private async Task<string?> AddAsync(string database, string certificates, string relayDirectory, CancellationToken cancellationToken)
    {
        if (File.Exists(Path.Combine(database, "cert9.db"))) await RemoveLeftAsync(database, Path.GetDirectoryName(relayDirectory)!, cancellationToken);
        else if (await MakeAsync(database, cancellationToken) is { } unmade) return unmade;
        foreach (var (index, certificate) in StoreCommand.Certificates(certificates).Index())
        {
            var file = Path.Combine(relayDirectory, "gateway-ca.crt");
            await File.WriteAllTextAsync(file, certificate, cancellationToken);
            var name = $"{Prefix}{Path.GetFileName(relayDirectory)} {index + 1}";
            // C: trusted to issue certificates of servers, and nothing else.
            var (_, problem) = await StoreCommand.RunAsync(_certutil, ["-A", "-d", $"sql:{database}", "-n", name, "-t", "C,,", "-i", file], cancellationToken);
            if (problem is not null) return problem;
            _added.Add((database, name));
        }

        return null;
    }

    private async Task<string?> MakeAsync(string database, CancellationToken cancellationToken)
    {
        Directory.CreateDirectory(database, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        return (await StoreCommand.RunAsync(_certutil, ["-N", "-d", $"sql:{database}", "--empty-password"], cancellationToken)).Problem;
    }

    private async Task RemoveLeftAsync(string database, string stateDirectory, CancellationToken cancellationToken)
    {
        var (list, _) = await StoreCommand.RunAsync(_certutil, ["-L", "-d", $"sql:{database}"], cancellationToken);
        foreach (var words in list.Split('\n').Where(line => line.StartsWith($"{Prefix}relay-", StringComparison.Ordinal)).Select(line => line.Split(' ', StringSplitOptions.RemoveEmptyEntries)))
        {
            // A relay's directory goes with it.
            if (words.Length > 2 && !Directory.Exists(Path.Combine(stateDirectory, words[1]))) await RemoveAsync(database, $"{Prefix}{words[1]} {words[2]}");
        }
    }

    private Task<(string Output, string? Problem)> RemoveAsync(string database, string name) =>
        StoreCommand.RunAsync(_certutil, ["-D", "-d", $"sql:{database}", "-n", name], CancellationToken.None);
}
