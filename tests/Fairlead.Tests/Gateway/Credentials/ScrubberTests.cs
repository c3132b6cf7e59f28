using System.Text;
using Fairlead.Gateway.Credentials;

namespace Fairlead.Tests.Gateway.Credentials;

/// <summary>A secret is found however a server writes it, and nothing else is.</summary>
public sealed class ScrubberTests
{
    private const string Value = "FAKE/key+0=x & \"y\" %41 \\z<1>";

    public static TheoryData<string> Forms => [.. Echoes.All.Keys];

    [Theory]
    [MemberData(nameof(Forms))]
    public void A_secret_is_replaced_however_it_is_written(string form)
    {
        var found = new List<string>();
        var scrubber = ScrubberOf(found, ("key", Value));
        var echo = Echoes.All[form](Value, new Random(1));

        var clean = scrubber.Clean($"before {echo} after");

        Assert.Contains("[fairlead:redacted:key]", clean, StringComparison.Ordinal);
        if (!Echoes.IsAmongOthers(form)) Assert.Equal("before [fairlead:redacted:key] after", clean);
        Assert.Equal(["key"], found);
    }

    [Theory]
    [InlineData("")]
    [InlineData("FAKE/key+0=x & \"y\" %41 \\z<1")]
    [InlineData("fake/key+0=x & \"y\" %41 \\z<1>")]
    [InlineData("%46%41%4b%45 & &amp; \\u0046\\u0041 %4")]
    public void What_is_not_the_secret_stays_as_it_is(string text)
    {
        var found = new List<string>();

        Assert.Equal(text, ScrubberOf(found, ("key", Value)).Clean(text));
        Assert.Empty(found);
    }

    [Fact]
    public void Each_secret_has_the_label_of_its_credential()
    {
        var found = new List<string>();
        var scrubber = ScrubberOf(found, ("one", "FAKE-first-secret"), ("two", "FAKE-second-secret"));

        var clean = scrubber.Clean("FAKE-second-secretFAKE-first-secret, FAKE-first-secret");

        Assert.Equal("[fairlead:redacted:two][fairlead:redacted:one], [fairlead:redacted:one]", clean);
        Assert.Equal(["one", "two"], found.Order());
    }

    [Fact]
    public void A_password_is_found_in_the_pair_that_Basic_sends()
    {
        var scrubber = ScrubberOf([], ("git", "FAKE-password"));
        foreach (var user in (string[])["x", "me", "bot", "x-access-token"])
        {
            var clean = scrubber.Clean("Basic " + Convert.ToBase64String(Encoding.ASCII.GetBytes($"{user}:FAKE-password")));

            Assert.Matches(@"^Basic [A-Za-z0-9+/]*\[fairlead:redacted:git\][A-Za-z0-9+/]{0,1}=*$", clean);
        }
    }

    [Fact]
    public void What_is_too_short_is_not_looked_for()
    {
        Assert.Null(Scrubber.For([("key", Given.Secret("key", "FAKE-67"))], []));
        Assert.NotNull(Scrubber.For([("key", Given.Secret("key", "FAKE-678"))], []));
    }

    [Fact]
    public void A_label_is_visible_ASCII_whatever_the_credential_is_called() =>
        Assert.Equal("[fairlead:redacted:a?b?]", Scrubber.LabelOf("a b\u00e9"));

    [Fact]
    public void Nothing_of_it_has_a_string_form()
    {
        var secret = Given.Secret("key", Value);

        Assert.Equal("***", ScrubberOf([], ("key", Value)).ToString());
        Assert.Equal("***", SecretForms.Of(secret)!.ToString());
    }

    internal static Scrubber ScrubberOf(ICollection<string> found, params (string Name, string Value)[] secrets) =>
        Scrubber.For([.. secrets.Select(s => (s.Name, Given.Secret(s.Name, s.Value)))], found)!;
}
