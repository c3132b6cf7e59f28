using Fairlead.Relay;

namespace Fairlead.Tests.Relay;

public sealed class DockerArgumentsTests
{
    private readonly Dictionary<string, string> _environment = new()
    {
        ["FAIRLEAD_HELP"] = "/d/AGENT.md",
        ["HTTPS_PROXY"] = "http://127.0.0.1:4321",
        ["NO_PROXY"] = "localhost,.a.test",
        ["SSL_CERT_FILE"] = "/home/user/bundle.crt",
    };

    [Fact]
    public async Task A_build_gets_the_proxy_by_arguments_that_docker_knows_and_the_bundle_as_a_secret() => Assert.Equal(
        "--network=host --build-arg HTTPS_PROXY=http://127.0.0.1:4321 --build-arg https_proxy=http://127.0.0.1:4321 --build-arg NO_PROXY=localhost,.a.test "
        + "--build-arg no_proxy=localhost,.a.test --secret id=fairlead-ca,src=/home/user/bundle.crt",
        (await ArgumentsAsync(isBuild: true)).Arguments);

    [Fact]
    public async Task A_container_gets_the_bundle_mounted_and_the_variables_that_name_it_there()
    {
        var words = (await ArgumentsAsync(isBuild: false)).Arguments!.Split(' ');

        Assert.Equal(["--network=host", "-v", "/home/user/bundle.crt:/run/fairlead-ca.crt:ro", "-e", "HTTPS_PROXY=http://127.0.0.1:4321"], words.Take(5));
        Assert.Contains("SSL_CERT_FILE=/run/fairlead-ca.crt", words);
        Assert.Contains("NODE_USE_ENV_PROXY=1", words);
        Assert.All(words.Skip(3).Chunk(2), pair => Assert.Equal("-e", pair[0]));
        // These name files that are not in the container.
        Assert.DoesNotContain(words, word => word.StartsWith("WGETRC", StringComparison.Ordinal) || word.StartsWith("NODE_OPTIONS", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_path_with_a_blank_cannot_be_handed_over()
    {
        _environment["SSL_CERT_FILE"] = "/home/my user/bundle.crt";

        Assert.Contains("expected no blank", (await ArgumentsAsync(isBuild: true)).Problem, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Without_a_relay_it_says_so()
    {
        _environment.Remove("FAIRLEAD_HELP");

        Assert.Contains("no relay runs here", (await ArgumentsAsync(isBuild: true)).Problem, StringComparison.Ordinal);
    }

    private Task<(string? Arguments, string? Problem)> ArgumentsAsync(bool isBuild) => new DockerArgumentsVerb(_environment).ArgumentsAsync(isBuild, "/nowhere", Limits.Token);
}
