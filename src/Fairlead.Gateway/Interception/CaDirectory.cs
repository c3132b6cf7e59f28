using System.Diagnostics;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Fairlead.Gateway.Files;

namespace Fairlead.Gateway.Interception;

/// <summary>
/// The files of a CA: per root a key and a certificate, and from the first rotation on their schedule. The schedule is replaced by one rename; a file that it
/// does not name is what a killed rotation left and is destroyed by the next. Who changes anything holds the lock.
/// </summary>
internal sealed class CaDirectory(string path, TimeProvider time)
{
    /// <summary>How long a command waits for another that changes the CA.</summary>
    public static readonly TimeSpan LockLimit = TimeSpan.FromSeconds(2);

    private const string ScheduleFile = "roots.json";
    private const string LockFile = "ca.lock";
    private const string KeyEnding = ".key";
    private const string CertificateEnding = ".pem";
    private const string FirstKey = "ca" + KeyEnding;
    private const string FirstCertificate = "ca" + CertificateEnding;
    private const UnixFileMode PublicMode = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead | UnixFileMode.OtherRead;
    private const UnixFileMode PrivateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    private static readonly TimeSpan LockPoll = TimeSpan.FromMilliseconds(50);

    public string Path => path;

    /// <summary>True when there is a CA already.</summary>
    /// <exception cref="UnauthorizedAccessException">We may not look.</exception>
    public bool Exists => Directory.Exists(path) && Directory.EnumerateFiles(path).Any(f => System.IO.Path.GetFileName(f) is ScheduleFile or FirstKey or FirstCertificate);

    /// <summary>Makes the first root where there is none.</summary>
    /// <exception cref="InvalidDataException">The directory holds half a pair, or a pair that does not belong together.</exception>
    public void CreateIfEmpty(NameConstraints? permitted)
    {
        Directory.CreateDirectory(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        if (File.Exists(InPath(ScheduleFile))) return;
        var (key, certificate) = (InPath(FirstKey), InPath(FirstCertificate));
        if (File.Exists(key) && File.Exists(certificate)) return;
        if (!File.Exists(key) && File.Exists(certificate))
            throw new InvalidDataException($"{certificate} has no {System.IO.Path.GetFileName(key)} beside it; restore the key, or remove the certificate to begin with a new authority");
        if (Directory.EnumerateFiles(path, "ca-*" + KeyEnding).Any() && !File.Exists(key))
            throw new InvalidDataException($"{path} has keys of roots but no {ScheduleFile}, which says what they are for; restore it, or remove them to begin with a new authority");

        using var held = Lock();
        var signer = File.Exists(key) ? KeyFile.Read(key) : KeyFile.Create(key);
        if (!File.Exists(certificate)) WriteCertificate("ca", signer, permitted);
    }

    public RootSchedule ReadSchedule() => File.Exists(InPath(ScheduleFile)) ? RootSchedule.Parse(File.ReadAllText(InPath(ScheduleFile)), InPath(ScheduleFile)) : RootSchedule.First;

    /// <summary>Reads one root.</summary>
    /// <exception cref="InvalidDataException">Its files are no pair.</exception>
    public SigningRoot ReadRoot(string name)
    {
        var key = KeyFile.Read(InPath(name + KeyEnding));
        var certificate = RootCertificate.Read(InPath(name + CertificateEnding));
        using var publicKey = certificate.GetECDsaPublicKey();
        if (publicKey is null || !publicKey.ExportSubjectPublicKeyInfo().AsSpan().SequenceEqual(key.Key.ExportSubjectPublicKeyInfo()))
            throw new InvalidDataException($"expected in {InPath(name + CertificateEnding)} the certificate of the key beside it");
        return new SigningRoot(certificate, key);
    }

    /// <summary>Reads one root's certificate, for who may not have its key.</summary>
    public SigningRoot ReadCertificate(string name) => SigningRoot.OfCertificate(InPath(name + CertificateEnding));

    /// <summary>A text that differs when the directory says something else.</summary>
    public string Fingerprint()
    {
        var text = new StringBuilder();
        if (File.Exists(InPath(ScheduleFile))) text.Append(File.ReadAllText(InPath(ScheduleFile)));
        foreach (var entry in (text.Length == 0 ? RootSchedule.First : RootSchedule.Parse(text.ToString(), InPath(ScheduleFile))).Entries) text.Append(File.ReadAllText(InPath(entry.Name + CertificateEnding)));
        return text.ToString();
    }

    /// <summary>Makes the next root. From now on containers are told to trust it, and after a while leaves come from it.</summary>
    /// <param name="after">How long a container lives at most with what it was told at its start.</param>
    /// <param name="permitted">For which names it may sign; null for all.</param>
    /// <returns>The schedule, or null and the one that is under way.</returns>
    /// <exception cref="IOException">Another process changes the CA just now, or a file cannot be written.</exception>
    public (RootSchedule Schedule, bool IsNew) Rotate(TimeSpan after, NameConstraints? permitted)
    {
        using var held = Lock();
        var schedule = ReadSchedule();
        var now = time.GetUtcNow();
        if (schedule.RoleOf(schedule.Last, now) == RootRole.Next) return (schedule, false);
        DestroyWhatIsNotIn(schedule);
        // The old root must be whole before anything is built upon it.
        _ = ReadRoot(schedule.ActiveAt(now).Name);

        var name = "ca-" + Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(8));
        WriteCertificate(name, KeyFile.Create(InPath(name + KeyEnding)), permitted);
        // Nothing counts before this rename, and everything after it.
        var next = schedule.With(name, now + after, now + after + after);
        WholeFile.Write(InPath(ScheduleFile), next.ToString(), PrivateMode);
        return (next, true);
    }

    /// <summary>Makes a root's certificate anew from its key: the same subject, key id and constraints, and another year.</summary>
    public void Renew(string name)
    {
        using var held = Lock();
        var old = ReadRoot(name);
        // Another gateway of this directory may have been first.
        if (old.NotAfter - RootCertificate.RenewBefore > time.GetUtcNow()) return;
        WriteCertificate(name, KeyFile.Read(InPath(name + KeyEnding)), old.Constraints);
    }

    /// <summary>Takes the roots that are over out of the schedule, then destroys their keys.</summary>
    public void Tidy()
    {
        using var held = Lock();
        var schedule = ReadSchedule();
        var now = time.GetUtcNow();
        RootSchedule.Entry[] over = [.. schedule.Entries.Where(e => schedule.RoleOf(e, now) == RootRole.Over)];
        if (over.Length > 0)
        {
            schedule = schedule.Without(over);
            WholeFile.Write(InPath(ScheduleFile), schedule.ToString(), PrivateMode);
        }

        DestroyWhatIsNotIn(schedule);
    }

    /// <summary>Destroys all keys, and removes the directory.</summary>
    public void Destroy()
    {
        if (!Directory.Exists(path)) return;
        foreach (var file in Directory.EnumerateFiles(path, "*" + KeyEnding)) WholeFile.Destroy(file);
        Directory.Delete(path, recursive: true);
    }

    private void WriteCertificate(string name, KeyFile signer, NameConstraints? permitted)
    {
        using var certificate = RootCertificate.Create(signer.Key, permitted, time.GetUtcNow());
        WholeFile.Write(InPath(name + CertificateEnding), certificate.ExportCertificatePem() + "\n", PublicMode);
    }

    private void DestroyWhatIsNotIn(RootSchedule schedule)
    {
        foreach (var file in Directory.EnumerateFiles(path, "ca*"))
        {
            var name = System.IO.Path.GetFileNameWithoutExtension(file);
            var isOurs = file.EndsWith(KeyEnding, StringComparison.Ordinal) || file.EndsWith(CertificateEnding, StringComparison.Ordinal);
            if (WholeFile.IsUnfinished(file) || (isOurs && schedule.Entries.All(e => e.Name != name))) WholeFile.Destroy(file);
        }
    }

    // The kernel lets go of it when its process ends, however that happens.
    private FileStream Lock()
    {
        var file = InPath(LockFile);
        using var pause = new ManualResetEventSlim();
        for (var began = Stopwatch.GetTimestamp(); ; pause.Wait(LockPoll))
        {
            try
            {
                var held = new FileStream(file, new FileStreamOptions { Mode = FileMode.OpenOrCreate, Access = FileAccess.ReadWrite, Share = FileShare.None, UnixCreateMode = PrivateMode });
                FileOwner.Copy(path, file);
                return held;
            }
            catch (IOException e) when (e is not DirectoryNotFoundException && Stopwatch.GetElapsedTime(began) < LockLimit)
            {
                // Nobody tells when it is free.
            }
            catch (IOException e) when (e is not DirectoryNotFoundException)
            {
                throw new IOException($"the CA in {path} cannot be changed just now: {e.Message}", e);
            }
        }
    }

    private string InPath(string file) => System.IO.Path.Combine(path, file);
}
