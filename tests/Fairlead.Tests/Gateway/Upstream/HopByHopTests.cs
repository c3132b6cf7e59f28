using Fairlead.Gateway.Upstream;
using Microsoft.Extensions.Primitives;

namespace Fairlead.Tests.Gateway.Upstream;

public sealed class HopByHopTests
{
    [Theory]
    [InlineData("Connection", true)]
    [InlineData("connection", true)]
    [InlineData("Keep-Alive", true)]
    [InlineData("TE", true)]
    [InlineData("Transfer-Encoding", true)]
    [InlineData("Upgrade", true)]
    [InlineData("Proxy-Connection", true)]
    [InlineData("Proxy-Authorization", true)]
    [InlineData("proxy-authenticate", true)]
    [InlineData("Proxy-Anything-At-All", true)]
    [InlineData("Proxy", false)]
    [InlineData("X-Proxy-Authorization", false)]
    [InlineData("Authorization", false)]
    [InlineData("Cookie", false)]
    [InlineData("Trailer", false)]
    public void These_end_at_one_hop(string name, bool ends) => Assert.Equal(ends, HopByHop.Contains(name));

    [Theory]
    [InlineData("close, X-Secret", "close X-Secret")]
    [InlineData("Keep-Alive, X-Secret", "Keep-Alive X-Secret")]
    [InlineData(" a ,,\tb\t, ", "a b")]
    [InlineData(",", "")]
    [InlineData("", "")]
    public void Connection_nominates_names(string value, string names) =>
        Assert.Equal(names.Split(' ', StringSplitOptions.RemoveEmptyEntries).Order(), HopByHop.Nominated(new StringValues(value))!.Order());

    [Theory]
    [InlineData("close")]
    [InlineData("Keep-Alive")]
    public void A_word_about_the_connection_nominates_nothing(string value) => Assert.Null(HopByHop.Nominated(new StringValues(value)));

    [Fact]
    public void Each_line_nominates_and_case_does_not_count()
    {
        var names = HopByHop.Nominated(new StringValues(["a", "B, c"]))!;

        Assert.Contains("A", names);
        Assert.Contains("b", names);
        Assert.Contains("C", names);
        Assert.Null(HopByHop.Nominated(StringValues.Empty));
    }
}
