using Fairlead.EndToEnd.Harness;

namespace Fairlead.EndToEnd.Attack;

/// <summary>The short form of <c>./dev attack</c>: both builds, installed as the packages do.</summary>
public sealed class AttackTests
{
    [Fact]
    public async Task A_process_of_the_same_user_cannot_read_the_token()
    {
        if (Environment.UserName != "root") Assert.Skip("the attacker becomes another user, which root alone can");
        using var folder = new TempFolder();
        var environment = ToolEnvironment.ForProduct(folder.Path);

        await using var attack = RunningProgram.Start(
            "python3", [Path.Combine(Repository.Root, "tests", "attack", "attack.py"), "--starts", "2", "--out", Repository.Out], environment, folder.Path);
        attack.Stdin.Close();
        var table = (await attack.WaitAsync(Limits.Token())).Succeeded().Stdout;

        Assert.EndsWith("s\n", table, StringComparison.Ordinal);
        Assert.Contains("no way in found", table, StringComparison.Ordinal);
        // What found nothing would prove nothing, if it found nothing where nothing is protected.
        var rows = table.Split('\n').Where(row => row.Contains("found ", StringComparison.Ordinal) && !row.StartsWith("no way", StringComparison.Ordinal)).ToList();
        Assert.True(rows.Count >= 25, table);
        Assert.All(rows, row => Assert.Matches("^.*  found [1-9][0-9]* of [0-9]+ +found 0 of [1-9][0-9]* +found 0 of [1-9][0-9]*$", row));
    }
}
