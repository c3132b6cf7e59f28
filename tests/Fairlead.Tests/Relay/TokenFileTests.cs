using System.Text;
using Fairlead.Relay.Startup;

namespace Fairlead.Tests.Relay;

public sealed class TokenFileTests : IDisposable
{
    private readonly TempDirectory _files = new();

    public void Dispose() => _files.Dispose();

    [Theory]
    [InlineData("secret")]
    [InlineData("secret\n")]
    [InlineData(" \t\r\nsecret\r\n")]
    public void White_space_around_the_token_does_not_count(string content)
    {
        using var token = TokenFile.Read(_files.WriteSecret("token", content), out _);

        Assert.Equal("secret", Encoding.ASCII.GetString(token.Reveal().Span));
    }

    [Theory]
    [InlineData("", "is blank")]
    [InlineData(" \r\n\t", "is blank")]
    [InlineData("two words", "not visible ASCII")]
    [InlineData("two\r\nlines", "not visible ASCII")]
    [InlineData("nul\0", "not visible ASCII")]
    [InlineData("\ufefftoken", "not visible ASCII")]
    public void What_is_no_token_is_refused_without_being_shown(string content, string problem)
    {
        var e = Assert.Throws<StepException>(() => TokenFile.Read(_files.WriteSecret("token", content), out _));

        Assert.Contains(problem, e.Cause, StringComparison.Ordinal);
        Assert.DoesNotContain("words", e.Cause + e.Remedy, StringComparison.Ordinal);
    }

    [Fact]
    public void A_token_of_64_KiB_is_read_and_a_larger_one_refused()
    {
        using (var token = TokenFile.Read(_files.WriteSecret("token", new string('x', TokenFile.MaxBytes)), out _)) Assert.Equal(TokenFile.MaxBytes, token.Length);

        var e = Assert.Throws<StepException>(() => TokenFile.Read(_files.WriteSecret("token", new string('x', TokenFile.MaxBytes + 1)), out _));
        Assert.Contains("larger than 65536 bytes", e.Cause, StringComparison.Ordinal);
    }

    [Fact]
    public void What_is_no_plain_file_is_refused_in_its_own_words()
    {
        File.CreateSymbolicLink(_files.PathOf("link"), _files.Write("real", "secret"));
        using (var mkfifo = System.Diagnostics.Process.Start("mkfifo", [_files.PathOf("pipe")])) mkfifo.WaitForExit();

        Assert.Contains("there is no token file", Cause("missing"), StringComparison.Ordinal);
        Assert.Contains("is a symbolic link", Cause("link"), StringComparison.Ordinal);
        Assert.Contains("is no regular file", Cause("pipe"), StringComparison.Ordinal);
        Assert.Contains("is no regular file", Cause("."), StringComparison.Ordinal);
    }

    [Fact]
    public void Destroying_empties_the_file_before_it_unlinks_it()
    {
        var path = _files.WriteSecret("token", "secret");
        using var held = new StreamReader(path);

        Assert.Null(TokenFile.Destroy(path));

        Assert.False(File.Exists(path));
        Assert.Equal("", held.ReadToEnd());
    }

    [Fact]
    public void Destroying_a_link_removes_the_link_alone()
    {
        var real = _files.Write("real", "secret");
        File.CreateSymbolicLink(_files.PathOf("link"), real);

        Assert.Null(TokenFile.Destroy(_files.PathOf("link")));

        Assert.False(File.Exists(_files.PathOf("link")));
        Assert.Equal("secret", File.ReadAllText(real));
    }

    [Fact]
    public void A_blank_file_counts_as_absent_and_is_left_in_place()
    {
        var path = _files.WriteSecret("token", " \n");

        Assert.Null(TokenFile.Destroy(path));
        Assert.Null(TokenFile.Destroy(_files.PathOf("missing")));

        Assert.True(File.Exists(path));
    }

    [Theory]
    [InlineData(0x8180, 1000u, 1u, 1000u, null)] // 0600, ours
    [InlineData(0x8100, 1000u, 1u, 1000u, null)] // 0400, ours
    [InlineData(0x8180, 0u, 1u, 1000u, null)] // root's, where root reads for us
    [InlineData(0x8180, 0u, 1u, 0u, null)]
    [InlineData(0x81a4, 0u, 1u, 1000u, "has mode 0644: until it is removed, other users of this container can read the token")]
    [InlineData(0x8120, 0u, 1u, 0u, "has mode 0440: until")]
    public void A_token_file_is_ours_or_roots_and_who_else_can_read_roots_is_told(int mode, uint owner, uint links, uint user, string? weakness)
    {
        var told = TokenFile.Check(new FileStatus(mode, owner, links), user, "/run/token");

        Assert.Equal(weakness is null, told is null);
        if (weakness is not null) Assert.Contains(weakness, told, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(0x8180, 1001u, 1u, 1000u, "belongs to user 1001; expected user 1000, who runs fairlead, or root", "chown 1000 /run/token.")]
    [InlineData(0x8180, 1001u, 1u, 0u, "belongs to user 1001; expected root", "chown 0 /run/token.")]
    [InlineData(0x81a4, 1000u, 1u, 1000u, "has mode 0644, so that others can read the token; expected 0600 or 0400", "chmod 0600 /run/token.")]
    [InlineData(0x81b4, 0u, 1u, 1000u, "has mode 0664, so that others can replace the token; expected 0600 or 0400", "chmod 0600 /run/token.")]
    [InlineData(0x8182, 1000u, 1u, 1000u, "has mode 0602, so that others can replace the token", "chmod 0600 /run/token.")]
    [InlineData(0x8180, 1000u, 2u, 1000u, "has 2 hard links; expected one", "Write the token into a new file, in a directory that others cannot write to.")]
    [InlineData(0x41c0, 1000u, 1u, 1000u, "is no regular file", "Point --token-file or FAIRLEAD_TOKEN_FILE at a plain file.")]
    public void A_token_file_that_others_own_can_change_or_have_another_name_of_is_refused(int mode, uint owner, uint links, uint user, string cause, string remedy)
    {
        var e = Assert.Throws<StepException>(() => TokenFile.Check(new FileStatus(mode, owner, links), user, "/run/token"));

        Assert.Contains(cause, e.Cause, StringComparison.Ordinal);
        Assert.Equal(remedy, e.Remedy);
    }

    [Fact]
    public void The_checks_are_of_the_file_that_was_opened()
    {
        var path = _files.WriteSecret("token", "secret");
        File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.OtherWrite);

        Assert.Contains("has mode 0602", Cause("token"), StringComparison.Ordinal);
        File.SetUnixFileMode(path, UnixFileMode.UserRead);
        using (var link = System.Diagnostics.Process.Start("ln", [path, _files.PathOf("other")])) link.WaitForExit();
        Assert.Contains("has 2 hard links", Cause("token"), StringComparison.Ordinal);
        File.Delete(_files.PathOf("other"));
        TokenFile.Read(path, out var weakness).Dispose();
        Assert.Null(weakness);
    }

    private string Cause(string name) => Assert.Throws<StepException>(() => TokenFile.Read(_files.PathOf(name), out _)).Cause;
}
