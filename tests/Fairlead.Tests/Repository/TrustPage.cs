using System.Globalization;
using System.Text;
using Fairlead.Relay.Trust;

namespace Fairlead.Tests.Repository;

/// <summary>The parts of docs/trust.md that are made from the table of tools.</summary>
internal static class TrustPage
{
    public static string File => RepositoryFiles.PathOf("docs", "trust.md");

    /// <summary>What stands between two marks of the page, and what should.</summary>
    public static IReadOnlyDictionary<string, string> Parts { get; } = new Dictionary<string, string>
    {
        ["tools"] = Tools(),
        ["variables"] = Variables(),
        ["files"] = Files(),
        ["conflicts"] = Conflicts(),
    };

    public static string Begin(string part) => $"<!-- {part}: made from the code -->\n";

    public static string End(string part) => $"<!-- end of {part} -->\n";

    private static string Tools() => Table("tool | reads | good to know", Fairlead.Relay.Trust.Tools.All.Select(tool =>
        $"{tool.Name} | {string.Join(", ", Names(tool))} | {tool.Note}"));

    private static string Variables() => Table("variable | holds", AllVariables().Select(variable => $"`{variable.Name}` | {variable.Meaning}"));

    private static string Files() => Table("file | is", Fairlead.Relay.Trust.Tools.All.SelectMany(tool => tool.Files).Distinct().Select(file => $"`{file.Name}` | {file.Meaning}"));

    private static string Conflicts() => Table("tool | where | what | means", Fairlead.Relay.Trust.Tools.All.SelectMany(tool => tool.Conflicts.Select(rule =>
        $"{tool.Name} | {(rule.Files.Count == 0 ? "environment" : Codes(rule.Files))} | {Codes(rule.Keys)} | {rule.Consequence}")));

    private static IEnumerable<Variable> AllVariables() => Fairlead.Relay.Trust.Variables.Eight.Concat(Fairlead.Relay.Trust.Tools.All.SelectMany(tool => tool.Variables)).Distinct();

    private static IEnumerable<string> Names(Tool tool)
    {
        var pair = Fairlead.Relay.Trust.Variables.ProxyPair;
        if (pair.All(tool.Variables.Contains)) yield return "the proxy";
        foreach (var variable in tool.Variables.Except(pair)) yield return $"`{variable.Name}`";
    }

    private static string Codes(IEnumerable<string> texts) => string.Join(", ", texts.Select(text => $"`{text.Replace("|", "\\|", StringComparison.Ordinal)}`"));

    private static string Table(string head, IEnumerable<string> rows)
    {
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"| {head} |\n|{string.Concat(Enumerable.Repeat("---|", head.Split('|').Length))}\n");
        foreach (var row in rows) text.Append($"| {row.Trim()} |\n".Replace("|  |", "| |", StringComparison.Ordinal));
        return text.ToString();
    }
}
