namespace Fairlead.Gateway.Policy;

/// <summary>The rest of a request, for the rules that have a condition.</summary>
internal abstract class RequestDetails
{
    /// <summary>Most bytes of a body that are looked at: 256 KiB.</summary>
    public const int MaxBodyBytes = 256 * 1024;

    /// <summary>The media type without parameters, in lower case; null where there is none.</summary>
    public abstract string? MediaType { get; }

    /// <summary>The length that was announced; 0 where there is no body, null where none was announced.</summary>
    public abstract long? ContentLength { get; }

    /// <summary>The whole body, empty where there is none; null where it was not read, is longer than <see cref="MaxBodyBytes"/>, or is encoded.</summary>
    public byte[]? Body { get; set; }

    public abstract bool HasHeader(string name);

    /// <summary>True when the query has a parameter of that name, in whatever case.</summary>
    public abstract bool HasQueryName(string name);
}
