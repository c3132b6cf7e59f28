using Fairlead.Gateway.Audit;

namespace Fairlead.Tests.Gateway.Audit;

/// <summary>An audit as <c>audit verify</c> reads it.</summary>
internal static class Verification
{
    /// <param name="file">The audit.</param>
    /// <param name="withHead">Compares with the last checkpoint that the gateway kept.</param>
    public static (AuditFinding? Finding, AuditVerification Verification) Of(string file, bool withHead = true) => Of([file], withHead);

    /// <param name="named">The audit, by names of its files.</param>
    /// <param name="withHead">As above.</param>
    public static (AuditFinding? Finding, AuditVerification Verification) Of(IReadOnlyList<string> named, bool withHead = true)
    {
        using var audit = withHead ? AuditReading.OpenWithHead(named, null) : AuditReading.Open(named);
        using var key = AuditKey.ReadPublic(AuditOptions.PublicKeyOf(audit.Active));
        var verification = new AuditVerification([key], audit.Head);
        return (audit.Files.Select(f => verification.Read(f.Name, f.Stream)).FirstOrDefault(finding => finding is not null) ?? verification.End(), verification);
    }
}
