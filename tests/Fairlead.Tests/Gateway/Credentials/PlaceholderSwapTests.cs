using System.Text;
using Fairlead.Gateway.Credentials;

namespace Fairlead.Tests.Gateway.Credentials;

public sealed class PlaceholderSwapTests
{
    private const string P = Given.PlaceholderText;
    private const SwapSurfaces Everywhere = SwapSurfaces.Header | SwapSurfaces.Basic | SwapSurfaces.Query | SwapSurfaces.Body;

    [Theory]
    [InlineData("Bearer " + P, "Bearer FAKE+real/\"key\"")]
    [InlineData(P, "FAKE+real/\"key\"")]
    [InlineData("a=1; session=" + P + "; b=2", "a=1; session=FAKE+real/\"key\"; b=2")]
    [InlineData("Bearer sk-FAKE-placeholder-0002", "Bearer sk-FAKE-placeholder-0002")]
    [InlineData("Basic !!!", "Basic !!!")]
    public void A_header_gets_the_secret_where_the_placeholder_is(string sent, string received) => Assert.Equal(received, Swap().InHeader(sent));

    [Theory]
    [InlineData("x-access-token:" + P, "x-access-token:FAKE+real/\"key\"")]
    [InlineData(P + ":", "FAKE+real/\"key\":")]
    [InlineData("user:caf\u00e9", null)]
    public void Basic_is_opened_and_closed_again(string pair, string? received)
    {
        var sent = "basic " + Convert.ToBase64String(Encoding.Latin1.GetBytes(pair));

        Assert.Equal(received is null ? sent : "Basic " + Convert.ToBase64String(Encoding.Latin1.GetBytes(received)), Swap().InHeader(sent));
        Assert.Equal(sent, Swap(SwapSurfaces.Header).InHeader(sent));
    }

    [Theory]
    [InlineData("/a?key=" + P, "/a?key=FAKE%2Breal%2F%22key%22")]
    [InlineData("/a?x=%41+b&key=" + P + "&y", "/a?x=%41+b&key=FAKE%2Breal%2F%22key%22&y")]
    [InlineData("/a?key=sk%2DFAKE-placeholder-0001", "/a?key=FAKE%2Breal%2F%22key%22")]
    [InlineData("/a?key=Token%20" + P, "/a?key=Token%20FAKE%2Breal%2F%22key%22")]
    [InlineData("/" + P, "/" + P)]
    [InlineData("/" + P + "?a=%62", "/" + P + "?a=%62")]
    public void A_query_gets_it_encoded_and_a_path_never(string sent, string received) => Assert.Equal(received, Swap().InTarget(sent));

    [Theory]
    [InlineData("application/json", "{\"key\":\"" + P + "\"}", "{\"key\":\"FAKE\\u002Breal/\\u0022key\\u0022\"}")]
    [InlineData("application/x-www-form-urlencoded", "a=1&key=" + P, "a=1&key=FAKE%2Breal%2F%22key%22")]
    [InlineData("application/x-www-form-urlencoded; charset=utf-8", "key=sk%2DFAKE-placeholder-0001&a=%41", "key=FAKE%2Breal%2F%22key%22&a=%41")]
    [InlineData("text/plain", "\u00e9 " + P, "\u00e9 FAKE+real/\"key\"")]
    [InlineData("application/json", "{}", null)]
    public void A_body_gets_it_as_its_media_type_writes_it(string type, string sent, string? received)
    {
        var body = Swap().InBody(Encoding.Latin1.GetBytes(sent), type);

        Assert.Equal(received, body is null ? null : Encoding.Latin1.GetString(body));
        Assert.Null(Swap(SwapSurfaces.Header).InBody(Encoding.Latin1.GetBytes(sent), type));
    }

    [Theory]
    [InlineData("sk-FAKE-15-chars", null)]
    [InlineData("sk-FAKE-15-char", "expected at least 16 characters, got 15")]
    [InlineData("sk-FAKE with blanks", "expected letters, digits and '-._~+/=:' only")]
    [InlineData("sk-FAKE-\"quoted\"-1", "expected letters, digits and '-._~+/=:' only")]
    [InlineData("sk-FAKE-percent%41", "expected letters, digits and '-._~+/=:' only")]
    public void A_placeholder_is_long_and_reads_the_same_everywhere(string text, string? problem) => Assert.Equal(problem, Placeholder.ProblemOf(text));

    [Fact]
    public void It_has_no_string_form() => Assert.DoesNotContain("real", $"{Swap()} {Given.Placeholder(Given.Secret("s", "FAKE-real"))}", StringComparison.Ordinal);

    private static PlaceholderSwap Swap(SwapSurfaces surfaces = Everywhere)
    {
        var secret = Given.Secret("s", "FAKE+real/\"key\"");
        return new PlaceholderSwap([(Given.Placeholder(secret, surfaces), secret)]);
    }
}
