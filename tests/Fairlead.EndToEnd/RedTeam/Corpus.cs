using Fairlead.EndToEnd.Harness;
using YamlDotNet.RepresentationModel;

namespace Fairlead.EndToEnd.RedTeam;

/// <summary>
/// A class of attacks: the cases of a file below tests/redteam/corpora, and how they are tried against running programs. A case is held when the ground truth
/// says so (what reached an origin, which address was dialled, what a client was given), whatever the answer to the attacker was.
/// </summary>
internal abstract class Corpus
{
    public abstract string Name { get; }

    /// <summary>Tries every case. Beside attacks there are requests that must be served: where those fail, a stage that holds everything would prove nothing.</summary>
    public abstract Task<IReadOnlyList<Verdict>> RunAsync(IReadOnlyList<AttackCase> cases);

    public async Task<IReadOnlyList<Verdict>> RunAsync()
    {
        var cases = Read();
        var verdicts = await RunAsync(cases);
        // A case that was forgotten would look like one that held.
        Assert.Empty(cases.Select(c => c.Name).Except(verdicts.Select(v => v.Case.Split(" (")[0])));
        return verdicts;
    }

    private List<AttackCase> Read()
    {
        using var reader = File.OpenText(Path.Combine(Repository.Root, "tests", "redteam", "corpora", Name + ".yaml"));
        var stream = new YamlStream();
        stream.Load(reader);
        var nodes = (YamlSequenceNode)stream.Documents[0].RootNode["cases"];
        var cases = new List<AttackCase>();
        foreach (var node in nodes.Cast<YamlMappingNode>())
        {
            var fields = node.ToDictionary(field => ((YamlScalarNode)field.Key).Value!, field => ((YamlScalarNode)field.Value).Value ?? "", StringComparer.Ordinal);
            Assert.True(fields.Remove("name", out var name) && fields.Remove("why", out _), $"{Name}.yaml, line {node.Start.Line}: expected 'name' and 'why'");
            cases.Add(new AttackCase(name!, ((YamlScalarNode)node["why"]).Value!, cases.Count + 1, fields));
        }

        Assert.Equal(cases.Count, cases.DistinctBy(c => c.Name).Count());
        return cases;
    }
}
