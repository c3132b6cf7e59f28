namespace Fairlead.Tests;

/// <summary>The one limit that tests share: whatever waits longer than this hangs.</summary>
internal static class Limits
{
    public const int TestMilliseconds = 30_000;

    public static readonly TimeSpan Test = TimeSpan.FromMilliseconds(TestMilliseconds);

    /// <summary>A token that ends with the test, or after the limit.</summary>
    public static CancellationToken Token
    {
        get
        {
            var source = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
            source.CancelAfter(Test);
            return source.Token;
        }
    }
}
