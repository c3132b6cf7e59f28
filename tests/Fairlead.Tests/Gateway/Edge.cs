using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json;
using Fairlead.Gateway;
using Fairlead.Gateway.Audit;
using Fairlead.Gateway.Configuration;
using Fairlead.Gateway.Credentials;
using Fairlead.Gateway.Interception;
using Fairlead.Gateway.Policy;
using Fairlead.Gateway.Sessions;
using Fairlead.Gateway.Telemetry;
using Fairlead.Gateway.Upstream;

[assembly: System.Runtime.Versioning.SupportedOSPlatform("linux")]

namespace Fairlead.Tests.Gateway;

/// <summary>The whole gateway in this process, with its files in a folder of its own.</summary>
internal sealed class Edge : IAsyncDisposable
{
    public const string Token = "FAKE-session-token";

    private readonly TempFolder _folder = new();
    private GatewayApp? _app;
    private GatewayOptions _options = null!;

    /// <summary>Host of the origin in most tests.</summary>
    public const string Host = "api.test";

    public Uri Address => new(_app!.Address);

    public string CaFolder => _folder["ca"];

    public string AuditFile { get; private set; } = "";

    /// <param name="resolve">Hosts and where they really are.</param>
    /// <param name="originCa">Trusted for upstreams.</param>
    /// <param name="sessions">Default: one session <c>s1</c> that may do everything.</param>
    /// <param name="auditFile">Default: a file in the folder.</param>
    /// <param name="set">In place of <paramref name="sessions"/>, when a test has issuers.</param>
    /// <param name="upstream">Limits of the upstream, when a test has its own.</param>
    /// <param name="ca">The CA, when it is another than one in the folder.</param>
    /// <param name="guarantee">What is on disk before an upstream sees a byte.</param>
    /// <param name="traces">Where spans go.</param>
    public static async Task<Edge> StartAsync(
        IReadOnlyDictionary<string, IPEndPoint>? resolve = null,
        OriginCa? originCa = null,
        IReadOnlyList<Session>? sessions = null,
        string? auditFile = null,
        UpstreamOptions? upstream = null,
        SessionSet? set = null,
        CaOptions? ca = null,
        AuditGuarantee guarantee = AuditGuarantee.BeforeUpstream,
        CollectorOptions? traces = null)
    {
        var edge = new Edge();
        edge.AuditFile = auditFile ?? edge._folder["audit.jsonl"];
        edge._options = new GatewayOptions
        {
            Listen = new(new IPEndPoint(IPAddress.Loopback, 0), "", null, null),
            Ca = (ca ?? new()) with { Directory = ca?.Held.Count > 0 ? "" : edge._folder["ca"] },
            Audit = new(edge.AuditFile) { Guarantee = guarantee },
            Traces = traces,
            SessionSet = set ?? new SessionSet(sessions ?? [SessionOf("s1", Token)]),
            Upstream = (upstream ?? new UpstreamOptions()) with
            {
                Resolve = resolve ?? new Dictionary<string, IPEndPoint>(),
                ExtraRoots = originCa is null ? [] : [originCa.Root],
            },
        };
        edge._app = await GatewayApp.StartAsync(edge._options, Microsoft.Extensions.Logging.LogLevel.Warning, Limits.Token);
        return edge;
    }

    /// <summary>A gateway with one origin, <see cref="Host"/>.</summary>
    public static Task<Edge> StartAsync(Origin origin, OriginCa ca, params Session[] sessions) =>
        StartAsync(new Dictionary<string, IPEndPoint> { [Host] = origin.EndPoint }, ca, sessions.Length == 0 ? null : sessions);

    public static Session SessionOf(string id, string token, string[]? rules = null, Credential[]? credentials = null, PolicyMode mode = PolicyMode.Enforce, string[]? addresses = null, string[]? passthrough = null) =>
        new(id, SessionRegistry.HashOf(token), PolicyOf(rules ?? ["allow * **", "allow * **:8443"], mode, Verdict.Deny, addresses, passthrough), new CredentialSet(credentials ?? []));

    public static RuleSet PolicyOf(string[] rules, PolicyMode mode = PolicyMode.Enforce, Verdict fallback = Verdict.Deny, string[]? addresses = null, string[]? passthrough = null) =>
        new("p", mode, fallback, [.. rules.Select(RuleOf)], ExceptionsOf(addresses ?? []), [.. (passthrough ?? []).Select(HostOf)]);

    public static AddressExceptions ExceptionsOf(params string[] networks) =>
        new([.. networks.Select(text => AddressExceptions.TryParse(text, out var network, out var problem) ? network : throw new ArgumentException(problem, nameof(networks)))]);

    public static HostPattern HostOf(string text) => HostPattern.TryParse(text, out var host, out var problem) ? host : throw new ArgumentException(problem, nameof(text));

    /// <summary>A configuration without named sets of hosts.</summary>
    public static readonly IReadOnlyDictionary<string, IReadOnlyList<HostPattern>> NoSets = new Dictionary<string, IReadOnlyList<HostPattern>>();

    public static Rule RuleOf(string text) => Rule.TryParse(text, NoSets, out var rule, out var problem) ? rule : throw new ArgumentException(problem, nameof(text));

    /// <summary>A credential of one header, bound to one host.</summary>
    public static Credential CredentialOf(string name, string header, string value, string host = Host)
    {
        Assert.True(Secret.TryCreate(name, value, out var secret, out _, out _));
        Assert.Null(InjectedHeader.TryCreate(header, $"{{{name}}}", new Dictionary<string, ISecret> { [name] = secret }, out var injected));
        Assert.True(HostPattern.TryParse(host, out var pattern, out _));
        return new Credential(name, [injected!], [pattern]);
    }

    /// <summary>Puts other sessions into force, as a changed configuration does.</summary>
    public void Apply(params Session[] sessions) => _app!.Apply(_options with { SessionSet = new SessionSet(sessions) });

    /// <summary>A plain connection to the gateway's own endpoints.</summary>
    public async Task<NetworkStream> ConnectAsync()
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        await socket.ConnectAsync(new IPEndPoint(IPAddress.Loopback, Address.Port), Limits.Token);
        return new NetworkStream(socket, ownsSocket: true);
    }

    public async Task<X509Certificate2> RootAsync()
    {
        await using var stream = await ConnectAsync();
        await stream.WriteAsync("GET /v1/code/upstreamproxy/ca-cert HTTP/1.1\r\nHost: gateway\r\n\r\n"u8.ToArray(), Limits.Token);
        return X509Certificate2.CreateFromPem((await Reply.ReadAsync(stream)).Body);
    }

    /// <summary>Stops the gateway, after which every record is written, and reads those of requests, and behind them those of tunnels, each in their order: which of the last two came first is a matter of luck.</summary>
    public async Task<JsonElement[]> StopAsync()
    {
        if (_app is not null) await _app.DisposeAsync();
        _app = null;
        return [.. Lines.Where(record => record.GetProperty("type").GetString() is "request" or "tunnel").OrderBy(record => record.GetProperty("type").GetString() == "tunnel")];
    }

    /// <summary>Every line of the audit as it is now.</summary>
    public JsonElement[] Lines
    {
        get
        {
            using var file = new StreamReader(new FileStream(AuditFile, FileMode.Open, FileAccess.Read, FileShare.ReadWrite));
            return [.. file.ReadToEnd().Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonDocument.Parse(line).RootElement.Clone())];
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (_app is not null) await _app.DisposeAsync();
        _folder.Dispose();
    }
}
