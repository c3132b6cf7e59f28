namespace Fairlead.EndToEnd.Harness;

/// <summary>The site of the tests that need nothing special: started once, checked at the end.</summary>
public sealed class SharedSite : IAsyncLifetime
{
    internal Site Site { get; private set; } = null!;

    public async ValueTask InitializeAsync() => Site = await Site.StartAsync();

    public ValueTask DisposeAsync() => Site?.DisposeAsync() ?? ValueTask.CompletedTask;
}
