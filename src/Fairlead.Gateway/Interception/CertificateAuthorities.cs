using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text;

namespace Fairlead.Gateway.Interception;

/// <summary>The one CA of all sessions, or one for each, so that what is signed for one session is refused in every other.</summary>
internal sealed class CertificateAuthorities
{
    // Rotations are noticed within this. Those of sessions are not rotated, and may be many.
    private static readonly TimeSpan LookEvery = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LookAtSessionsEvery = TimeSpan.FromMinutes(1);

    private readonly CaOptions _options;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly CertificateAuthority? _shared;
    private readonly ConcurrentDictionary<string, Lazy<CertificateAuthority>> _bySession = [];

    /// <exception cref="InvalidDataException">A directory or a certificate cannot be used.</exception>
    /// <exception cref="IOException">A file cannot be read or written.</exception>
    public CertificateAuthorities(CaOptions options, TimeProvider time, ILogger logger)
    {
        (_options, _time, _logger) = (options, time, logger);
        if (options.Held.Count > 0) _shared = CertificateAuthority.Open(options.Held, time, logger);
        else if (!options.PerSession) _shared = CertificateAuthority.OpenOrCreate(options.Directory, options.Permitted, time, logger);
        else Directory.CreateDirectory(options.Directory, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
    }

    /// <summary>True when who asks for the CA must say which session it is.</summary>
    public bool IsPerSession => _shared is null;

    /// <summary>The root that signs for every session now; null where each session has its own.</summary>
    public SigningRoot? Signing => _shared?.Signing;

    /// <summary>For the log.</summary>
    public string Text => _shared is null ? "one per session" : $"valid until {_shared.Signing.NotAfter:yyyy-MM-dd}";

    /// <summary>The authority of a session. Its key is made when it is first asked for, and kept in a directory of its own, since a container must be able to live longer than the gateway.</summary>
    /// <exception cref="SigningException">Its directory cannot be used.</exception>
    public CertificateAuthority For(string session)
    {
        if (_shared is not null) return _shared;
        var made = _bySession.GetOrAdd(session, id => new(() => CertificateAuthority.OpenOrCreate(DirectoryOf(_options.Directory, id), _options.Permitted, _time, _logger)));
        try
        {
            return made.Value;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or InvalidDataException or CryptographicException)
        {
            // Asked again, it may work.
            _bySession.TryRemove(new(session, made));
            throw new SigningException($"cannot use the key of session '{session}': {e.Message}", e);
        }
    }

    /// <summary>Destroys the key of a session that has ended. Does nothing where all share one.</summary>
    public void Forget(string session)
    {
        if (_shared is not null) return;
        _bySession.TryRemove(session, out _);
        try
        {
            new CaDirectory(DirectoryOf(_options.Directory, session), _time).Destroy();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            _logger.CaNotWritten(_options.Directory, e.Message);
        }
    }

    /// <summary>Looks after them until it is stopped.</summary>
    public async Task WatchAsync(CancellationToken stopping)
    {
        using var timer = new PeriodicTimer(IsPerSession ? LookAtSessionsEvery : LookEvery, _time);
        try
        {
            while (await timer.WaitForNextTickAsync(stopping)) Look();
        }
        catch (OperationCanceledException) when (stopping.IsCancellationRequested)
        {
            // The gateway stops.
        }
    }

    public void Look()
    {
        _shared?.Look();
        foreach (var authority in _bySession.Values)
        {
            if (authority.IsValueCreated) authority.Value.Look();
        }
    }

    /// <summary>Where the CA of a session is kept: a session's id may hold anything.</summary>
    public static string DirectoryOf(string directory, string session) =>
        Path.Combine(directory, "session-" + Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(session)).AsSpan(0, 16)));
}
