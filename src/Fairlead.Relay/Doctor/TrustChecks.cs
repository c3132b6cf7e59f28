using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Fairlead.Relay.Status;
using Fairlead.Wire;

namespace Fairlead.Relay.Doctor;

/// <summary>The clock, the CA and the bundle: whether a tool that trusts the bundle trusts the gateway.</summary>
internal static class TrustChecks
{
    // A leaf is valid from five minutes before it was made.
    private static readonly TimeSpan LargestSkew = TimeSpan.FromMinutes(2);

    /// <summary>The clock against the gateway's.</summary>
    public static Check Clock(DateTimeOffset gateway, DateTimeOffset ours)
    {
        var skew = ours - gateway;
        return skew.Duration() <= LargestSkew
            ? Check.Ok("clock", $"within {Math.Ceiling(Math.Max(skew.Duration().TotalSeconds, 1)):0} s of the gateway's")
            : Check.Failed(
                "clock",
                $"this machine is {skew.Duration().TotalSeconds:0} s {(skew > TimeSpan.Zero ? "ahead of" : "behind")} the gateway ({ours:u} here, {gateway:u} there)",
                "Set the clock: certificates are refused as expired or not yet valid by a clock that is wrong.");
    }

    /// <summary>The bundle's file.</summary>
    /// <param name="file">Where it was written.</param>
    /// <param name="sha256">What it held then.</param>
    public static Check Bundle(string file, string sha256)
    {
        const string Remedy = "Start the relay again, which writes it anew; keep other programs from writing there, or name another file with --ca-bundle.";
        if (!File.Exists(file)) return Check.Failed("CA bundle", $"{HostPort.Printable(file)} is missing: no tool trusts the gateway without it", Remedy);
        return TrustReport.HashOf(file) == sha256
            ? Check.Ok("CA bundle", $"{HostPort.Printable(file)} is as it was written")
            : Check.Failed("CA bundle", $"{HostPort.Printable(file)} was changed after the relay wrote it, or cannot be read", Remedy);
    }

    /// <summary>The gateway's certificate, judged by the bundle as a tool does.</summary>
    /// <param name="leaf">What the gateway showed.</param>
    /// <param name="sent">What came with it.</param>
    /// <param name="bundle">The bundle's file.</param>
    /// <param name="now">The moment at which it must hold: the gateway's clock, so that a wrong clock of ours is not taken for a fault of the CA.</param>
    public static Check Authority(X509Certificate2 leaf, X509Certificate2Collection sent, string bundle, DateTimeOffset now)
    {
        const string Restart = "Start the relay again: it fetches the CA anew.";
        var roots = new X509Certificate2Collection();
        try
        {
            roots.ImportFromPemFile(bundle);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or CryptographicException)
        {
            return Check.Failed("CA", $"the bundle {HostPort.Printable(bundle)} cannot be used: {e.Message}", Restart);
        }

        using var chain = new X509Chain();
        chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        chain.ChainPolicy.CustomTrustStore.AddRange(roots);
        chain.ChainPolicy.ExtraStore.AddRange(sent);
        chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        chain.ChainPolicy.VerificationTime = now.LocalDateTime;
        var isTrusted = chain.Build(leaf);
        var root = chain.ChainElements[^1].Certificate;
        var until = new DateTimeOffset(root.NotAfter.ToUniversalTime());
        if (chain.ChainStatus.Any(status => status.Status is X509ChainStatusFlags.PartialChain or X509ChainStatusFlags.UntrustedRoot))
            return Check.Failed("CA", "the bundle does not hold the CA that signed the gateway's certificate: the gateway has another one since", Restart);
        if (until < now)
            return Check.Failed("CA", $"the gateway's CA expired on {until:u}", "Whoever runs the gateway must restart it, which renews the CA; then start the relay again.");
        if (!isTrusted)
        {
            var reasons = string.Join(", ", chain.ChainStatus.Select(status => status.Status));
            return Check.Failed("CA", $"the gateway's certificate does not hold: {reasons}", "Ask whoever runs the gateway; its clock or its CA is wrong.");
        }

        if (!leaf.MatchesHostname(Protocol.SelfTestHost))
            return Check.Failed("CA", $"the certificate is not for {Protocol.SelfTestHost}", "Something else answers in place of the gateway: look at the way there.");
        return until - now < TimeSpan.FromDays(7)
            ? Check.Warning("CA", $"the gateway's CA expires on {until:u}", "Whoever runs the gateway must restart it, which renews the CA.")
            : Check.Ok("CA", $"in the bundle, valid until {until:u}");
    }
}
