using System.Text.Json;
using Fairlead.Gateway.Audit;

namespace Fairlead.Gateway.Export;

/// <summary>Finds the captures of an audit by the hash that their records hold: one that was changed is not found. Keeps places, not captures.</summary>
internal sealed class CaptureIndex : IDisposable
{
    private readonly Dictionary<string, (FileStream File, long At, int Length)> _places = [];
    private readonly List<FileStream> _files = [];

    /// <param name="audits">The files of the audit; captures are beside each.</param>
    public CaptureIndex(IEnumerable<string> audits)
    {
        foreach (var path in audits.Select(AuditFiles.CapturesOf).Where(File.Exists))
        {
            var file = AuditFiles.Open(path);
            _files.Add(file);
            var at = 0L;
            foreach (var (bytes, _) in AuditLine.Read(file))
            {
                _places[AuditChain.HashOf(bytes)] = (file, at, bytes.Length);
                at += bytes.Length + 1;
            }
        }
    }

    /// <returns>The capture of a record; null when it has none, or it is not there as it was written.</returns>
    public JsonElement? Find(string? hash)
    {
        if (hash is null || !_places.TryGetValue(hash, out var place)) return null;
        var bytes = new byte[place.Length];
        RandomAccess.Read(place.File.SafeFileHandle, bytes, place.At);
        if (AuditChain.HashOf(bytes) != hash) return null;
        using var json = JsonDocument.Parse(bytes);
        return json.RootElement.Clone();
    }

    public void Dispose() => _files.ForEach(f => f.Dispose());
}
