using System.Text.RegularExpressions;

namespace Fairlead.Tests.Repository;

/// <summary>The table "Who may depend on whom" of docs/architecture.md against the source.</summary>
public sealed partial class LayeringTests
{
    public static TheoryData<string> Sources => [.. RepositoryFiles.SourcesBelow("src")];

    public static TheoryData<string> Projects => ["Wire", "Relay", "Gateway"];

    [Theory]
    [MemberData(nameof(Sources))]
    public void A_room_uses_only_what_its_row_names(string path)
    {
        var room = RoomOf(path);
        var program = room.Split('/')[0];
        if (room == "Gateway") return; // the root of the gateway uses every room
        var allowed = AllowedFor(room);

        foreach (var (used, name) in RoomsUsedBy(path))
        {
            var usedProgram = used.Split('/')[0];
            // The rooms of the relay are one neighbourhood; the table has one row for it.
            if (used == room || (usedProgram == program && program != "Gateway")) continue;
            if (used == program) continue; // the root of the same program is the other test's matter
            Assert.True(allowed.Contains(used), $"{path} uses {name}, but {room} may use only: {string.Join(", ", allowed.Order())}");
        }
    }

    [Theory]
    [MemberData(nameof(Sources))]
    public void The_two_programs_never_use_each_other(string path)
    {
        var program = RoomOf(path).Split('/')[0];

        Assert.All(RoomsUsedBy(path), used => Assert.Contains(used.Room.Split('/')[0], program == "Wire" ? ["Wire"] : (string[])["Wire", program]));
    }

    [Theory]
    [MemberData(nameof(Sources))]
    public void A_room_never_uses_the_root(string path)
    {
        if (RoomOf(path).Split('/') is not [var program, _]) return; // the root itself, or Wire, which has no rooms
        var rootTypes = RepositoryFiles.SourcesBelow("src", $"Fairlead.{program}")
            .Where(file => RoomOf(file) == program)
            .SelectMany(file => DeclaredType().Matches(CodeOf(file)).Select(match => match.Groups[1].Value));
        var code = CodeOf(path);
        var ownTypes = DeclaredType().Matches(code).Select(match => match.Groups[1].Value).ToHashSet();

        Assert.DoesNotContain(rootTypes.Where(type => !ownTypes.Contains(type)), type => Regex.IsMatch(code, $@"(?<![.\w]){type}\b(?!\s*=[^>=])"));
        Assert.DoesNotMatch($@"using Fairlead\.{program};", code);
    }

    [Fact]
    public void Every_room_of_the_gateway_has_its_row()
    {
        var rooms = RepositoryFiles.SourcesBelow("src", "Fairlead.Gateway").Select(RoomOf).Where(room => room != "Gateway").ToHashSet();

        Assert.Subset(ArchitecturePage.Dependencies.Keys.ToHashSet(), rooms);
    }

    [Fact]
    public void Every_row_names_rooms_that_have_a_row()
    {
        foreach (var room in ArchitecturePage.Dependencies.Keys)
            Assert.Subset(ArchitecturePage.Dependencies.Keys.ToHashSet(), AllowedFor(room));
    }

    [Theory]
    [MemberData(nameof(Projects))]
    public void A_project_refers_to_the_wire_at_most(string project)
    {
        var text = File.ReadAllText(RepositoryFiles.PathOf("src", $"Fairlead.{project}", $"Fairlead.{project}.csproj"));

        var references = Regex.Matches(text, "<ProjectReference Include=\"[^\"]*/([^/\"]+)\\.csproj\"").Select(match => match.Groups[1].Value);

        Assert.Equal(project == "Wire" ? [] : ["Fairlead.Wire"], references);
    }

    [Fact]
    public void A_namespace_is_its_folder()
    {
        foreach (var path in RepositoryFiles.SourcesBelow("src"))
        {
            var match = Regex.Match(CodeOf(path), @"^namespace ([\w.]+);", RegexOptions.Multiline);
            if (!match.Success) continue; // top-level statements
            Assert.True(match.Groups[1].Value == Path.GetDirectoryName(path)!["src/".Length..].Replace('/', '.'), $"{path} is in namespace {match.Groups[1].Value}");
        }
    }

    [Fact]
    public void The_longest_files_are_shown_so_that_growth_is_seen()
    {
        var longest = RepositoryFiles.SourcesBelow("src")
            .Select(path => (Path: path, Lines: File.ReadLines(RepositoryFiles.PathOf(path)).Count()))
            .OrderByDescending(file => file.Lines)
            .Take(10);

        foreach (var (path, lines) in longest) TestContext.Current.TestOutputHelper?.WriteLine($"{lines,5} {path}");
    }

    /// <summary>"Gateway/Policy" for src/Fairlead.Gateway/Policy/Rule.cs, "Gateway" for a file at its root.</summary>
    private static string RoomOf(string path)
    {
        var parts = path.Split('/');
        var program = parts[1]["Fairlead.".Length..];
        return parts.Length > 3 && program != "Wire" ? $"{program}/{parts[2]}" : program;
    }

    private static HashSet<string> AllowedFor(string room)
    {
        var program = room.Split('/')[0];
        if (!ArchitecturePage.Dependencies.TryGetValue(room, out var names) && !ArchitecturePage.Dependencies.TryGetValue(program, out names))
            Assert.Fail($"{room} has no row in docs/architecture.md");
        return [.. names!.Select(name => name == "Wire" ? name : $"{program}/{name}")];
    }

    /// <summary>The rooms that a file names: in full, or from its own program's namespace ("Policy.Rule" within the gateway).</summary>
    private static IEnumerable<(string Room, string Name)> RoomsUsedBy(string path)
    {
        var code = CodeOf(path);
        var program = RoomOf(path).Split('/')[0];
        foreach (Match match in FullName().Matches(code))
        {
            var (used, room) = (match.Groups[1].Value, match.Groups[2].Value);
            var isRoom = room.Length > 0 && used != "Wire" && Directory.Exists(RepositoryFiles.PathOf("src", $"Fairlead.{used}", room));
            yield return (isRoom ? $"{used}/{room}" : used, match.Value);
        }

        foreach (var room in Directory.EnumerateDirectories(RepositoryFiles.PathOf("src", $"Fairlead.{program}")).Select(folder => Path.GetFileName(folder)!))
        {
            var types = RepositoryFiles.SourcesBelow("src", $"Fairlead.{program}", room).Select(file => Path.GetFileNameWithoutExtension(file)).ToHashSet();
            foreach (Match match in Regex.Matches(code, $@"(?<![.\w]){room}\.([A-Z]\w*)"))
            {
                if (types.Contains(match.Groups[1].Value)) yield return ($"{program}/{room}", match.Value);
            }
        }
    }

    /// <summary>A file's text without its comments.</summary>
    private static string CodeOf(string path) =>
        Comment().Replace(File.ReadAllText(RepositoryFiles.PathOf(path)), "");

    [GeneratedRegex(@"\bFairlead\.(Wire|Relay|Gateway)\b(?:\.([A-Z]\w*))?")]
    private static partial Regex FullName();

    [GeneratedRegex(@"^(?:public |internal |file |static |sealed |abstract |partial |readonly |ref |unsafe )*(?:record struct|record class|record|class|struct|interface|enum)\s+(\w+)", RegexOptions.Multiline)]
    private static partial Regex DeclaredType();

    [GeneratedRegex(@"^\s*//[^\n]*$|(?<=[\s;{}])// [^\n]*$|/\*.*?\*/", RegexOptions.Multiline | RegexOptions.Singleline)]
    private static partial Regex Comment();
}
