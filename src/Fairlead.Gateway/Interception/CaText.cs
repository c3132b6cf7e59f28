using System.Globalization;
using System.Text;

namespace Fairlead.Gateway.Interception;

/// <summary>What <c>ca show</c> prints. It reads certificates only, never a key.</summary>
internal static class CaText
{
    /// <param name="options">The CA as it is configured.</param>
    /// <param name="now">The time.</param>
    /// <param name="wantsPem">True for the certificates alone, as containers get them.</param>
    /// <exception cref="InvalidDataException">A file holds something else than it should.</exception>
    public static string Of(CaOptions options, DateTimeOffset now, bool wantsPem)
    {
        if (options.PerSession) return $"one CA per session, in {options.Directory}\n";
        var roots = options.Held.Count > 0 ? OfSigners(options, now) : OfDirectory(new CaDirectory(options.Directory, TimeProvider.System), now);
        Shown[] shown = [.. roots.Where(r => r.Role != RootRole.Over).OrderBy(r => r.Role)];
        if (wantsPem) return string.Concat(shown.Select(r => r.Root.Pem));
        var newest = shown.FirstOrDefault(r => r.Role == RootRole.Next) ?? shown[0];
        var note = options.Held.Count > 0 || newest.Root.Constraints?.Text == options.Permitted?.Text ? "" : $"note: ca.permitted_names says {options.Permitted?.Text ?? "all names"}: `ca rotate` makes a root for them\n";
        return string.Concat(shown.Select(Text)) + note;
    }

    private sealed record Shown(SigningRoot Root, RootRole Role, string What);

    private static IEnumerable<Shown> OfDirectory(CaDirectory directory, DateTimeOffset now)
    {
        if (!directory.Exists) throw new InvalidDataException($"{directory.Path} has no CA yet; the gateway makes it at its first start");
        var schedule = directory.ReadSchedule();
        for (var i = 0; i < schedule.Entries.Count; i++)
        {
            var entry = schedule.Entries[i];
            var role = schedule.RoleOf(entry, now);
            var root = directory.ReadCertificate(entry.Name);
            var until = i + 1 < schedule.Entries.Count ? $"signs leaves until {Time(schedule.Entries[i + 1].LeavesFrom)}" : $"signs leaves; its certificate is made anew on {Time(root.NotAfter - RootCertificate.RenewBefore)} with the same key";
            yield return new Shown(root, role, role switch
            {
                RootRole.Active => until,
                RootRole.Next => $"signs leaves from {Time(entry.LeavesFrom)} on",
                _ => $"signs nothing; is served until {Time(entry.ServedUntil!.Value)}, then its key is destroyed",
            });
        }
    }

    private static IEnumerable<Shown> OfSigners(CaOptions options, DateTimeOffset now)
    {
        var active = options.Held.LastOrDefault(h => h.LeavesFrom <= now) ?? options.Held[0];
        foreach (var held in options.Held)
        {
            var role = held == active ? RootRole.Active : held.LeavesFrom > active.LeavesFrom ? RootRole.Next : RootRole.Retiring;
            var what = role switch { RootRole.Active => "signs leaves", RootRole.Next => $"signs leaves from {Time(held.LeavesFrom)} on", _ => "signs nothing; is served while the configuration names it" };
            yield return new Shown(SigningRoot.OfCertificate(held.CertificateFile), role, $"{what}; by {string.Join(' ', held.Command)}");
        }
    }

    private static string Text(Shown shown)
    {
        var certificate = shown.Root.Certificate;
        var text = new StringBuilder();
        text.AppendLine(CultureInfo.InvariantCulture, $"{shown.Role.ToString().ToLowerInvariant(),-9} {certificate.Subject}");
        text.AppendLine(CultureInfo.InvariantCulture, $"          {shown.What}");
        text.AppendLine(CultureInfo.InvariantCulture, $"          valid {Time(certificate.NotBefore)} to {Time(certificate.NotAfter)}");
        text.AppendLine(CultureInfo.InvariantCulture, $"          for {shown.Root.Constraints?.Text ?? "all names"}");
        text.AppendLine(CultureInfo.InvariantCulture, $"          sha256 {shown.Root.Fingerprint}");
        return text.ToString();
    }

    private static string Time(DateTimeOffset time) => time.ToUniversalTime().ToString("yyyy-MM-dd HH:mm:ss'Z'", CultureInfo.InvariantCulture);
}
