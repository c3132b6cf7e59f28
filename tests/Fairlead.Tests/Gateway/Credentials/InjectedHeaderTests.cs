using Fairlead.Gateway.Credentials;

namespace Fairlead.Tests.Gateway.Credentials;

public sealed class InjectedHeaderTests
{
    private static readonly Dictionary<string, ISecret> Secrets = new() { ["a"] = SecretOf("a", "FAKE-a"), ["b"] = SecretOf("b", "FAKE-{b}") };

    [Theory]
    [InlineData("DD-API-KEY", "{a}", "FAKE-a")]
    [InlineData("Authorization", "Bearer {a}", "Bearer FAKE-a")]
    [InlineData("X", "{a}:{b}", "FAKE-a:FAKE-{b}")]
    [InlineData("X", "{b}{a}", "FAKE-{b}FAKE-a")]
    [InlineData("X", "}{a}", "}FAKE-a")]
    [InlineData("!#$%&'*+-.^_`|~09aZ", "{a}", "FAKE-a")]
    [InlineData("Cookie", "session={a}", "session=FAKE-a")]
    public void A_template_is_filled_once(string name, string template, string value)
    {
        Assert.Null(InjectedHeader.TryCreate(name, template, Secrets, out var header));

        Assert.Equal((name, value), (header!.Name, header.Reveal()));
    }

    [Theory]
    [InlineData("", "{a}", "'' is not the name of a header")]
    [InlineData("X Y", "{a}", "'X Y' is not the name of a header")]
    [InlineData("X:", "{a}", "'X:' is not the name of a header")]
    [InlineData("X\r\nY", "{a}", "'X\\u000d\\u000aY' is not the name of a header")]
    [InlineData(":authority", "{a}", "':authority' is not the name of a header")]
    [InlineData("Sch\u00fcssel", "{a}", "'Sch\\u00fcssel' is not the name of a header")]
    [InlineData("X", "", "the template of 'X' names no secret; write it as {name}")]
    [InlineData("X", "FAKE-literal", "the template of 'X' names no secret; write it as {name}")]
    [InlineData("X", "{a", "the template of 'X' has '{' without '}'")]
    [InlineData("X", "{c}", "there is no secret 'c'")]
    [InlineData("X", "{}", "there is no secret ''")]
    [InlineData("X", "{{a}}", "there is no secret '{a'")]
    [InlineData("X", "{a}\r\nY: 1", "the template of 'X' holds a character that is not visible ASCII")]
    [InlineData("X", "{a}\u00e9", "the template of 'X' holds a character that is not visible ASCII")]
    public void What_is_no_header_is_refused_with_the_reason(string name, string template, string problem)
    {
        Assert.Equal(problem, InjectedHeader.TryCreate(name, template, Secrets, out var header));

        Assert.Null(header);
    }

    [Theory]
    [InlineData("Host")]
    [InlineData("host")]
    [InlineData("CONTENT-LENGTH")]
    [InlineData("Transfer-Encoding")]
    [InlineData("Connection")]
    [InlineData("Keep-Alive")]
    [InlineData("Proxy-Authorization")]
    [InlineData("Proxy-Connection")]
    [InlineData("Upgrade")]
    [InlineData("TE")]
    [InlineData("Trailer")]
    [InlineData("Expect")]
    // These describe the body, and the upstream client keeps them beside it: a request without a body could not be sent.
    [InlineData("Content-Type")]
    [InlineData("Content-Encoding")]
    [InlineData("content-md5")]
    [InlineData("Allow")]
    [InlineData("Expires")]
    [InlineData("Last-Modified")]
    public void A_header_that_frames_or_describes_the_message_is_refused(string name)
    {
        var problem = InjectedHeader.TryCreate(name, "{a}", Secrets, out _);

        Assert.NotNull(problem);
        Assert.StartsWith($"'{name}' ", problem, StringComparison.Ordinal);
    }

    [Fact]
    public void A_refusal_never_holds_a_value()
    {
        string?[] problems = [InjectedHeader.TryCreate("X", "{a}{c}", Secrets, out _), InjectedHeader.TryCreate("X", "{a}\n", Secrets, out _), InjectedHeader.TryCreate("X", "{a}{", Secrets, out _)];

        Assert.All(problems, p => Assert.DoesNotContain("FAKE", p, StringComparison.Ordinal));
    }

    private static Secret SecretOf(string name, string value) => Secret.TryCreate(name, value, out var secret, out _, out _) ? secret : throw new InvalidOperationException();
}
