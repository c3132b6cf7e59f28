using Fairlead.Gateway.Sessions;

namespace Fairlead.Gateway.Configuration;

/// <summary><c>revocations</c>: the file of sessions that are refused whatever their token says.</summary>
internal static class RevocationsSection
{
    public static (string? File, IReadOnlySet<string> Revoked) Read(ConfigNode node, ConfigContext context)
    {
        var nobody = new HashSet<string>();
        var path = context.PathOf(node);
        if (path.Length == 0) return (null, nobody);
        if (!context.ReadsIdentities) return (path, nobody);
        context.WatchedFiles.Add(path);
        try
        {
            return (path, Revocations.Read(path));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            node.Fail($"{path} cannot be read: {e.Message}");
            return (path, nobody);
        }
    }
}
