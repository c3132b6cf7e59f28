using System.Text.Json;
using Fairlead.Gateway.Files;

namespace Fairlead.Gateway.Sinks;

/// <summary>How far a sink has got that cannot say so itself: a small file beside the audit. What is delivered and not yet noted here when the gateway is killed is delivered again.</summary>
/// <param name="path">The file.</param>
internal sealed class CursorFile(string path)
{
    // What is delivered stays so, also when a full disk does not take the note.
    private (string Chain, long Seq)? _noted;

    /// <summary>The number of the last record of a chain; 0 for none.</summary>
    /// <exception cref="InvalidDataException">It is not what this wrote.</exception>
    public long Read(string chain)
    {
        if (_noted is { } noted && noted.Chain == chain) return noted.Seq;
        if (!File.Exists(path)) return 0;
        try
        {
            using var json = JsonDocument.Parse(File.ReadAllBytes(path));
            return json.RootElement.GetProperty("chain").GetString() == chain ? json.RootElement.GetProperty("seq").GetInt64() : 0;
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException or InvalidOperationException or FormatException)
        {
            throw new InvalidDataException($"expected the place of a sink in {path}: {e.Message}; remove it, and the sink gets all records that are kept once more", e);
        }
    }

    public void Write(string chain, long seq)
    {
        _noted = (chain, seq);
        WholeFile.Write(path, string.Create(System.Globalization.CultureInfo.InvariantCulture, $$"""{"chain":"{{chain}}","seq":{{seq}}}""") + "\n", UnixFileMode.UserRead | UnixFileMode.UserWrite);
    }
}
