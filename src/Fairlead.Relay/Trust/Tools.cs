namespace Fairlead.Relay.Trust;

/// <summary>The table: every tool that is told of the relay.</summary>
internal static class Tools
{
    /// <summary>All tools, in the order of the documentation.</summary>
    public static readonly IReadOnlyList<Tool> All = [.. CommonTools.All, .. ScriptingTools.All, .. LanguageTools.All, .. JavaTools.All, .. CloudTools.All];
}
