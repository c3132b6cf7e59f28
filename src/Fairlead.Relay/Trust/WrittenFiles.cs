using System.Text;
using Fairlead.Relay.Startup;

namespace Fairlead.Relay.Trust;

/// <summary>The content of files that are text.</summary>
internal static class WrittenFiles
{
    private const int MaxBytes = 1024 * 1024;

    /// <summary>
    /// A wgetrc: the one that wget would have read, since WGETRC stands in its place, and then what makes it use the relay. The later line counts.
    /// </summary>
    public static byte[] WgetRc(TrustFacts facts) => Encoding.UTF8.GetBytes(
        $"{UsersWgetRc(facts)}\n# Added by fairlead.\nuse_proxy = on\nhttps_proxy = {facts.Proxy}\nno_proxy = {facts.NoProxy}\nca_certificate = {facts.CaBundle}\n");

    /// <summary>True when the user has a wgetrc: it may hold a password.</summary>
    public static bool HasWgetRc(TrustFacts facts) => UsersWgetRc(facts).Length > 0;

    /// <summary>
    /// What apt reads before its own files. Downloads run as the user _apt, which can often not reach the bundle in root's home; as root they can.
    /// </summary>
    public static byte[] AptConf(TrustFacts facts)
    {
        var included = facts.Original("APT_CONFIG") is { } theirs && File.Exists(theirs) ? $"#include \"{theirs}\";\n" : "";
        var user = IsReachableByOthers(facts.CaBundle) ? "" : "APT::Sandbox::User \"root\";\n";
        return Encoding.UTF8.GetBytes($"{included}Acquire::https::CaInfo \"{facts.CaBundle}\";\n{user}");
    }

    /// <summary>What PHP reads after its own php.ini.</summary>
    public static byte[] PhpIni(TrustFacts facts) => Encoding.UTF8.GetBytes($"openssl.cafile=\"{facts.CaBundle}\"\ncurl.cainfo=\"{facts.CaBundle}\"\n");

    /// <summary>A file of this assembly, with the facts in it.</summary>
    public static byte[] Resource(string name, TrustFacts facts)
    {
        using var reader = new StreamReader(typeof(WrittenFiles).Assembly.GetManifestResourceStream(name)!);
        return Encoding.UTF8.GetBytes(reader.ReadToEnd()
            .Replace("{proxy}", facts.Proxy, StringComparison.Ordinal).Replace("{bundle}", facts.CaBundle, StringComparison.Ordinal));
    }

    /// <summary>True when every user can come to a file, as far as the directories above it go.</summary>
    public static bool IsReachableByOthers(string path)
    {
        for (var directory = Path.GetDirectoryName(path); directory is not null; directory = Path.GetDirectoryName(directory))
        {
            if (!File.GetUnixFileMode(directory).HasFlag(UnixFileMode.OtherExecute)) return false;
        }

        return true;
    }

    private static string UsersWgetRc(TrustFacts facts)
    {
        var path = facts.Original("WGETRC") ?? Path.Combine(facts.Home, ".wgetrc");
        return PlainFile.TryRead(path, MaxBytes) ?? "";
    }
}
