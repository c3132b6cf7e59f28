using System.Net.Http.Headers;
using Fairlead.EndToEnd.Harness;

namespace Fairlead.EndToEnd.Ca;

/// <summary>The CA endpoint, as a relay asks it.</summary>
internal static class CaEndpoint
{
    /// <summary>The certificates that it serves now, each in PEM.</summary>
    public static async Task<string[]> ReadAsync(GatewayProcess gateway, string? token = null)
    {
        using var client = new HttpClient(new SocketsHttpHandler { UseProxy = false });
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(gateway.Address, "/v1/code/upstreamproxy/ca-cert"));
        if (token is not null) request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
        using var response = await client.SendAsync(request, Limits.Token());
        response.EnsureSuccessStatusCode();
        return (await response.Content.ReadAsStringAsync(Limits.Token())).Split("-----END CERTIFICATE-----\n", StringSplitOptions.RemoveEmptyEntries);
    }

    public static async Task WaitForAsync(GatewayProcess gateway, Func<string[], bool> isSo)
    {
        for (var limit = Limits.Token(); !isSo(await ReadAsync(gateway));) await Task.Delay(Limits.Poll, limit);
    }
}
