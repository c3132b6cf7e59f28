using System.Net;
using System.Text;
using Fairlead.Gateway.Credentials;

namespace Fairlead.Tests.Gateway.Credentials;

/// <summary>What an endpoint answers is a stranger's input: it becomes a token, or a reason in words.</summary>
public sealed class TokenAnswerTests
{
    private static readonly Uri Url = new("https://login.test/token?secret=FAKE");

    [Theory]
    [InlineData("{\"access_token\":\"\\ud800\"}")]
    [InlineData("{\"access_token\":\"FAKE\",\"token_type\":\"\\udc00x\",\"expires_in\":\"\\ud800\"}")]
    [InlineData("{\"error\":\"\\ud800\"}")]
    public void Half_a_character_is_no_text(string answer) => Read(answer);

    [Fact]
    public void No_answer_breaks_the_reader() => Seeded.Check(3000, random =>
    {
        var answer = new StringBuilder("{\"access_token\":\"FAKE-access\",\"token_type\":\"Bearer\",\"expires_in\":3600,\"refresh_token\":\"FAKE-next\",\"data\":{\"data\":{\"key\":\"FAKE\"}}}");
        for (var i = random.Next(1, 5); i > 0; i--)
        {
            var at = random.Next(answer.Length - 8);
            if (random.Next(2) == 0) answer.Remove(at, random.Next(1, 8));
            else answer.Insert(at, random.Pick("{", "}", "[", "]", ":", "\"", ",", "\\", "\\ud800", "\\u0000", "1e999", "-", "null", "\r\n", "\u00e9", "\ud83d\ude00", "[[[[[[[["));
        }

        // As it is decoded from bytes: a half that is not escaped does not come that way.
        Read(Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(answer.ToString())));
    });

    [Fact]
    public void No_challenge_breaks_the_reader() => Seeded.Check(3000, random =>
    {
        var challenge = string.Concat(Enumerable.Range(0, random.Next(12)).Select(_ => random.Pick("realm", "service", "=", "\"", ",", " ", "https://", "a.test", "/t", "?x=y", "@", "#", "\\", ":", "%", "\u00e9")));
        if (OciRealm.TryParse(challenge) is not { } realm) return;
        var asked = realm.UrlFor("repository:a:pull repository:b:pull,push");
        Assert.Equal((realm.Url.Authority, "https"), (asked.Authority, asked.Scheme));
    });

    private static void Read(string answer)
    {
        foreach (var status in (HttpStatusCode[])[HttpStatusCode.OK, HttpStatusCode.BadRequest])
        {
            try
            {
                _ = AccessToken.RefreshTokenIn(Url, status, answer);
                Assert.All(AccessToken.Read(Url, status, answer, DateTimeOffset.UnixEpoch).Value.Reveal(), c => Assert.InRange(c, ' ', '~'));
            }
            catch (CredentialException e)
            {
                Assert.StartsWith("https://login.test/token ", e.Message, StringComparison.Ordinal);
                Assert.DoesNotContain("FAKE", e.Message.Replace("of the type", "", StringComparison.Ordinal), StringComparison.Ordinal);
            }
        }

        _ = GoogleServiceAccount.KeyFile.TryRead(answer);
    }
}
