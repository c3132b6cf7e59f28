namespace Fairlead.Tests;

/// <summary>The one limit that tests share: whatever waits longer than this hangs.</summary>
internal static class Limits
{
    public const int TestMilliseconds = 30_000;

    public static readonly TimeSpan Test = TimeSpan.FromMilliseconds(TestMilliseconds);

    /// <summary>How often is looked whether something has happened of which nobody tells.</summary>
    public static readonly TimeSpan Poll = TimeSpan.FromMilliseconds(20);

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
