using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Fairlead.Gateway.Interception;

/// <summary>
/// The CA as it is in force: which root signs, and which certificates containers are told to trust. It is looked after from time to time
/// (<see cref="Look"/>), by which it follows a rotation, renews what expires, and forgets what is over.
/// </summary>
internal sealed class CertificateAuthority
{
    // What an operator should see once a day, and what cannot be written once an hour.
    private static readonly TimeSpan WarnEvery = TimeSpan.FromDays(1);
    private static readonly TimeSpan RetryEvery = TimeSpan.FromHours(1);

    private readonly CaDirectory? _directory;
    private readonly NameConstraints? _permitted;
    private readonly IReadOnlyList<Held> _held;
    private readonly ECDsa _leafKey = ECDsa.Create(ECCurve.NamedCurves.nistP256);
    private readonly TimeProvider _time;
    private readonly ILogger _logger;

    private Dictionary<string, SigningRoot> _roots = [];
    private RootSchedule? _schedule;
    private string _read = "";
    private InForce _inForce;
    private int _failures;
    private DateTimeOffset _warnAfter;
    private DateTimeOffset _retryAfter;

    private CertificateAuthority(CaDirectory? directory, NameConstraints? permitted, IReadOnlyList<Held> held, TimeProvider time, ILogger logger)
    {
        (_directory, _permitted, _held, _time, _logger) = (directory, permitted, held, time, logger);
        if (directory is not null) Reload();
        _inForce = At(time.GetUtcNow());
    }

    private sealed record InForce(SigningRoot Signing, string Pem);

    private sealed record Held(SigningRoot Root, DateTimeOffset LeavesFrom);

    /// <summary>The root that leaves come from.</summary>
    public SigningRoot Signing => Volatile.Read(ref _inForce).Signing;

    /// <summary>What containers put into their bundles: a block for each root that is active, next or retiring.</summary>
    public string RootPem => Volatile.Read(ref _inForce).Pem;

    /// <summary>Opens the authority of a directory, and makes it when the directory has none.</summary>
    /// <exception cref="InvalidDataException">The directory holds half a pair, or a pair that does not belong together.</exception>
    public static CertificateAuthority OpenOrCreate(string directory, NameConstraints? permitted, TimeProvider time, ILogger logger)
    {
        var files = new CaDirectory(directory, time);
        files.CreateIfEmpty(permitted);
        var authority = new CertificateAuthority(files, permitted, [], time, logger);
        authority.Look();
        authority.TellOtherNames();
        return authority;
    }

    /// <summary>Opens an authority whose keys are held by programs or devices.</summary>
    /// <exception cref="InvalidDataException">A certificate cannot be used.</exception>
    public static CertificateAuthority Open(IReadOnlyList<CaOptions.HeldRoot> held, TimeProvider time, ILogger logger) =>
        new(null, null, [.. held.Select(h => new Held(RootOf(h, time), h.LeavesFrom))], time, logger);

    /// <summary>True when a leaf for the host would be valid: by the root's certificate, and by the configuration.</summary>
    public bool MaySignFor(string host, IPAddress? address) => (Signing.Constraints?.Permits(host, address) ?? true) && (_permitted?.Permits(host, address) ?? true);

    /// <summary>Signs a leaf for one host.</summary>
    /// <exception cref="SigningException">There is no signature.</exception>
    public Task<X509Certificate2> IssueAsync(SigningRoot root, string host, IPAddress? address) => root.IssueAsync(host, address, _leafKey, _time.GetUtcNow());

    /// <summary>Brings what is in force up to the clock and the files. Cheap when nothing has happened; never throws: what cannot be read leaves everything as it was, and is logged once.</summary>
    public void Look()
    {
        try
        {
            var now = _time.GetUtcNow();
            if (_directory is not null && _directory.Fingerprint() != _read) Reload();
            if (_directory is not null && now >= _retryAfter) Maintain(now);
            if (_failures > 1) _logger.CaReadAgain(_directory!.Path);
            _failures = 0;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or InvalidDataException or CryptographicException)
        {
            // Once may be a look between two steps of another gateway that shares the directory.
            if (++_failures == 2) _logger.CaNotRead(e.Message);
        }

        Follow(_time.GetUtcNow());
    }

    private void Follow(DateTimeOffset now)
    {
        var next = At(now);
        if (next.Signing != _inForce.Signing && next.Signing.Fingerprint != _inForce.Signing.Fingerprint) _logger.CaSwitched(next.Signing.Certificate.Subject, next.Signing.Fingerprint);
        Volatile.Write(ref _inForce, next);
        if (_held.Count == 0 || next.Signing.NotAfter - RootCertificate.RenewBefore > now || now < _warnAfter) return;
        _warnAfter = now + WarnEvery;
        _logger.CaExpires(next.Signing.Certificate.Subject, next.Signing.NotAfter);
    }

    private void Reload()
    {
        var fingerprint = _directory!.Fingerprint();
        var schedule = _directory.ReadSchedule();
        var roots = new Dictionary<string, SigningRoot>();
        foreach (var entry in schedule.Entries)
        {
            var root = _directory.ReadRoot(entry.Name);
            // A root that is the same stays the same object: its leaves stay good.
            roots[entry.Name] = _roots.TryGetValue(entry.Name, out var known) && known.Pem == root.Pem ? known : root;
        }

        foreach (var entry in schedule.Entries.Where(e => !_roots.ContainsKey(e.Name) && _roots.Count > 0)) _logger.CaRotates(roots[entry.Name].Certificate.Subject, entry.LeavesFrom);
        (_read, _schedule, _roots) = (fingerprint, schedule, roots);
    }

    private void Maintain(DateTimeOffset now)
    {
        var hasChanged = false;
        try
        {
            foreach (var entry in _schedule!.Entries.Where(e => _schedule.RoleOf(e, now) is RootRole.Active or RootRole.Next && _roots[e.Name].NotAfter - RootCertificate.RenewBefore <= now))
            {
                _directory!.Renew(entry.Name);
                hasChanged = true;
                _logger.CaRenewed(_roots[entry.Name].Certificate.Subject, _roots[entry.Name].NotAfter);
            }

            foreach (var entry in _schedule.Entries.Where(e => _schedule.RoleOf(e, now) == RootRole.Over).Take(1))
            {
                _directory!.Tidy();
                hasChanged = true;
                _logger.CaDropped(_roots[entry.Name].Certificate.Subject);
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // It is good for some weeks yet, and somebody may mend the directory.
            _retryAfter = now + RetryEvery;
            _logger.CaNotWritten(_directory!.Path, e.Message);
        }

        if (hasChanged) Reload();
    }

    private InForce At(DateTimeOffset now)
    {
        if (_schedule is null)
        {
            var active = (_held.LastOrDefault(h => h.LeavesFrom <= now) ?? _held[0]).Root;
            return new InForce(active, PemOf([active, .. _held.Select(h => h.Root)], now));
        }

        var entries = _schedule.Entries.Where(e => _schedule.RoleOf(e, now) != RootRole.Over).OrderBy(e => _schedule.RoleOf(e, now));
        return new InForce(_roots[_schedule.ActiveAt(now).Name], PemOf(entries.Select(e => _roots[e.Name]), now));
    }

    private static string PemOf(IEnumerable<SigningRoot> roots, DateTimeOffset now) => string.Concat(roots.Distinct().Where((root, i) => i == 0 || root.NotAfter > now).Select(r => r.Pem));

    private void TellOtherNames()
    {
        var newest = _roots[_schedule!.Last.Name].Constraints?.Text;
        if (newest != _permitted?.Text) _logger.CaHasOtherNames(newest ?? "all names", _permitted?.Text ?? "all names");
    }

    private static SigningRoot RootOf(CaOptions.HeldRoot held, TimeProvider time)
    {
        var certificate = RootCertificate.Read(held.CertificateFile);
        var isAuthority = certificate.Extensions.OfType<X509BasicConstraintsExtension>().Any(c => c.CertificateAuthority);
        if (!isAuthority || certificate.GetECDsaPublicKey() is not { } key)
            throw new InvalidDataException($"expected in {held.CertificateFile} the certificate of a CA with an ECDSA key, got {(isAuthority ? "another kind of key" : "one that may sign no others")}");
        return new SigningRoot(certificate, new ExecSigner(held.Command, held.WantsDigest, key, held.HiddenVariables, time));
    }
}
