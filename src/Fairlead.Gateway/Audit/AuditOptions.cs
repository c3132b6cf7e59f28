namespace Fairlead.Gateway.Audit;

/// <summary>Where the audit is, and what it promises.</summary>
/// <param name="File">The file of JSON lines.</param>
internal sealed record AuditOptions(string File)
{
    public AuditGuarantee Guarantee { get; init; }

    /// <summary>The private key of the checkpoints, PEM. Default: beside the file, with <c>.key</c> behind its name.</summary>
    public string KeyFile { get; init; } = File + ".key";

    /// <summary>When a file is closed and the next one begun. Default: never.</summary>
    public RotationOptions Rotation { get; init; } = new();

    /// <summary>Which closed files stay. Default: all.</summary>
    public RetentionOptions Retention { get; init; } = new();

    /// <summary>The public key, which whoever verifies needs.</summary>
    public string PublicKeyFile => PublicKeyOf(File);

    /// <summary>The last checkpoint: a file that ends before it was cut.</summary>
    public string HeadFile => HeadOf(File);

    public static string PublicKeyOf(string file) => file + ".pub";

    public static string HeadOf(string file) => file + ".head";
}
