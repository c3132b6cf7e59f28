namespace Fairlead.Gateway.Audit;

/// <summary>The files of an audit as they are at one moment, also while a gateway writes, rotates and deletes.</summary>
internal sealed class AuditReading : IDisposable
{
    private AuditReading(IReadOnlyList<(string Name, FileStream Stream)> files) => Files = files;

    /// <summary>The oldest first.</summary>
    public IReadOnlyList<(string Name, FileStream Stream)> Files { get; }

    /// <param name="named">As <see cref="AuditFiles.Expand"/> takes them.</param>
    /// <exception cref="IOException">A file is not there, or cannot be read.</exception>
    public static AuditReading Open(IReadOnlyList<string> named)
    {
        while (true)
        {
            var names = AuditFiles.Expand(named);
            var files = new List<(string, FileStream)>();
            try
            {
                foreach (var name in names) files.Add((name, AuditFiles.Open(name)));
                // A file that was closed or deleted meanwhile would be missing, or twice in the list: what is open stays as it is now.
                if (AuditFiles.Expand(named).SequenceEqual(names)) return new AuditReading(files);
                new AuditReading(files).Dispose();
            }
            catch (FileNotFoundException) when (!AuditFiles.Expand(named).SequenceEqual(names))
            {
                new AuditReading(files).Dispose();
            }
            catch
            {
                new AuditReading(files).Dispose();
                throw;
            }
        }
    }

    public void Dispose()
    {
        foreach (var (_, stream) in Files) stream.Dispose();
    }
}
