namespace Fairlead.Relay.Trust;

/// <summary>A file that the relay writes for a tool, mode 0644 unless it holds what may be secret.</summary>
/// <param name="Name">Its name in the relay's directory.</param>
/// <param name="Meaning">What it is, for the documentation.</param>
/// <param name="Content">Makes the content; null when there is nothing to write.</param>
internal sealed record GeneratedFile(string Name, string Meaning, Func<TrustFacts, byte[]?> Content)
{
    /// <summary>
    /// True for a file that every relay writes alike and that stays when the relay ends: a program that is still told to read it would not even start without it.
    /// </summary>
    public bool Stays { get; init; }

    /// <summary>True when it repeats settings of the user's, which may hold a password: mode 0600. Default false.</summary>
    public Func<TrustFacts, bool> IsPrivate { get; init; } = _ => false;
}
