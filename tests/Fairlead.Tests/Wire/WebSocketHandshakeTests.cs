using Fairlead.Wire;

namespace Fairlead.Tests.Wire;

public sealed class WebSocketHandshakeTests
{
    [Fact]
    public void The_example_of_the_rfc_holds() =>
        Assert.Equal("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", WebSocketHandshake.AcceptFor("dGhlIHNhbXBsZSBub25jZQ=="));

    [Fact]
    public void A_created_key_is_a_key_and_fresh()
    {
        var keys = Enumerable.Range(0, 100).Select(_ => WebSocketHandshake.CreateKey()).ToHashSet();

        Assert.Equal(100, keys.Count);
        Assert.All(keys, key => Assert.True(WebSocketHandshake.IsKey(key)));
    }

    [Theory]
    [InlineData("dGhlIHNhbXBsZSBub25jZQ==", true)]
    [InlineData("", false)]
    [InlineData("dGhlIHNhbXBsZSBub25jZQ=", false)]
    [InlineData("dGhlIHNhbXBsZSBub25jZQ===", false)]
    [InlineData("dGhlIHNhbXBsZSBub25jZQAA", false)]
    [InlineData("dGhlIHNhbXBsZSBub25jZQA=", false)]
    [InlineData("dGhlIHNhbXBsZSBub25j ZQ==", false)]
    [InlineData("dGhlIHNhbXBsZSBub25j    ", false)]
    [InlineData("!!!!!!!!!!!!!!!!!!!!!!==", false)]
    [InlineData("dGhlIHNhbXBsZSBub25jZ\0==", false)]
    public void A_key_is_16_bytes_in_base64(string key, bool isKey) => Assert.Equal(isKey, WebSocketHandshake.IsKey(key));
}
