using System.Diagnostics.Tracing;

namespace Fairlead.Attack.Holder;

/// <summary>A program that traces what it should not.</summary>
[EventSource(Name = "Fairlead-Holder")]
internal sealed class HolderEvents : EventSource
{
    public static readonly HolderEvents Log = new();

    [Event(1)]
    public void Token(string value) => WriteEvent(1, value);
}
