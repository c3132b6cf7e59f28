using Microsoft.Net.Http.Headers;

namespace Fairlead.Gateway.Policy;

/// <summary>The rest of a request, for the rules that have a condition.</summary>
internal abstract class RequestDetails
{
    /// <summary>Most bytes of a body that are looked at: 256 KiB.</summary>
    public const int MaxBodyBytes = 256 * 1024;

    /// <summary>The Content-Type headers, as sent.</summary>
    public abstract IReadOnlyList<string?> ContentTypes { get; }

    /// <summary>The length that was announced; 0 where there is no body, null where none was announced or the connection becomes a WebSocket.</summary>
    public abstract long? ContentLength { get; }

    /// <summary>True when the target has a query that is not empty.</summary>
    public abstract bool HasQuery { get; }

    /// <summary>The whole body, empty where there is none; null where it was not read, is longer than <see cref="MaxBodyBytes"/>, encoded, or a WebSocket.</summary>
    public byte[]? Body { get; set; }

    /// <summary>The names of the headers that the upstream gets.</summary>
    public abstract IEnumerable<string> HeaderNames { get; }

    /// <summary>Whether there is a header; null for one that only some servers take for it, see <see cref="HeaderName"/>.</summary>
    public bool? HasHeader(string name)
    {
        bool? found = false;
        foreach (var header in HeaderNames)
        {
            if (header.Equals(name, StringComparison.OrdinalIgnoreCase)) return true;
            if (HeaderName.IsOneVariable(header, name)) found = null;
        }

        return found;
    }

    /// <summary>The media type without parameters, in lower case.</summary>
    /// <param name="type">The type, or null where there is no Content-Type.</param>
    /// <param name="charset">Its character set, or null.</param>
    /// <returns>False for what servers read differently: several headers, or one that is no media type.</returns>
    public bool TryReadMediaType(out string? type, out string? charset)
    {
        (type, charset) = (null, null);
        if (ContentTypes.Count == 0) return true;
        if (ContentTypes.Count > 1 || !MediaTypeHeaderValue.TryParse(ContentTypes[0], out var parsed)) return false;
        type = parsed.MediaType.Value?.ToLowerInvariant();
        charset = parsed.Charset.Value?.Trim('"');
        return type is not null;
    }
}
