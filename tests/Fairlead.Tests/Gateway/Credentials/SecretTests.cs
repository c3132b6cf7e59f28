using Fairlead.Gateway.Credentials;

namespace Fairlead.Tests.Gateway.Credentials;

public sealed class SecretTests
{
    [Theory]
    [InlineData("FAKE-value", "FAKE-value", false)]
    [InlineData("FAKE-value\n", "FAKE-value", true)]
    [InlineData("FAKE-value\r\n", "FAKE-value", true)]
    [InlineData("FAKE value with blanks", "FAKE value with blanks", false)]
    [InlineData("!~", "!~", false)]
    public void A_value_is_taken_and_one_trailing_line_break_is_trimmed_and_told(string raw, string value, bool hadLineBreak)
    {
        Assert.True(Secret.TryCreate("s", raw, out var secret, out var told, out _));

        Assert.Equal((value, hadLineBreak), (secret.Reveal(), told));
    }

    [Theory]
    [InlineData("", "it is empty")]
    [InlineData("\n", "it is empty")]
    [InlineData("\r\n", "it is empty")]
    [InlineData("FAKE\n\n", "character 5 of 5 is not visible ASCII")]
    [InlineData("FAKE\nX-Evil: 1", "character 5 of 14 is not visible ASCII")]
    [InlineData("FAKE\r", "character 5 of 5 is not visible ASCII")]
    [InlineData("FA\tKE", "character 3 of 5 is not visible ASCII")]
    [InlineData("FA\0KE", "character 3 of 5 is not visible ASCII")]
    [InlineData("FAKE\u007f", "character 5 of 5 is not visible ASCII")]
    [InlineData("FAK\u00c9", "character 4 of 4 is not visible ASCII")]
    [InlineData("\ufeffFAKE", "character 1 of 5 is not visible ASCII")]
    [InlineData(" FAKE", "it begins or ends with a blank")]
    [InlineData("FAKE ", "it begins or ends with a blank")]
    [InlineData("FAKE \n", "it begins or ends with a blank")]
    public void A_value_that_would_break_a_header_is_refused_without_showing_it(string raw, string problem)
    {
        Assert.False(Secret.TryCreate("s", raw, out _, out _, out var said));

        Assert.Equal(problem, said);
    }

    [Fact]
    public void Every_byte_that_is_not_visible_ascii_is_refused()
    {
        foreach (var c in Enumerable.Range(0, 256).Select(i => (char)i).Where(c => c is < ' ' or > '~'))
            Assert.False(Secret.TryCreate("s", $"FA{c}KE", out _, out _, out _), $"\\u{(int)c:x4}");
    }
}
