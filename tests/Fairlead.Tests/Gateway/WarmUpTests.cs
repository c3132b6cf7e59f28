using Fairlead.Gateway;

namespace Fairlead.Tests.Gateway;

public sealed class WarmUpTests
{
    [Fact(Timeout = Limits.TestMilliseconds)]
    public async Task The_handshake_in_memory_goes_through() => Assert.True(await WarmUp.RunAsync());
}
