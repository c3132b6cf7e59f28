using System.Runtime.InteropServices;
using System.Security.Cryptography;

namespace Fairlead.Relay.Startup;

/// <summary>
/// The session's token: what the gateway knows us by. It is never a string, since a string can neither be erased nor kept from being copied,
/// and has no text form. The array is pinned, so that the garbage collector leaves no copies behind.
/// </summary>
internal sealed class SessionToken : IDisposable
{
    private readonly byte[] _bytes;

    private SessionToken(ReadOnlySpan<byte> visible)
    {
        _bytes = GC.AllocateUninitializedArray<byte>(visible.Length, pinned: true);
        visible.CopyTo(_bytes);
    }

    /// <summary>Length in bytes.</summary>
    public int Length => _bytes.Length;

    /// <summary>Takes a token from a file's bytes, without the ASCII white space around it.</summary>
    /// <param name="input">What the file holds. The caller erases it.</param>
    /// <param name="token">The token.</param>
    /// <param name="problem">What is wrong with the input, without showing any of it.</param>
    public static bool TryCreate(ReadOnlySpan<byte> input, out SessionToken? token, out TokenProblem problem)
    {
        token = null;
        problem = TokenProblem.None;
        var trimmed = input.Trim(" \t\r\n\v\f"u8);
        if (trimmed.IsEmpty) problem = TokenProblem.Blank;
        // RFC 6750 allows visible ASCII only; a CR or LF here would be a second header in the upgrade request.
        else if (trimmed.IndexOfAnyExceptInRange((byte)'!', (byte)'~') >= 0) problem = TokenProblem.NotVisibleAscii;
        if (problem != TokenProblem.None) return false;
        token = new SessionToken(trimmed);
        return true;
    }

    /// <summary>A fresh token of 256 random bits in base64url.</summary>
    public static SessionToken CreateRandom()
    {
        Span<byte> random = stackalloc byte[32];
        Span<byte> text = stackalloc byte[System.Buffers.Text.Base64Url.GetEncodedLength(random.Length)];
        RandomNumberGenerator.Fill(random);
        System.Buffers.Text.Base64Url.EncodeToUtf8(random, text);
        var token = new SessionToken(text);
        CryptographicOperations.ZeroMemory(random);
        CryptographicOperations.ZeroMemory(text);
        return token;
    }

    /// <summary>Keeps the token from being swapped to a disk, where it would outlive us.</summary>
    /// <returns>Null, or why it could not be done; the relay runs all the same.</returns>
    public string? KeepInMemory()
    {
        if (!OperatingSystem.IsLinux()) return null;
        var error = LibC.LockInMemory(_bytes);
        return error == 0 ? null : $"mlock failed ({Marshal.GetPInvokeErrorMessage(error)}); the session token may be swapped to disk. Raise the limit of locked memory (ulimit -l).";
    }

    /// <summary>The bytes themselves; whoever copies them erases the copy.</summary>
    public ReadOnlyMemory<byte> Reveal() => _bytes;

    /// <summary>Erases the token.</summary>
    public void Dispose() => CryptographicOperations.ZeroMemory(_bytes);
}
