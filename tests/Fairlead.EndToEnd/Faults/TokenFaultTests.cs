using Fairlead.EndToEnd.Harness;

namespace Fairlead.EndToEnd.Faults;

/// <summary>What may lie where the token should.</summary>
public sealed class TokenFaultTests(SharedSite shared)
{
    private readonly Site _site = shared.Site;

    [Theory]
    [InlineData("rm \"$1\"", "there is no token file")]
    [InlineData("mv \"$1\" \"$1.real\"; ln -s \"$1.real\" \"$1\"", "is a symbolic link")]
    [InlineData("rm \"$1\"; mkfifo \"$1\"", "is no regular file")]
    [InlineData("rm \"$1\"; mkdir \"$1\"", "is no regular file")]
    [InlineData("truncate -s 1G \"$1\"", "is larger than 65536 bytes")]
    [InlineData("chmod 000 \"$1\"", "cannot be read (Permission denied)")]
    public async Task A_token_that_cannot_be_had_is_one_warning(string make, string cause) =>
        await StartFault.CheckAsync((environment, arguments) => Start(make, environment, arguments), _site.RunEnvironment, step: 2, cause);

    /// <summary>As root without root's power over modes, as a container's root often is.</summary>
    private RunningProgram Start(string make, Dictionary<string, string> environment, string[] arguments)
    {
        var script = $"{make}; shift; exec setpriv --bounding-set -dac_override,-dac_read_search \"$@\"";
        return RunningProgram.Start("sh", ["-c", script, "sh", environment["FAIRLEAD_TOKEN_FILE"], Repository.Relay, .. arguments], environment, _site.Folder.Path);
    }
}
