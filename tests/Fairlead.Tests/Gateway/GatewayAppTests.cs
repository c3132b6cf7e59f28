namespace Fairlead.Tests.Gateway;

public sealed class GatewayAppTests
{
    [Fact]
    public async Task A_request_goes_through()
    {
        using var ca = new OriginCa();
        await using var origin = await Origin.StartAsync(ca);
        await using var edge = await Edge.StartAsync(origin, ca);
        var workload = await Workload.OpenAsync(edge);

        var reply = await workload.GetAsync("/hello?x=1");
        await workload.CloseAsync();
        var audit = await edge.StopAsync();

        Assert.Equal((200, "from the origin"), (reply.Status, reply.Body));
        Assert.Equal("/hello?x=1", Assert.Single(origin.Requests).Target);
        Assert.Equal(["completed", "completed"], audit.Select(r => r.GetProperty("outcome").GetString()));
    }
}
