using Fairlead.EndToEnd.RedTeam.Corpora;

namespace Fairlead.EndToEnd.RedTeam;

/// <summary>Every corpus against running programs. A new one is a file of cases, a class, and a line here.</summary>
public sealed class RedTeamTests
{
    private static readonly Corpus[] s_all =
    [
        new ForbiddenTargets(),
        new MalformedHeads(),
        new HostileFrames(),
        new SmuggledRequests(),
        new SmuggledStreams(),
        new ForeignNames(),
        new EvasivePaths(),
        new EvasiveBodies(),
        new HostileAnswers(),
        new StrayCredentials(),
        new EchoedSecrets(),
        new ForgedRecords(),
        new BrokenConfigurations(),
        new Floods(),
    ];

    public static TheoryData<string> Names => [.. s_all.Select(corpus => corpus.Name)];

    [Theory]
    [MemberData(nameof(Names))]
    public async Task Every_case_of_a_corpus_is_held(string corpus)
    {
        var verdicts = await s_all.Single(c => c.Name == corpus).RunAsync();

        Scoreboard.Add(corpus, verdicts);
        Assert.NotEmpty(verdicts);
        Assert.Empty(verdicts.Where(v => !v.IsHeld).Select(v => $"{v.Case}: {v.Fault}"));
    }
}
