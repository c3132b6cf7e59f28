using System.Text;
using Fairlead.Gateway.Credentials;

namespace Fairlead.Tests.Gateway.Credentials;

/// <summary>What is said of a service that does not answer as one should.</summary>
public sealed class SecretServiceTests
{
    [Theory]
    [InlineData("{0}\r\n\r\n", "what it sends is not valid HTTP")]
    [InlineData("HTTP/1.1 200 OK\r\n{0}\r\n\r\n", "what it sends is not valid HTTP")]
    [InlineData("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{0}\r\n", "what it sends is not valid HTTP")]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{0}", "it closed the connection")]
    [InlineData("", "it closed the connection")]
    public async Task An_endpoint_that_repeats_what_it_is_sent_is_not_quoted(string answer, string reason)
    {
        using var ca = new OriginCa();
        await using var endpoint = RawOrigin.OverTls(ca.Issue("localhost"), async tls =>
        {
            var head = await Reply.ReadHeadAsync(tls);
            var echo = head[head.IndexOf("FAKE", StringComparison.Ordinal)..].Split('\r')[0];
            await tls.WriteAsync(Encoding.ASCII.GetBytes(answer.Replace("{0}", echo, StringComparison.Ordinal)), Limits.Token);
        });
        var request = new HttpRequestMessage(HttpMethod.Get, $"https://localhost:{endpoint.EndPoint.Port}/token");
        request.Headers.Add("X-Token", "FAKE-secret-of-the-gateway");

        var problem = await TokenPeer.ProblemOfAsync(() => new SecretService([ca.Root]).AskAsync(request, Limits.Token));

        Assert.Equal($"https://localhost:{endpoint.EndPoint.Port}/token gave no answer: {reason}", problem);
    }
}
