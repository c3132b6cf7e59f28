using System.Text;
using Fairlead.Wire;

namespace Fairlead.Tests.Wire;

public sealed class NoticeTests
{
    [Fact]
    public void A_notice_is_a_small_json_object()
    {
        var notice = new Notice(NoticeKind.Policy, "api.test:443", "policy 'p' refuses this request.") { Method = "GET", Path = "/x", Rule = "deny * **", WhatToDo = "Ask.", RequestId = "1" };

        var bytes = notice.Encode();

        Assert.Equal(
            """{"kind":"policy","host":"api.test:443","method":"GET","path":"/x","rule":"deny * **","message":"policy \u0027p\u0027 refuses this request.","what_to_do":"Ask.","request_id":"1"}""",
            Encoding.UTF8.GetString(bytes));
        Assert.True(Notice.TryParse(bytes, out var read));
        Assert.Equal(notice, read);
    }

    [Fact]
    public void Every_kind_has_a_name_of_its_own()
    {
        var kinds = Enum.GetValues<NoticeKind>();

        Assert.Equal(kinds, kinds.Select(kind => Notice.KindOf(Notice.NameOf(kind))));
        Assert.Equal(NoticeKind.Other, Notice.KindOf("a kind of tomorrow"));
        Assert.Equal(NoticeKind.Other, Notice.KindOf(null));
    }

    [Theory]
    [InlineData('x')]
    [InlineData('"')]
    [InlineData('\\')]
    [InlineData('\u0001')]
    [InlineData('\u20ac')]
    public void Whatever_is_told_fits_2_KiB(char character)
    {
        var text = new string(character, 100_000);

        var bytes = new Notice(NoticeKind.Tls, text, text) { Method = text, Path = text, Rule = text, WhatToDo = text, RequestId = text }.Encode();

        Assert.InRange(bytes.Length, 100, Protocol.MaxNoticeBytes);
        Assert.True(Notice.TryParse(bytes, out _));
    }

    [Fact]
    public void A_hostile_notice_shows_no_control_character_and_no_endless_text()
    {
        Assert.True(Notice.TryParse(Encoding.UTF8.GetBytes("""{"kind":"policy","host":"a\u001b[2J\n","message":"€","path":"PATH"}""".Replace("PATH", new string('p', 1000), StringComparison.Ordinal)), out var notice));

        Assert.Equal("a\\u001b[2J\\u000a", notice.Host);
        Assert.Equal("\\u20ac", notice.Message);
        Assert.Equal(new string('p', 400) + "...", notice.Path);
    }

    [Theory]
    [InlineData("")]
    [InlineData("null")]
    [InlineData("[]")]
    [InlineData("{")]
    [InlineData("{}x")]
    [InlineData("{\"a\":{\"a\":{\"a\":{\"a\":{}}}}}")]
    [InlineData("{\"host\":\"\\ud800\"}")]
    public void What_is_no_notice_is_none(string text) => Assert.False(Notice.TryParse(Encoding.UTF8.GetBytes(text), out _));

    [Fact]
    public void A_field_of_another_type_is_passed_over()
    {
        Assert.True(Notice.TryParse("""{"kind":7,"host":["x"],"rule":null,"more":{"a":1}}"""u8.ToArray(), out var notice));

        Assert.Equal(new Notice(NoticeKind.Other, "", ""), notice);
    }

    [Fact]
    public void Noise_is_no_notice_and_no_exception()
    {
        var telling = Encoding.ASCII.GetBytes("{}[]\",:\\u0123kindhostd8");
        Seeded.CheckFor(TimeSpan.FromSeconds(1), random =>
        {
            for (var i = 0; i < 50; i++) Assert.Equal(Notice.TryParse(random.NextBytes(random.Next(0, 60), telling), out var notice), notice is not null);
        });
    }
}
