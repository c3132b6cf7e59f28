namespace Fairlead.Tests.Relay;

/// <summary>A directory of its own for one test.</summary>
internal sealed class TempDirectory : IDisposable
{
    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("fairlead-test-");

    public string PathOf(string name) => Path.Combine(_directory.FullName, name);

    public string Write(string name, string content)
    {
        File.WriteAllText(PathOf(name), content);
        return PathOf(name);
    }

    /// <summary>A file that its owner alone may read, as a token file should be.</summary>
    public string WriteSecret(string name, string content)
    {
        File.SetUnixFileMode(Write(name, content), UnixFileMode.UserRead | UnixFileMode.UserWrite);
        return PathOf(name);
    }

    public void Dispose() => _directory.Delete(recursive: true);
}
