using Fairlead.Wire;

namespace Fairlead.Tests.Wire;

public sealed class FairTurnTests
{
    [Fact]
    public void A_loop_that_never_waits_lets_others_run_now_and_then_and_one_that_waits_need_not()
    {
        var (busy, waiting) = (new FairTurn(), new FairTurn());

        Assert.Equal(3, Enumerable.Range(0, 100).Count(_ => busy.IsOver(isReady: true)));
        Assert.Equal(0, Enumerable.Range(0, 100).Count(i => waiting.IsOver(isReady: i % 10 != 0)));
    }

    [Fact]
    public async Task What_goes_on_behind_the_others_goes_on()
    {
        for (var i = 0; i < 1000; i++) await FairTurn.Others;
    }
}
