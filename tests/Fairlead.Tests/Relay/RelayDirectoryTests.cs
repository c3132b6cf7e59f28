using Fairlead.Relay.Trust;
using Fairlead.Wire;

namespace Fairlead.Tests.Relay;

public sealed class RelayDirectoryTests : IDisposable
{
    private readonly TempDirectory _files = new();
    private readonly List<string> _warnings = [];

    private string State => _files.PathOf("state");

    public void Dispose() => _files.Dispose();

    [Fact]
    public void A_running_relay_has_a_directory_that_others_may_read_and_that_goes_with_it()
    {
        var facts = Facts();
        using (var directory = RelayDirectory.Create(State, State))
        {
            facts = directory.Write(facts, _warnings.Add);

            Assert.Empty(_warnings);
            Assert.Equal("755", Mode(directory.Path));
            Assert.Equal("711", Mode(State));
            Assert.Equal(Tools.All.SelectMany(tool => tool.Files).Distinct().Select(file => file.Name).Order(), facts.Files.Keys.Order());
            Assert.All(facts.Files.Values, path => Assert.Equal("644", Mode(path)));
        }

        Assert.Equal(["node-proxy.cjs"], Directory.GetFileSystemEntries(State).Select(Path.GetFileName));
    }

    [Fact]
    public void The_next_relay_removes_what_a_dead_one_left_and_nothing_of_a_living_one()
    {
        using var alive = RelayDirectory.Create(State, State);
        var dead = Directory.CreateDirectory(Path.Combine(State, "relay-1-dead00")).FullName;
        File.WriteAllText(Path.Combine(dead, "lock"), "");
        File.WriteAllText(Path.Combine(dead, "wgetrc"), "");
        var unknown = Directory.CreateDirectory(Path.Combine(State, "relay-of-somebody")).FullName;

        var work = Directory.CreateDirectory(Path.Combine(State, "relay-service")).FullName;
        File.WriteAllText(Path.Combine(work, "lock"), "");
        var theirs = Directory.CreateDirectory(Path.Combine(State, "relay-2-beef00")).FullName;
        File.CreateSymbolicLink(Path.Combine(theirs, "lock"), "/dev/null");

        using var next = RelayDirectory.Create(State, State);

        Assert.True(Directory.Exists(work));
        Assert.True(Directory.Exists(theirs));
        Assert.False(Directory.Exists(dead));
        Assert.True(Directory.Exists(alive.Path));
        Assert.True(Directory.Exists(unknown));
    }

    [Fact]
    public void A_link_in_the_place_of_a_file_that_stays_is_not_followed()
    {
        var victim = _files.Write("victim", "untouched");
        Directory.CreateDirectory(State);
        File.CreateSymbolicLink(Path.Combine(State, "node-proxy.cjs"), victim);

        using var directory = RelayDirectory.Create(State, State);
        directory.Write(Facts(), _warnings.Add);

        Assert.Equal("untouched", File.ReadAllText(victim));
        Assert.Null(new FileInfo(Path.Combine(State, "node-proxy.cjs")).LinkTarget);
    }

    [Fact]
    public void What_stays_is_where_a_child_of_root_finds_it_as_another_user()
    {
        if (!Environment.IsPrivilegedProcess) Assert.Skip("only root's child can become another user");
        using var directory = RelayDirectory.Create(State, _files.PathOf("everyone"));

        var path = directory.Write(Facts(), _warnings.Add).Files["node-proxy.cjs"];

        Assert.Equal(_files.PathOf("everyone/node-proxy.cjs"), path); // the test's own directory has mode 0700
        Assert.Equal(("755", "644"), (Mode(_files.PathOf("everyone")), Mode(path)));
    }

    [Fact]
    public void A_wgetrc_that_repeats_the_users_is_private_and_ours_is_behind_it()
    {
        _files.Write(".wgetrc", "password = FAKE\n");
        using var directory = RelayDirectory.Create(State, State);

        var path = directory.Write(Facts(), _warnings.Add).Files["wgetrc"];

        Assert.Equal("600", Mode(path));
        Assert.Matches("^password = FAKE\n(.*\n)*https_proxy = http://127.0.0.1:4321\n(.*\n)*ca_certificate = ", File.ReadAllText(path));
    }

    [Fact]
    public void A_file_that_cannot_be_made_is_one_warning_and_its_tool_does_without()
    {
        using var directory = RelayDirectory.Create(State, State);

        var facts = directory.Write(Facts() with { CaBundle = _files.PathOf("missing/bundle") }, _warnings.Add);

        Assert.Contains(_warnings, warning => warning.Contains("java-trust.p12", StringComparison.Ordinal));
        Assert.DoesNotContain("trustStore", ChildEnvironment.For(facts).Single(variable => variable.Name == "JAVA_TOOL_OPTIONS").Value, StringComparison.Ordinal);
        Assert.Contains(ChildEnvironment.For(facts), variable => variable.Name == "WGETRC");
    }

    [Fact]
    public void The_page_for_agents_names_what_the_gateway_sends()
    {
        using var directory = RelayDirectory.Create(State, State);
        var facts = directory.Write(Facts(), _warnings.Add);

        var page = File.ReadAllText(ChildEnvironment.For(facts).Single(variable => variable.Name == "FAIRLEAD_HELP").Value);

        Assert.All([Protocol.DenyHeader, Protocol.RequestHeader, facts.Proxy, facts.CaBundle], text => Assert.Contains(text, page, StringComparison.Ordinal));
        Assert.DoesNotContain("{", page, StringComparison.Ordinal);
    }

    private TrustFacts Facts() => new() { Port = 4321, NoProxy = "localhost", CaBundle = _files.Write("bundle.crt", Certificates.Ca().ExportCertificatePem()), Home = _files.PathOf("") };

    private static string Mode(string path) => Convert.ToString((int)File.GetUnixFileMode(path), 8);
}
