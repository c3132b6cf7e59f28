namespace Fairlead.Relay.Startup;

/// <summary>Finds a program as execvp does (POSIX exec), and only so: .NET would look into its own and the current directory first.</summary>
internal static class CommandLookup
{
    private const string DefaultPath = "/bin:/usr/bin";

    /// <summary>Looks a command up.</summary>
    /// <param name="command">A name, or a path when it holds a slash.</param>
    /// <param name="path">The PATH variable; null means that it is not set.</param>
    /// <param name="isForbidden">True when a file was found that may not be executed.</param>
    /// <returns>The absolute path, or null.</returns>
    public static string? Find(string command, string? path, out bool isForbidden)
    {
        isForbidden = false;
        if (command.Length == 0) return null;
        if (command.Contains('/', StringComparison.Ordinal))
        {
            isForbidden = Directory.Exists(command);
            return Check(command, ref isForbidden);
        }

        foreach (var directory in (path ?? DefaultPath).Split(':'))
        {
            // An empty entry is the current directory (POSIX, Environment Variables, PATH).
            if (Check(Path.Combine(directory.Length == 0 ? "." : directory, command), ref isForbidden) is { } found) return found;
        }

        return null;
    }

    private static string? Check(string candidate, ref bool isForbidden)
    {
        var full = Path.GetFullPath(candidate);
        if (!File.Exists(full)) return null;
        if (LibC.Access(full, LibC.MayExecute) == 0) return full;
        isForbidden = true;
        return null;
    }
}
