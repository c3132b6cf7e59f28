using Fairlead.Relay.Startup;

namespace Fairlead.Tests.Relay;

public sealed class CommandLookupTests : IDisposable
{
    private readonly TempDirectory _files = new();

    public void Dispose() => _files.Dispose();

    [Fact]
    public void The_first_executable_on_the_path_is_taken()
    {
        Directory.CreateDirectory(_files.PathOf("a"));
        Directory.CreateDirectory(_files.PathOf("b"));
        _files.Write("a/tool", "not executable");
        MakeExecutable(_files.Write("b/tool", "#!/bin/sh\n"));

        var found = CommandLookup.Find("tool", $"{_files.PathOf("nowhere")}:{_files.PathOf("a")}:{_files.PathOf("b")}", out _);

        Assert.Equal(_files.PathOf("b/tool"), found);
    }

    [Fact]
    public void A_directory_of_that_name_on_the_path_is_passed_over()
    {
        Directory.CreateDirectory(_files.PathOf("tool"));

        Assert.Null(CommandLookup.Find("tool", _files.PathOf("."), out var isForbidden));
        Assert.False(isForbidden);
    }

    [Fact]
    public void A_file_that_may_not_be_executed_is_told_from_one_that_is_missing()
    {
        _files.Write("tool", "");

        Assert.Null(CommandLookup.Find("tool", _files.PathOf("."), out var isForbidden));
        Assert.True(isForbidden);
        Assert.Null(CommandLookup.Find("other", _files.PathOf("."), out isForbidden));
        Assert.False(isForbidden);
    }

    [Fact]
    public void A_name_with_a_slash_is_not_looked_up_on_the_path() =>
        Assert.Equal("/bin/sh", CommandLookup.Find("/bin/sh", null, out _));

    private static void MakeExecutable(string path) => File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserExecute);
}
