using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Fairlead.Gateway.Files;

namespace Fairlead.Gateway.Credentials;

/// <summary>
/// A refresh token and its successors, of which only the last is good. It belongs to the process and not to a configuration: one that is loaded again
/// must go on where the one before it was. In a file it outlives the process, too.
/// </summary>
[SuppressMessage("Design", "CA1001", Justification = "It lives as long as the process; a semaphore whose wait handle nobody takes holds nothing.")]
internal sealed class RefreshToken
{
    private const UnixFileMode Owners = UnixFileMode.UserRead | UnixFileMode.UserWrite;
    private const int MaxStateBytes = 64 * 1024;

    private static readonly ConcurrentDictionary<string, RefreshToken> Alive = new();

    private readonly SemaphoreSlim _turn = new(1);
    private readonly string _origin;
    private readonly string? _file;
    private bool _isKept = true;

    private RefreshToken(string origin, Secret current, string? file) => (_origin, Current, _file) = (origin, current, file);

    /// <summary>The one that is good, as far as we know.</summary>
    public Secret Current { get; private set; }

    /// <param name="url">Where it is used.</param>
    /// <param name="client">By whom.</param>
    /// <param name="first">The one that the operator has. Another one begins anew, whatever is in the file.</param>
    /// <param name="file">Where successors are kept, or null.</param>
    /// <exception cref="CredentialException">The file cannot be used.</exception>
    public static RefreshToken Of(Uri url, string client, Secret first, string? file)
    {
        var origin = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes($"{url}\n{client}\n{first.Reveal()}")));
        return Alive.GetOrAdd($"{origin} {file}", _ => new RefreshToken(origin, (file is null ? null : Read(file, origin)) ?? first, file));
    }

    /// <summary>For what runs beside a gateway or begins as one that has just started: what is in memory is forgotten.</summary>
    public static void ForgetAll() => Alive.Clear();

    /// <summary>Waits until nobody else uses it. What another process wrote into the file since, as <c>credentials test</c> does, is taken over.</summary>
    /// <exception cref="CredentialException">The file cannot be used.</exception>
    public async Task<IDisposable> TakeTurnAsync(CancellationToken cancellationToken)
    {
        await _turn.WaitAsync(cancellationToken);
        var turn = new Turn(_turn);
        try
        {
            if (_file is not null && _isKept) Current = Read(_file, _origin) ?? Current;
            return turn;
        }
        catch (CredentialException)
        {
            turn.Dispose();
            throw;
        }
    }

    /// <summary>Takes its successor.</summary>
    /// <returns>True when it is another one.</returns>
    public bool Replace(Secret next)
    {
        if (next.Reveal() == Current.Reveal()) return false;
        (Current, _isKept) = (next, _file is null);
        return true;
    }

    /// <summary>With a file, what is good is on the disk when this returns.</summary>
    /// <exception cref="CredentialException">It is in memory, and cannot be written; the next call tries again.</exception>
    public void Keep()
    {
        if (_isKept) return;
        try
        {
            WholeFile.Write(_file!, JsonSerializer.Serialize(new Dictionary<string, string> { ["of"] = _origin, ["refresh_token"] = Current.Reveal() }) + "\n", Owners);
            _isKept = true;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new CredentialException($"the new refresh token cannot be kept in {_file}: {e.Message}", e);
        }
    }

    public override string ToString() => "***";

    private static Secret? Read(string file, string origin)
    {
        try
        {
            if (!File.Exists(file)) return null;
            if ((File.GetUnixFileMode(file) & ~Owners) != 0) throw new CredentialException($"expected mode 0600 on {file}: others can read the refresh token in it");
            if (new FileInfo(file).Length > MaxStateBytes) throw new CredentialException($"expected at most {MaxStateBytes} bytes in {file}");
            var text = File.ReadAllText(file);
            if (AccessToken.StringIn(text, "of") != origin) return null;
            return Secret.TryCreate("refresh_token", AccessToken.StringIn(text, "refresh_token") ?? "", out var token, out _, out var problem) ? token : throw new CredentialException($"the refresh token in {file} cannot be used: {problem}");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new CredentialException($"{file} cannot be read: {e.Message}", e);
        }
    }

    private sealed class Turn(SemaphoreSlim turn) : IDisposable
    {
        public void Dispose() => turn.Release();
    }
}
