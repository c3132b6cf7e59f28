using Fairlead.EndToEnd.Harness;

namespace Fairlead.EndToEnd.Matrix;

/// <summary>Repositories for git to clone and push.</summary>
internal static class GitRepository
{
    /// <summary>A bare one with a commit, on the origin.</summary>
    public static async Task CreateAsync(ToolSite site, string name)
    {
        var origin = (await site.Topology).Origin;
        using var work = new TempFolder();
        await CommitAsync(work.Path);
        await GitAsync(work.Path, "clone", "--quiet", "--bare", work.Path, Path.Combine(origin.GitRepositories.Path, name + ".git"));
        await GitAsync(origin.GitRepositories.File(name + ".git"), "config", "http.receivepack", "true");
    }

    /// <summary>A commit, in a new repository.</summary>
    public static async Task CommitAsync(string folder)
    {
        await GitAsync(folder, "init", "--quiet", "--initial-branch=main");
        await File.WriteAllTextAsync(Path.Combine(folder, "answer.txt"), "42\n", Limits.Token());
        await GitAsync(folder, "add", ".");
        await GitAsync(folder, "-c", "user.name=tester", "-c", "user.email=tester@origin.test", "commit", "--quiet", "-m", "An answer");
    }

    private static async Task GitAsync(string folder, params string[] arguments)
    {
        await using var git = RunningProgram.Start("git", arguments, ToolEnvironment.Clean(folder), folder);
        (await git.WaitAsync(Limits.Token())).Succeeded();
    }
}
