namespace Fairlead.Tests.Gateway;

/// <summary>A real folder that is gone after the test.</summary>
internal sealed class TempFolder : IDisposable
{
    public string Root { get; } = Directory.CreateTempSubdirectory("fairlead-tests-").FullName;

    /// <summary>The path of a file in it.</summary>
    public string this[string name] => Path.Combine(Root, name);

    /// <returns>The path of the file written.</returns>
    public string Write(string name, string text)
    {
        File.WriteAllText(this[name], text);
        return this[name];
    }

    public void Dispose() => Directory.Delete(Root, recursive: true);
}
