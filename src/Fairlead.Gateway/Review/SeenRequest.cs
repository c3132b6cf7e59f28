using System.Text.Json;
using Fairlead.Gateway.Policy;
using Fairlead.Wire;

namespace Fairlead.Gateway.Review;

/// <summary>A request that the audit has a record of.</summary>
/// <param name="Session">Whose it was.</param>
/// <param name="Facts">What policy judged.</param>
/// <param name="Verdict">What policy said then.</param>
/// <param name="Passed">True when it was let pass, in whatever mode.</param>
/// <param name="Rule">The rule that decided then.</param>
internal sealed record SeenRequest(string Session, RequestFacts Facts, Verdict Verdict, bool Passed, string Rule)
{
    /// <summary>Reads the requests that policy has judged. Lines of other kinds are passed over.</summary>
    /// <param name="lines">JSON Lines of the audit.</param>
    /// <param name="skipped">Lines that are no records: torn by a crash, or of another program.</param>
    public static IReadOnlyList<SeenRequest> ReadAll(IEnumerable<string> lines, out int skipped)
    {
        var seen = new List<SeenRequest>();
        skipped = 0;
        foreach (var line in lines)
        {
            if (line.Length == 0) continue;
            try
            {
                using var json = JsonDocument.Parse(line);
                if (Read(json.RootElement) is { } request) seen.Add(request);
            }
            catch (Exception e) when (e is JsonException or KeyNotFoundException or InvalidOperationException or FormatException)
            {
                skipped++;
            }
        }

        return seen;
    }

    private static SeenRequest? Read(JsonElement record)
    {
        if (record.GetProperty("type").GetString() != "request" || record.GetProperty("decision").GetString() is not { } decision) return null;
        if (!HostPort.TryCreate(Text(record, "host"), record.GetProperty("port").GetInt32(), out var destination, out var problem)) throw new FormatException(problem);
        return new SeenRequest(
            Text(record, "session"),
            new RequestFacts(Text(record, "method"), destination, Text(record, "path") is ['/', ..] path ? path : throw new FormatException("expected a path")),
            decision == "allow" ? Verdict.Allow : Verdict.Deny,
            decision != "deny",
            record.GetProperty("rule").GetString() ?? "");
    }

    private static string Text(JsonElement record, string name) => record.GetProperty(name).GetString() ?? throw new FormatException($"expected a text as {name}");
}
