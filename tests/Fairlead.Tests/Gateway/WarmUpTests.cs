using Fairlead.Gateway;

namespace Fairlead.Tests.Gateway;

public sealed class WarmUpTests
{
    [Fact(Timeout = Limits.TestMilliseconds)]
    public async Task A_request_of_each_protocol_is_answered_in_the_rehearsal() => Assert.True(await Rehearsal.RunAsync());

    [Fact(Timeout = Limits.TestMilliseconds)]
    public async Task The_handshake_in_memory_goes_through() => Assert.True(await WarmUp.RunAsync());
}
