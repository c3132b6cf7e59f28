namespace Fairlead.Gateway.Interception;

/// <summary>The interception CA as it was configured.</summary>
internal sealed record CaOptions
{
    /// <summary>Where its keys and certificates are kept; empty when signers keep the keys.</summary>
    public string Directory { get; init; } = "";

    /// <summary>For which names it may sign, in the certificates that are made from now on; null for all.</summary>
    public NameConstraints? Permitted { get; init; }

    /// <summary>True when every session has a CA of its own.</summary>
    public bool PerSession { get; init; }

    /// <summary>CAs whose keys are not here: the one in use, then the one that follows it. Empty when the directory has them.</summary>
    public IReadOnlyList<HeldRoot> Held { get; init; } = [];

    /// <summary>True when a gateway that runs with the one runs as with the other.</summary>
    public bool IsSameAs(CaOptions other) =>
        Directory == other.Directory && PerSession == other.PerSession && (Permitted?.Text ?? "") == (other.Permitted?.Text ?? "") && Held.Select(h => h.Text).SequenceEqual(other.Held.Select(h => h.Text));

    /// <summary>A CA whose key a program or a device holds.</summary>
    /// <param name="CertificateFile">PEM.</param>
    /// <param name="Command">The program that signs, and its arguments.</param>
    /// <param name="WantsDigest">True when it is given the SHA-256 digest of what it signs, false for the bytes themselves.</param>
    /// <param name="LeavesFrom">From when on leaves come from it.</param>
    /// <param name="HiddenVariables">Variables of the gateway's environment that the program does not get.</param>
    internal sealed record HeldRoot(string CertificateFile, IReadOnlyList<string> Command, bool WantsDigest, DateTimeOffset LeavesFrom, IReadOnlyList<string> HiddenVariables)
    {
        public string Text => $"{CertificateFile}\n{string.Join('\0', Command)}\n{WantsDigest}\n{LeavesFrom:O}";
    }
}
