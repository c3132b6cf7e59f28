using System.Text;
using Fairlead.Wire;

namespace Fairlead.Relay.Startup;

/// <summary>The file of roots that tools are told to trust: the system's, and the gateway's.</summary>
internal static class CaBundle
{
    /// <summary>Where distributions keep their roots, in the order they are looked for.</summary>
    public static readonly IReadOnlyList<string> SystemBundles =
    [
        "/etc/ssl/certs/ca-certificates.crt", // Debian, Ubuntu, Alpine, Arch
        "/etc/pki/tls/certs/ca-bundle.crt", // Fedora, RHEL
        "/etc/ssl/ca-bundle.pem", // openSUSE
        "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem", // RHEL, newer
        "/etc/pki/tls/cacert.pem", // older RHEL-likes
        "/etc/ssl/cert.pem", // Alpine, BSD
    ];

    private const UnixFileMode DirectoryMode =
        UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute | UnixFileMode.GroupRead | UnixFileMode.GroupExecute
        | UnixFileMode.OtherRead | UnixFileMode.OtherExecute;

    private const UnixFileMode FileMode0644 = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead | UnixFileMode.OtherRead;

    /// <summary>Writes the bundle, whole or not at all: a reader never sees half of it.</summary>
    /// <param name="path">Where it goes. Missing directories are made, mode 0755; the file has mode 0644.</param>
    /// <param name="gatewayCertificates">PEM.</param>
    /// <param name="systemBundles">Candidates for the system's roots; the first that can be read counts.</param>
    /// <returns>Null, or a warning: no system bundle was found.</returns>
    /// <exception cref="StepException">The file cannot be written, or something stands in its place.</exception>
    public static string? Write(string path, string gatewayCertificates, IReadOnlyList<string> systemBundles)
    {
        var shown = HostPort.Printable(path);
        const string Remedy = "Name a file that this user can write with --ca-bundle or FAIRLEAD_CA_BUNDLE.";
        var system = ReadFirst(systemBundles);
        try
        {
            path = Path.GetFullPath(path);
            Directory.CreateDirectory(Path.GetDirectoryName(path)!, DirectoryMode);
            // Whoever could put a link there would choose which file we replace, or which one tools trust.
            if (FileStatus.Of(path).IsSymbolicLink) throw new StepException($"the CA bundle {shown} is a symbolic link, which is not followed", "Remove the link, or name a plain file with --ca-bundle.");
            if (Directory.Exists(path)) throw new StepException($"the CA bundle {shown} is a directory", Remedy);
            Replace(path, [.. system ?? [], (byte)'\n', .. Encoding.Latin1.GetBytes(gatewayCertificates)]);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
        {
            throw new StepException($"the CA bundle {shown} cannot be written: {HostPort.Printable(e.Message)}", Remedy, e);
        }

        return system is not null
            ? null
            : $"no system CA bundle was found, so {shown} holds only the gateway's CA: tools that use it trust no other server (install the ca-certificates package)";
    }

    private static byte[]? ReadFirst(IReadOnlyList<string> candidates)
    {
        foreach (var candidate in candidates)
        {
            try
            {
                if (File.ReadAllBytes(candidate) is { Length: > 0 } bytes) return bytes;
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                // The next place may have it.
            }
        }

        return null;
    }

    private static void Replace(string path, byte[] content)
    {
        var temporary = $"{path}.{Path.GetRandomFileName()}";
        try
        {
            using (var file = File.OpenHandle(temporary, FileMode.CreateNew, FileAccess.Write))
            {
                File.SetUnixFileMode(file, FileMode0644);
                RandomAccess.Write(file, content, fileOffset: 0);
                RandomAccess.FlushToDisk(file);
            }

            File.Move(temporary, path, overwrite: true);
        }
        catch
        {
            File.Delete(temporary);
            throw;
        }
    }
}
