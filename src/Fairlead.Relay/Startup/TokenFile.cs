using System.Runtime.InteropServices;
using System.Security.Cryptography;
using Fairlead.Wire;
using Microsoft.Win32.SafeHandles;

namespace Fairlead.Relay.Startup;

/// <summary>The file in which the session's token waits for us: read once, and gone before a child could find it.</summary>
internal static class TokenFile
{
    /// <summary>Most bytes of a token file: 64 KiB.</summary>
    public const int MaxBytes = 64 * 1024;

    /// <summary>Reads the token. The file stays.</summary>
    /// <param name="path">The file.</param>
    /// <param name="weakness">Null, or who else may read the file; the relay runs all the same.</param>
    /// <exception cref="StepException">There is no token in the file, or it is not one we should read.</exception>
    public static SessionToken Read(string path, out string? weakness)
    {
        var shown = HostPort.Printable(path);
        using var file = Open(path, shown);
        weakness = Check(FileStatus.Of(file), LibC.EffectiveUser(), shown);
        var bytes = GC.AllocateArray<byte>(MaxBytes + 1, pinned: true);
        try
        {
            var length = Fill(file, bytes, shown);
            if (length > MaxBytes)
                throw new StepException($"the token file {shown} is larger than {MaxBytes} bytes", "Point --token-file or FAIRLEAD_TOKEN_FILE at the file that holds the token alone.");
            if (SessionToken.TryCreate(bytes.AsSpan(0, length), out var token, out var problem)) return token!;
            throw problem == TokenProblem.Blank
                ? new StepException($"the token file {shown} is blank", "Whoever starts the session must write its token there first.") { IsBlankToken = true }
                : new StepException(
                    $"the token in {shown} holds spaces, control characters or other bytes that are not visible ASCII",
                    "Write the token alone into the file, in one line.");
        }
        finally
        {
            CryptographicOperations.ZeroMemory(bytes);
        }
    }

    /// <summary>
    /// Whoever may change the file chooses as whom we call; whoever else may read it, or keeps another name of it, has the token. A file of root's that others may
    /// read is what orchestrators mount for programs that do not run as root, which cannot change it: that is a warning.
    /// </summary>
    /// <param name="status">Of the open file: a check by path could be of another one.</param>
    /// <param name="user">Whose rights we have.</param>
    /// <param name="shown">The path for messages.</param>
    /// <returns>Null, or who else may read it.</returns>
    /// <exception cref="StepException">The file is not one we should read.</exception>
    internal static string? Check(FileStatus status, uint user, string shown)
    {
        if (!status.IsRegularFile)
            throw new StepException($"the token file {shown} is no regular file", "Point --token-file or FAIRLEAD_TOKEN_FILE at a plain file.");
        if (status.Owner != user && status.Owner != 0)
            throw new StepException($"the token file {shown} belongs to user {status.Owner}; expected {(user == 0 ? "root" : $"user {user}, who runs fairlead, or root")}", $"chown {user} {shown}.");
        if (status.IsWritableByOthers)
            throw new StepException($"the token file {shown} has mode {status.Permissions}, so that others can replace the token; expected 0600 or 0400", $"chmod 0600 {shown}.");
        if (status.IsReadableByOthers && status.Owner != 0)
            throw new StepException($"the token file {shown} has mode {status.Permissions}, so that others can read the token; expected 0600 or 0400", $"chmod 0600 {shown}.");
        if (status.Links != 1)
            throw new StepException($"the token file {shown} has {status.Links} hard links; expected one, since another name may be somebody else's", "Write the token into a new file, in a directory that others cannot write to.");
        return status.IsReadableByOthers
            ? $"the token file {shown} has mode {status.Permissions}: until it is removed, other users of this container can read the token. Give it mode 0600, or 0400, and to the user who runs fairlead."
            : null;
    }

    /// <summary>
    /// Makes the token file unreadable and removes it. It is emptied first: unlinking alone leaves the token to whoever
    /// holds an open descriptor or a hard link. A file that is missing or blank, and what is neither file nor link, is left as it is.
    /// </summary>
    /// <returns>Null, or why it is still there.</returns>
    public static string? Destroy(string path)
    {
        var status = FileStatus.Of(path);
        if (status.IsSymbolicLink) return Unlink(path);
        if (!status.IsRegularFile || IsBlank(path)) return null;
        var descriptor = LibC.Open(path, LibC.OpenWriteOnly | LibC.OpenNoFollow | LibC.OpenCloseOnExec | LibC.OpenNonBlocking, 0);
        if (descriptor >= 0)
        {
            using var file = new SafeFileHandle(descriptor, ownsHandle: true);
            try
            {
                RandomAccess.Write(file, new byte[(int)Math.Min(RandomAccess.GetLength(file), MaxBytes)], fileOffset: 0);
                RandomAccess.FlushToDisk(file);
                RandomAccess.SetLength(file, 0);
            }
            catch (IOException)
            {
                // The file cannot be emptied (a full or broken disk); removing it below is what counts.
            }
        }

        return Unlink(path);
    }

    private static bool IsBlank(string path)
    {
        try
        {
            Read(path, out _).Dispose();
            return false;
        }
        catch (StepException e)
        {
            return e.IsBlankToken;
        }
    }

    private static string? Unlink(string path)
    {
        try
        {
            File.Delete(path);
            return null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return $"the token file {HostPort.Printable(path)} could not be removed ({Marshal.GetPInvokeErrorMessage(Marshal.GetLastPInvokeError())})";
        }
    }

    private static SafeFileHandle Open(string path, string shown)
    {
        // Non-blocking: a pipe that nobody writes to would hold us up for ever.
        var descriptor = LibC.Open(path, LibC.OpenReadOnly | LibC.OpenNoFollow | LibC.OpenCloseOnExec | LibC.OpenNonBlocking, 0);
        if (descriptor >= 0) return new SafeFileHandle(descriptor, ownsHandle: true);
        var error = Marshal.GetLastPInvokeError();
        throw error switch
        {
            LibC.NoSuchFile => new StepException(
                $"there is no token file {shown}", "Write the session's token there, or name its place with --token-file or FAIRLEAD_TOKEN_FILE."),
            LibC.TooManySymlinks => new StepException(
                $"the token file {shown} is a symbolic link", "Point --token-file or FAIRLEAD_TOKEN_FILE at the file itself."),
            _ => new StepException(
                $"the token file {shown} cannot be read ({Marshal.GetPInvokeErrorMessage(error)})", "Give it to the user who runs fairlead, with mode 0600."),
        };
    }

    private static int Fill(SafeFileHandle file, byte[] bytes, string shown)
    {
        try
        {
            var length = 0;
            while (length < bytes.Length)
            {
                var read = RandomAccess.Read(file, bytes.AsSpan(length), length);
                if (read == 0) break;
                length += read;
            }

            return length;
        }
        catch (IOException e)
        {
            throw new StepException($"the token file {shown} cannot be read ({e.Message})", "Check the file system it is on.", e);
        }
    }
}
