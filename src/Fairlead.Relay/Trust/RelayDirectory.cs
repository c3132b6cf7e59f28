using System.Globalization;
using System.Security.Cryptography;
using Fairlead.Relay.Startup;
using Fairlead.Wire;

namespace Fairlead.Relay.Trust;

/// <summary>
/// The directory of one running relay below the state directory, with the files that tools are pointed at. It is new, so nobody's link is in it; it is gone
/// when the relay ends. A relay that was killed leaves its own behind, without the lock that a living one holds: the next one removes it.
/// </summary>
internal sealed class RelayDirectory : IDisposable
{
    /// <summary>Where files that stay are for every user, when root's home is closed to others.</summary>
    public const string ForEveryone = "/run/fairlead";

    private const string LockName = "lock";
    private const UnixFileMode PublicFile = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead | UnixFileMode.OtherRead;
    private const UnixFileMode PrivateFile = UnixFileMode.UserRead | UnixFileMode.UserWrite;
    private const UnixFileMode Traversable = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute | UnixFileMode.GroupExecute | UnixFileMode.OtherExecute;
    private const UnixFileMode Readable = Traversable | UnixFileMode.GroupRead | UnixFileMode.OtherRead;

    private readonly string _staying;
    private readonly FileStream _lock;

    private RelayDirectory(string staying, string path, FileStream held) => (_staying, Path, _lock) = (staying, path, held);

    /// <summary>Its absolute path.</summary>
    public string Path { get; }

    /// <summary>Makes the directory, and the state directory with it; removes those of relays that died.</summary>
    /// <param name="stateDirectory">Below which it is made.</param>
    /// <param name="forEveryone">Where a file that stays goes when other users cannot come to the state directory, and this user is root.</param>
    /// <exception cref="IOException">It cannot be made.</exception>
    /// <exception cref="UnauthorizedAccessException">It may not be made.</exception>
    public static RelayDirectory Create(string stateDirectory, string forEveryone)
    {
        Directory.CreateDirectory(stateDirectory, Traversable);
        Sweep(stateDirectory);
        var name = string.Create(CultureInfo.InvariantCulture, $"relay-{Environment.ProcessId}-{RandomNumberGenerator.GetHexString(6, lowercase: true)}");
        var path = System.IO.Path.Combine(stateDirectory, name);
        LibC.MakeDirectory(path);
        File.SetUnixFileMode(path, Readable); // whatever the umask says: tools may run as another user
        // Root's child may become another user, and a Node.js that cannot read the file that it is told to load does not start.
        var staying = Environment.IsPrivilegedProcess && !WrittenFiles.IsReachableByOthers(path) ? forEveryone : stateDirectory;
        return new RelayDirectory(staying, path, new FileStream(System.IO.Path.Combine(path, LockName), FileMode.CreateNew, FileAccess.Write, FileShare.None));
    }

    /// <summary>Writes what the tools of the table need.</summary>
    /// <param name="facts">All but the files.</param>
    /// <param name="warn">Takes a line for each file that could not be written; the tool then does without.</param>
    /// <returns>The facts with the files that were written.</returns>
    public TrustFacts Write(TrustFacts facts, Action<string> warn)
    {
        foreach (var file in Tools.All.SelectMany(tool => tool.Files).Distinct())
        {
            var path = System.IO.Path.Combine(file.Stays ? _staying : Path, file.Name);
            try
            {
                if (file.Content(facts) is not { } content) continue;
                if (file.Stays) Directory.CreateDirectory(_staying, Readable);
                Replace(path, content, file.IsPrivate(facts) ? PrivateFile : PublicFile);
                facts = facts with { Files = new Dictionary<string, string>(facts.Files) { [file.Name] = path } };
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException or FormatException)
            {
                warn($"{HostPort.Printable(path)} ({file.Meaning}) could not be written: {HostPort.Printable(e.Message)}; tools that need it do without");
            }
        }

        return facts;
    }

    public void Dispose()
    {
        Remove(Path);
        _lock.Dispose();
    }

    // Renamed into place, because a file that stays may be read by the tools of another relay just now. A link in its place is replaced, not followed.
    private static void Replace(string path, byte[] content, UnixFileMode mode)
    {
        if (File.Exists(path) && !FileStatus.Of(path).IsSymbolicLink && content.AsSpan().SequenceEqual(File.ReadAllBytes(path))) return;
        var temporary = $"{path}.{System.IO.Path.GetRandomFileName()}";
        try
        {
            using (var file = new FileStream(temporary, new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write, UnixCreateMode = PrivateFile, BufferSize = 0 }))
            {
                file.Write(content);
                File.SetUnixFileMode(file.SafeFileHandle, mode);
            }

            File.Move(temporary, path, overwrite: true);
        }
        catch
        {
            File.Delete(temporary);
            throw;
        }
    }

    private static void Sweep(string stateDirectory)
    {
        foreach (var directory in Directory.EnumerateDirectories(stateDirectory, "relay-*").Where(IsOurs))
        {
            try
            {
                // The lock of the file system, not the process id: another container may share this directory and have the same ids.
                using var held = new FileStream(System.IO.Path.Combine(directory, LockName), FileMode.Open, FileAccess.Write, FileShare.None);
                Remove(directory);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                // Its relay lives, or it is another user's.
            }
        }
    }

    // Somebody's own directory may well begin like ours. What is removed has the name that Create gives, is this user's, and has a lock that is a file.
    private static bool IsOurs(string directory)
    {
        if (System.IO.Path.GetFileName(directory).Split('-') is not [_, var process, { Length: 6 } hex] || !process.All(char.IsAsciiDigit) || !hex.All(char.IsAsciiHexDigitLower)) return false;
        var status = FileStatus.Of(directory);
        return !status.IsSymbolicLink && status.Owner == LibC.EffectiveUser() && FileStatus.Of(System.IO.Path.Combine(directory, LockName)).IsRegularFile;
    }

    private static void Remove(string directory)
    {
        try
        {
            Directory.Delete(directory, recursive: true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // The next relay removes what is left.
        }
    }
}
