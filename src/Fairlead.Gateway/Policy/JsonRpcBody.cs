namespace Fairlead.Gateway.Policy;

/// <summary>The methods that a JSON-RPC 2.0 body calls, alone or in a batch.</summary>
internal static class JsonRpcBody
{
    /// <returns>Null when some of it is no call, or can be read in two ways.</returns>
    public static IReadOnlyCollection<string>? Methods(byte[] body, string? mediaType)
    {
        // Under another type a server may read the same bytes as a form.
        if (!StrictJson.IsJson(mediaType)) return null;
        using var json = StrictJson.TryParse(body);
        if (json is null) return null;
        var methods = new HashSet<string>();
        foreach (var message in StrictJson.Messages(json.RootElement))
        {
            if (!StrictJson.TryGetText(message, "method", out var method)) return null;
            methods.Add(method);
        }

        return methods;
    }
}
