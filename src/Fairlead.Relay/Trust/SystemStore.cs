namespace Fairlead.Relay.Trust;

/// <summary>Where a distribution takes additional roots from.</summary>
/// <param name="Directory">One file for each certificate.</param>
/// <param name="Command">What makes the distribution's bundles of them.</param>
internal sealed record SystemStore(string Directory, string Command)
{
    /// <summary>The known ones; the first whose directory and command are there counts.</summary>
    public static readonly IReadOnlyList<SystemStore> Known =
    [
        new("/etc/pki/ca-trust/source/anchors", "update-ca-trust"), // Fedora, RHEL
        new("/etc/pki/trust/anchors", "update-ca-certificates"), // openSUSE
        new("/etc/ca-certificates/trust-source/anchors", "update-ca-trust"), // Arch
        new("/usr/local/share/ca-certificates", "update-ca-certificates"), // Debian, Ubuntu, Alpine
    ];
}
