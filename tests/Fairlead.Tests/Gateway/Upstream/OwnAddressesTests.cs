using System.Net;
using Fairlead.Gateway.Upstream;

namespace Fairlead.Tests.Gateway.Upstream;

public sealed class OwnAddressesTests
{
    [Fact]
    public void The_machines_addresses_are_known_and_no_others()
    {
        var own = new OwnAddresses(TimeProvider.System);

        Assert.True(own.Contains(IPAddress.Loopback));
        Assert.False(own.Contains(IPAddress.Parse("8.8.8.8")));
    }
}
