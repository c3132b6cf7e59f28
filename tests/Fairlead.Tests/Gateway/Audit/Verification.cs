using Fairlead.Gateway.Audit;

namespace Fairlead.Tests.Gateway.Audit;

/// <summary>An audit as <c>audit verify</c> reads it.</summary>
internal static class Verification
{
    /// <param name="file">The audit.</param>
    /// <param name="withHead">Compares with the last checkpoint that the gateway kept.</param>
    public static (AuditFinding? Finding, AuditVerification Verification) Of(string file, bool withHead = true)
    {
        using var key = AuditKey.ReadPublic(AuditOptions.PublicKeyOf(file));
        var verification = new AuditVerification([key], withHead ? File.ReadAllBytes(AuditOptions.HeadOf(file)).AsSpan().TrimEnd((byte)'\n').ToArray() : null);
        using var audit = AuditReading.Open([file]);
        return (audit.Files.Select(f => verification.Read(f.Name, f.Stream)).FirstOrDefault(finding => finding is not null) ?? verification.End(), verification);
    }
}
