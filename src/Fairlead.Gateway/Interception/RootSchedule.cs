using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace Fairlead.Gateway.Interception;

/// <summary>
/// Which roots a directory has, and when each does what. What a root does now follows from the clock alone: nothing has to happen at the
/// switch from one to the next, so nothing can be cut there, and two gateways that share the directory switch together.
/// </summary>
internal sealed partial class RootSchedule
{
    private readonly IReadOnlyList<Entry> _entries;

    private RootSchedule(IEnumerable<Entry> entries) => _entries = [.. entries.OrderBy(e => e.LeavesFrom)];

    /// <param name="Name">Of its files, without their ending.</param>
    /// <param name="LeavesFrom">From when on leaves come from it.</param>
    /// <param name="ServedUntil">Until when containers are told to trust it; null where nothing has followed it.</param>
    internal sealed record Entry(string Name, DateTimeOffset LeavesFrom, DateTimeOffset? ServedUntil);

    /// <summary>What a directory has before its first rotation.</summary>
    public static RootSchedule First { get; } = new([new Entry("ca", DateTimeOffset.UnixEpoch, null)]);

    /// <summary>In the order in which leaves come from them.</summary>
    public IReadOnlyList<Entry> Entries => _entries;

    public Entry Last => _entries[^1];

    public Entry ActiveAt(DateTimeOffset now) => _entries.LastOrDefault(e => e.LeavesFrom <= now) ?? _entries[0];

    public RootRole RoleOf(Entry entry, DateTimeOffset now)
    {
        var active = ActiveAt(now);
        if (entry == active) return RootRole.Active;
        if (entry.LeavesFrom > active.LeavesFrom) return RootRole.Next;
        return entry.ServedUntil is { } until && until <= now ? RootRole.Over : RootRole.Retiring;
    }

    /// <summary>The schedule in which another root follows the last one.</summary>
    /// <param name="name">Of its files.</param>
    /// <param name="leavesFrom">When leaves come from it.</param>
    /// <param name="lastServedUntil">How long the one before is still served.</param>
    public RootSchedule With(string name, DateTimeOffset leavesFrom, DateTimeOffset lastServedUntil) =>
        new([.. _entries.SkipLast(1), Last with { ServedUntil = lastServedUntil }, new Entry(name, leavesFrom, null)]);

    /// <summary>The schedule without what is over.</summary>
    public RootSchedule Without(IReadOnlyCollection<Entry> over) => new(_entries.Where(e => !over.Contains(e)));

    /// <exception cref="InvalidDataException">It is not what was written.</exception>
    public static RootSchedule Parse(string text, string path)
    {
        try
        {
            using var json = JsonDocument.Parse(text);
            if (json.RootElement.GetProperty("version").GetInt32() != 1) throw new FormatException("its version is not 1");
            Entry[] entries = [.. json.RootElement.GetProperty("roots").EnumerateArray().Select(Read)];
            return entries.Length > 0 ? new RootSchedule(entries) : throw new FormatException("it has no root");
        }
        catch (Exception e) when (e is JsonException or FormatException or KeyNotFoundException or InvalidOperationException)
        {
            throw new InvalidDataException($"expected in {path} the schedule of the CA's roots, as `ca rotate` writes it: {e.Message}", e);
        }
    }

    public override string ToString()
    {
        using var stream = new MemoryStream();
        using (var json = new Utf8JsonWriter(stream, new JsonWriterOptions { Indented = true }))
        {
            json.WriteStartObject();
            json.WriteNumber("version", 1);
            json.WriteStartArray("roots");
            foreach (var entry in _entries)
            {
                json.WriteStartObject();
                json.WriteString("name", entry.Name);
                json.WriteString("leaves_from", entry.LeavesFrom);
                if (entry.ServedUntil is { } until) json.WriteString("served_until", until);
                json.WriteEndObject();
            }

            json.WriteEndArray();
            json.WriteEndObject();
        }

        return Encoding.UTF8.GetString(stream.ToArray()) + "\n";
    }

    private static Entry Read(JsonElement element)
    {
        var name = element.GetProperty("name").GetString() ?? "";
        // It becomes a path.
        if (!IsName().IsMatch(name)) throw new FormatException(string.Create(CultureInfo.InvariantCulture, $"a root has a name of {name.Length} characters that is none of ours"));
        return new Entry(name, element.GetProperty("leaves_from").GetDateTimeOffset(), element.TryGetProperty("served_until", out var until) ? until.GetDateTimeOffset() : null);
    }

    [GeneratedRegex(@"\Aca(-[0-9a-f]{16})?\z")]
    private static partial Regex IsName();
}
