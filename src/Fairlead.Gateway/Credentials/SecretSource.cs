namespace Fairlead.Gateway.Credentials;

/// <summary>Where the bytes of a secret come from: an environment variable, or a file.</summary>
/// <param name="EnvironmentVariable">Its name, for <c>from: env</c>.</param>
/// <param name="File">Its path, for <c>from: file</c>.</param>
internal sealed record SecretSource(string? EnvironmentVariable, string? File)
{
    private const int MaxBytes = 64 * 1024;

    /// <summary>Reads the value as it stands there.</summary>
    /// <param name="value">The value, or an empty text.</param>
    /// <returns>Null, or what is missing, without any value in it.</returns>
    public string? TryRead(out string value)
    {
        value = "";
        if (EnvironmentVariable is not null)
        {
            if (Environment.GetEnvironmentVariable(EnvironmentVariable) is not { } found) return $"the environment variable {EnvironmentVariable} is not set";
            value = found;
            return null;
        }

        try
        {
            var info = new FileInfo(File!);
            if (!info.Exists) return $"the file {File} does not exist";
            if (info.Length > MaxBytes) return $"expected a file of at most {MaxBytes} bytes, {File} has {info.Length}";
            value = System.IO.File.ReadAllText(File!);
            return null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return $"the file {File} cannot be read: {e.Message}";
        }
    }
}
