namespace Fairlead.Wire;

/// <summary>Names and limits that relay and gateway share. Changing one breaks interoperability.</summary>
public static class Protocol
{
    /// <summary>Path of the WebSocket endpoint, below the gateway's base address.</summary>
    public const string WebSocketPath = "/v1/code/upstreamproxy/ws";

    /// <summary>Path of the endpoint that serves the gateway's CA certificates as PEM, below the gateway's base address.</summary>
    public const string CaCertificatePath = "/v1/code/upstreamproxy/ca-cert";

    /// <summary>Media type of the upgrade request. Without it existing gateways decode JSON and end with a silent EOF.</summary>
    public const string ChunkMediaType = "application/proto";

    /// <summary>Media type of the CA endpoint's answer.</summary>
    public const string CaMediaType = "application/x-pem-file";

    /// <summary>
    /// Header by which both ends say, in the upgrade and its answer, that they know the end-of-data chunk (value <c>1</c>).
    /// A peer that is silent about it gets a close frame instead, as before.
    /// </summary>
    public const string TunnelHeader = "Fairlead-Tunnel";

    /// <summary>The value of <see cref="TunnelHeader"/>.</summary>
    public const string TunnelVersion = "1";

    /// <summary>
    /// Header by which both ends say, in the upgrade and its answer, that they know the notice chunk (value <c>1</c>). A header of its own, since an end that
    /// knows only <see cref="TunnelHeader"/> compares that one's value as a whole.
    /// </summary>
    public const string NoticeHeader = "Fairlead-Notice";

    /// <summary>The value of <see cref="NoticeHeader"/>.</summary>
    public const string NoticeVersion = "1";

    /// <summary>
    /// Header by which both ends say, in the upgrade and its answer, that one WebSocket may carry tunnels one after another (value <c>1</c>), and be there before
    /// the first is asked for. Without it a WebSocket is closed with its tunnel.
    /// </summary>
    public const string ReuseHeader = "Fairlead-Reuse";

    /// <summary>The value of <see cref="ReuseHeader"/>.</summary>
    public const string ReuseVersion = "1";

    /// <summary>Most bytes of a notice: 2 KiB. A larger one is passed over.</summary>
    public const int MaxNoticeBytes = 2 * 1024;

    /// <summary>Header of the answer to an upgrade: the gateway's version.</summary>
    public const string GatewayHeader = "Fairlead-Gateway";

    /// <summary>Header of a refused CONNECT: the kind of the refusal, one of <see cref="NoticeKind"/>.</summary>
    public const string ReasonHeader = "Fairlead-Reason";

    /// <summary>The host that the gateway itself answers inside a tunnel, for every session: whoever gets that answer has a working way there.</summary>
    public const string SelfTestHost = "fairlead.test";

    /// <summary>Response header that carries the name of the rule that refused a request.</summary>
    public const string DenyHeader = "Fairlead-Deny";

    /// <summary>Response header that carries the request's id in the audit.</summary>
    public const string RequestHeader = "Fairlead-Request";

    /// <summary>Bytes of a CONNECT head that are read before a blank line must have come: 8,193.</summary>
    public const int MaxHeadBytes = 8193;

    /// <summary>Most data bytes in one chunk, in both directions: 512 KiB.</summary>
    public const int MaxChunkBytes = 512 * 1024;

    /// <summary>Most bytes of one chunk message: the data and 1 KiB for its tags, the other fields and fields we do not know.</summary>
    public const int MaxMessageBytes = MaxChunkBytes + 1024;

    /// <summary>
    /// Data bytes that we put into one chunk at most: 64 KiB less the heads of frame and chunk, so that a whole frame fits a pooled buffer of 64 KiB.
    /// A pump that reads this many at a time makes no crumbs. Larger chunks win nothing and cost memory.
    /// </summary>
    public const int PreferredChunkBytes = (64 * 1024) - FrameHeader.MaxBytes - Chunk.MaxHeaderBytes;

    /// <summary>How long an end may be silent before it sends an empty chunk: 30 s. Load balancers cut idle connections after 50 s and more.</summary>
    public static readonly TimeSpan KeepAliveInterval = TimeSpan.FromSeconds(30);
}
