namespace Fairlead.EndToEnd;

/// <summary>How long a test waits for anything. Tests wait for signals; this only ends one whose signal never comes.</summary>
internal static class Limits
{
    public static readonly TimeSpan Test = TimeSpan.FromSeconds(60);

    /// <summary>Between two looks at something that cannot signal: a file another program writes, a counter of the kernel.</summary>
    public static readonly TimeSpan Poll = TimeSpan.FromMilliseconds(25);

    /// <summary>A token that is cancelled when the limit is over or the run is stopped.</summary>
    public static CancellationToken Token()
    {
        var source = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        source.CancelAfter(Test);
        return source.Token;
    }
}
