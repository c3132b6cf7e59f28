namespace Fairlead.Gateway.Policy;

/// <summary>
/// What must hold, besides method, host and path, for a rule to be about a request. What cannot be found out is null: a rule that denies then
/// applies, and a rule that allows does not.
/// </summary>
/// <param name="Text">As the rule's name shows it: <c>graphql: query</c>.</param>
/// <param name="NeedsBody">True when it looks into the body.</param>
internal abstract record Condition(string Text, bool NeedsBody)
{
    public abstract bool? Holds(RequestDetails details);

    /// <summary>One of some headers is present, whatever its value.</summary>
    internal sealed record HasHeader(IReadOnlyList<string> Names) : Condition($"header: {string.Join(", ", Names)}", NeedsBody: false)
    {
        public override bool? Holds(RequestDetails details)
        {
            bool?[] found = [.. Names.Select(details.HasHeader)];
            return found.Contains(true) ? true : found.Contains(null) ? null : false;
        }
    }

    /// <summary>The media type is one of some.</summary>
    internal sealed record ContentType(IReadOnlyList<string> MediaTypes) : Condition($"content_type: {string.Join(", ", MediaTypes)}", NeedsBody: false)
    {
        public override bool? Holds(RequestDetails details) =>
            !details.TryReadMediaType(out var type, out _) ? null : type is not null && MediaTypes.Contains(type, StringComparer.OrdinalIgnoreCase);
    }

    /// <summary>The body is longer than a number of bytes.</summary>
    internal sealed record LargerThan(long Bytes) : Condition($"larger_than: {Bytes}", NeedsBody: false)
    {
        // A body of which no length was announced may be of any.
        public override bool? Holds(RequestDetails details) => details.ContentLength is { } length ? length > Bytes : null;
    }

    /// <summary>Every operation in a GraphQL document is of one of some types. A document of several types is unclear to a rule that names one of them.</summary>
    internal sealed record GraphQl(IReadOnlyList<string> Types) : Condition($"graphql: {string.Join(", ", Types)}", NeedsBody: true)
    {
        public override bool? Holds(RequestDetails details) => AllOrNone(details, GraphQlBody.OperationTypes, Types);
    }

    /// <summary>Every call in a JSON-RPC body (MCP speaks it) is of one of some methods. A batch in which only some are is unclear.</summary>
    internal sealed record JsonRpc(IReadOnlyList<string> Methods) : Condition($"json_rpc: {string.Join(", ", Methods)}", NeedsBody: true)
    {
        public override bool? Holds(RequestDetails details) => AllOrNone(details, JsonRpcBody.Methods, Methods);
    }

    private static bool? AllOrNone(RequestDetails details, Func<byte[], string?, IReadOnlyCollection<string>?> read, IReadOnlyList<string> wanted)
    {
        // Servers take calls from the query, too, under names that each decodes in its own way, and differ in which of the two beats the other.
        if (details.HasQuery || details.Body is not { } body || !details.TryReadMediaType(out var type, out var charset)) return null;
        // No body and no query ask for nothing.
        if (body.Length == 0) return false;
        if (charset is not null && !charset.Equals("utf-8", StringComparison.OrdinalIgnoreCase)) return null;
        if (read(body, type) is not { Count: > 0 } found) return null;
        var count = found.Count(wanted.Contains);
        return count == found.Count ? true : count == 0 ? false : null;
    }
}
