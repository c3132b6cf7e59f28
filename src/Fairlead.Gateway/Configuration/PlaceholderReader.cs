using Fairlead.Gateway.Credentials;

namespace Fairlead.Gateway.Configuration;

/// <summary><c>placeholder</c> and <c>swap</c> of a credential.</summary>
internal static class PlaceholderReader
{
    private static readonly Dictionary<string, SwapSurfaces> Surfaces = new()
    {
        ["header"] = SwapSurfaces.Header,
        ["basic"] = SwapSurfaces.Basic,
        ["query"] = SwapSurfaces.Query,
        ["body"] = SwapSurfaces.Body,
    };

    /// <param name="fields">The credential.</param>
    /// <param name="use">Its kind.</param>
    /// <param name="secret">What the placeholder stands for; null where there is not one secret.</param>
    /// <param name="others">The credentials before it.</param>
    public static Placeholder? Read(ConfigNode.Fields fields, string use, ISecret? secret, IEnumerable<Credential> others)
    {
        if (!fields.Has("placeholder", out var node))
        {
            if (use == "placeholder") _ = fields.Required("placeholder");
            if (fields.Has("swap", out var foreign)) foreign.Fail("'swap' says where a 'placeholder' is swapped; there is none");
            return null;
        }

        var surfaces = fields.Has("swap", out var swap) ? ReadSurfaces(swap) : SwapSurfaces.Header | SwapSurfaces.Basic | SwapSurfaces.Query;
        var text = node.Text();
        if (text.Length == 0) return null;
        if (Placeholder.ProblemOf(text) is { } problem) node.Fail(problem);
        // One within another would be swapped for both.
        else if (others.FirstOrDefault(o => o.Placeholder is { } p && (p.Text.Contains(text, StringComparison.Ordinal) || text.Contains(p.Text, StringComparison.Ordinal))) is { } like)
            node.Fail($"it is, or holds, or is held by, the placeholder of '{like.Name}': one could not be told from the other");
        else if (secret is null && use is "header" or "query") node.Fail("the credential has several secrets, and a placeholder stands for one: write a credential with 'use: placeholder' for each");
        else if (secret?.Constant?.Reveal().Contains(text, StringComparison.Ordinal) == true) node.Fail("it is the secret, or a part of it: the workload may know the placeholder, and nothing else");
        else if (secret is not null) return new Placeholder(text, secret, surfaces);
        return null;
    }

    private static SwapSurfaces ReadSurfaces(ConfigNode node)
    {
        var surfaces = SwapSurfaces.None;
        var items = node.Items();
        foreach (var item in items)
        {
            if (item.OneOf([.. Surfaces.Keys]) is { Length: > 0 } word) surfaces |= Surfaces[word];
        }

        if (items.Count == 0 && node.Node is YamlDotNet.RepresentationModel.YamlSequenceNode) node.Fail("it names no place: header, basic, query or body");
        return surfaces;
    }
}
