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
        if (!HostPort.TryCreate(record.GetProperty("host").GetString()!, record.GetProperty("port").GetInt32(), out var destination, out var problem)) throw new FormatException(problem);
        return new SeenRequest(
            record.GetProperty("session").GetString()!,
            new RequestFacts(record.GetProperty("method").GetString()!, destination, record.GetProperty("path").GetString()!),
            decision == "allow" ? Verdict.Allow : Verdict.Deny,
            decision != "deny",
            record.GetProperty("rule").GetString() ?? "");
    }
}
