namespace Fairlead.Tests.Repository;

public sealed class TrustPageTests
{
    public static TheoryData<string> Parts => [.. TrustPage.Parts.Keys];

    /// <summary>With FAIRLEAD_UPDATE_DOCS=1 the page is written in place of being compared.</summary>
    [Theory]
    [MemberData(nameof(Parts))]
    public void The_page_shows_the_table_of_the_code(string part)
    {
        var page = File.ReadAllText(TrustPage.File);
        var begin = page.IndexOf(TrustPage.Begin(part), StringComparison.Ordinal) + TrustPage.Begin(part).Length;
        var end = page.IndexOf(TrustPage.End(part), StringComparison.Ordinal);
        Assert.True(end >= begin, $"expected the marks of '{part}' in docs/trust.md");
        if (Environment.GetEnvironmentVariable("FAIRLEAD_UPDATE_DOCS") == "1") File.WriteAllText(TrustPage.File, page[..begin] + TrustPage.Parts[part] + page[end..]);
        else Assert.True(TrustPage.Parts[part] == page[begin..end], $"docs/trust.md differs from the code in '{part}'; run this test with FAIRLEAD_UPDATE_DOCS=1 to write it");
    }
}
