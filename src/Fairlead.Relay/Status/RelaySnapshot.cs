using System.Security.Cryptography;
using System.Text.Json.Serialization;
using Fairlead.Relay.Trust;

namespace Fairlead.Relay.Status;

/// <summary>What a relay says about itself at one moment: the JSON of <c>/fairlead/status</c>, which docs/relay.md describes. It holds no secret.</summary>
internal sealed record RelaySnapshot
{
    /// <summary>Grows when a field changes its meaning. Fields are added without that.</summary>
    public int Version { get; init; } = 1;

    /// <summary><c>ready</c>, or <c>draining</c>: open tunnels may end, new ones are refused.</summary>
    public required string State { get; init; }

    public required int Port { get; init; }

    public required int ProcessId { get; init; }

    public required string RelayVersion { get; init; }

    public required GatewayFacts Gateway { get; init; }

    public required string Session { get; init; }

    public required DateTimeOffset Started { get; init; }

    public required long UptimeSeconds { get; init; }

    public required TrustReport Trust { get; init; }

    public required IReadOnlyList<TunnelFacts> Tunnels { get; init; }

    /// <summary>WebSockets to the gateway on which no tunnel is: kept for the next, or opened ahead.</summary>
    public int ReadyWebsockets { get; init; }

    public required CounterFacts Counters { get; init; }

    /// <summary>The last ones, the newest first.</summary>
    public required IReadOnlyList<Refusal> Refusals { get; init; }
}

/// <summary>Where the tunnels go.</summary>
/// <param name="Address">The gateway's URL.</param>
/// <param name="Version">As it says itself in the answer to an upgrade; null before the first tunnel, and for a gateway that does not say.</param>
/// <param name="EgressProxy">The proxy on the way, <c>host:port</c>, or null.</param>
/// <param name="Ca">The file of the roots that alone are trusted for the gateway's own certificate, or null for the system's.</param>
internal sealed record GatewayFacts(string Address, string? Version, string? EgressProxy, string? Ca);

/// <summary>What tools were told when the relay started.</summary>
/// <param name="CaBundle">The file.</param>
/// <param name="CaBundleSha256">What it held when it was written, in lower-case hexadecimal digits.</param>
/// <param name="NoProxy">The hosts that tools reach directly.</param>
/// <param name="Stores">The files written for tools that no variable can tell: name to path.</param>
/// <param name="Installed">Stores of others that hold the CA while the relay runs: <c>system</c>, <c>browsers</c>.</param>
/// <param name="Conflicts">Settings of the user's that win over the relay's; never their values.</param>
internal sealed record TrustReport(
    string CaBundle, string CaBundleSha256, string NoProxy, IReadOnlyDictionary<string, string> Stores, IReadOnlyList<string> Installed, IReadOnlyList<Conflict> Conflicts)
{
    public static TrustReport None { get; } = new("", "", "", new Dictionary<string, string>(), [], []);

    /// <param name="facts">What tools are told.</param>
    /// <param name="installed">The stores of others that hold the CA.</param>
    public static TrustReport Of(TrustFacts facts, IReadOnlyList<IAsyncDisposable> installed) => new(
        facts.CaBundle,
        HashOf(facts.CaBundle),
        facts.NoProxy,
        facts.Files,
        [.. installed.Select(store => store is SystemTrust ? "system" : "browsers")],
        Trust.Conflicts.Find(facts));

    /// <summary>SHA-256 of a file, or empty when it cannot be read.</summary>
    public static string HashOf(string file)
    {
        try
        {
            return Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(file)));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return "";
        }
    }
}

/// <summary>One tunnel.</summary>
/// <param name="Target">As the tool wrote it.</param>
/// <param name="State"><c>opening</c> until the gateway accepted it, then <c>open</c>.</param>
/// <param name="AgeSeconds">Since the tool's CONNECT.</param>
/// <param name="BytesUp">Data bytes to the gateway.</param>
/// <param name="BytesDown">Data bytes from the gateway.</param>
internal sealed record TunnelFacts(string Target, string State, long AgeSeconds, long BytesUp, long BytesDown);

/// <summary>Since the start.</summary>
/// <param name="Opened">Tunnels that the gateway accepted.</param>
/// <param name="BytesUp">Data bytes to the gateway, those of open tunnels included.</param>
/// <param name="BytesDown">Data bytes from the gateway.</param>
/// <param name="Refused">How many refusals and failures there were of each kind.</param>
internal sealed record CounterFacts(long Opened, long BytesUp, long BytesDown, IReadOnlyDictionary<string, long> Refused);

/// <summary>Something that was refused or failed, and the sentence that says what to do.</summary>
internal sealed record Refusal
{
    public required DateTimeOffset Time { get; init; }

    /// <summary><c>policy</c>, <c>dns</c>, <c>address</c>, <c>connect</c>, <c>tls</c>, <c>timeout</c>, <c>upstream</c>, <c>request</c>, <c>trust</c>, <c>gateway</c>, <c>auth</c>, <c>local</c> or <c>other</c>.</summary>
    public required string Kind { get; init; }

    /// <summary>The target, <c>host:port</c>; empty when there was none.</summary>
    public required string Host { get; init; }

    public string? Method { get; init; }

    /// <summary>Without the query.</summary>
    public string? Path { get; init; }

    public string? Rule { get; init; }

    public required string Message { get; init; }

    public string? WhatToDo { get; init; }

    /// <summary>By which the gateway's audit finds it.</summary>
    public string? RequestId { get; init; }
}

/// <summary>Reads and writes the snapshot without reflection, which a program compiled ahead of time does not have.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, WriteIndented = true)]
[JsonSerializable(typeof(RelaySnapshot))]
internal sealed partial class SnapshotJson : JsonSerializerContext;
