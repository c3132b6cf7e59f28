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
        using var token = TokenFile.Read(_files.Write("token", content));

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
        var e = Assert.Throws<StepException>(() => TokenFile.Read(_files.Write("token", content)));

        Assert.Contains(problem, e.Cause, StringComparison.Ordinal);
        Assert.DoesNotContain("words", e.Cause + e.Remedy, StringComparison.Ordinal);
    }

    [Fact]
    public void A_token_of_64_KiB_is_read_and_a_larger_one_refused()
    {
        using (var token = TokenFile.Read(_files.Write("token", new string('x', TokenFile.MaxBytes)))) Assert.Equal(TokenFile.MaxBytes, token.Length);

        var e = Assert.Throws<StepException>(() => TokenFile.Read(_files.Write("token", new string('x', TokenFile.MaxBytes + 1))));
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
        var path = _files.Write("token", "secret");
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
        var path = _files.Write("token", " \n");

        Assert.Null(TokenFile.Destroy(path));
        Assert.Null(TokenFile.Destroy(_files.PathOf("missing")));

        Assert.True(File.Exists(path));
    }

    private string Cause(string name) => Assert.Throws<StepException>(() => TokenFile.Read(_files.PathOf(name))).Cause;
}
