using System.Globalization;

namespace Fairlead.EndToEnd.RedTeam;

/// <summary>What `./dev redteam` prints: a row for each corpus, and a line for each escape. Written where FAIRLEAD_REDTEAM says; else nowhere.</summary>
internal static class Scoreboard
{
    private static readonly Lock s_writing = new();

    public static void Add(string corpus, IReadOnlyList<Verdict> verdicts)
    {
        if (Environment.GetEnvironmentVariable("FAIRLEAD_REDTEAM") is not { Length: > 0 } folder) return;
        var escapes = verdicts.Where(v => !v.IsHeld).ToList();
        lock (s_writing)
        {
            File.AppendAllText(
                Path.Combine(folder, "rows"), string.Create(CultureInfo.InvariantCulture, $"{corpus}\t{verdicts.Count}\t{verdicts.Count - escapes.Count}\t{escapes.Count}\n"));
            File.AppendAllLines(Path.Combine(folder, "escapes"), escapes.Select(e => $"{corpus}: {e.Case}: {e.Fault}"));
        }
    }
}
