using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using Fairlead.EndToEnd.Harness;

namespace Fairlead.EndToEnd.RedTeam.Stage;

/// <summary>A gateway, a relay for each session and an origin that keeps what arrives. Every case has a host of its own there: c1.red.test and so on.</summary>
internal sealed class Arena : IAsyncDisposable
{
    private readonly List<RelayProcess> _relays = [];

    private Arena() { }

    public TempFolder Folder { get; } = new();

    public CanaryOrigin Origin { get; } = new();

    public GatewayProcess Gateway { get; private set; } = null!;

    /// <summary>Of session "demo".</summary>
    public RelayProcess Relay => _relays[0];

    public AuditLog Audit => new(Folder.File("state/audit.jsonl"));

    /// <param name="hosts">How many cases there are.</param>
    /// <param name="rules">The policy's; without a rule everything is refused.</param>
    /// <param name="others">Hosts beside those of the cases, below red.test.</param>
    public static async Task<Arena> StartAsync(int hosts, IEnumerable<string> rules, params string[] others)
    {
        var arena = new Arena();
        try
        {
            string[] names = [.. others, .. Enumerable.Range(1, hosts).Select(n => string.Create(CultureInfo.InvariantCulture, $"c{n}.red.test"))];
            arena.Folder.Folder("state");
            arena.Folder.Write("origin-ca.pem", arena.Origin.RootPem);
            var config = arena.Folder.Write("fairlead.yaml", Config(rules, names, arena.Origin.Port));
            arena.Gateway = await GatewayProcess.StartAsync(config, arena.Folder, "", Limits.Token());
            await arena.StartRelayAsync("demo");
            return arena;
        }
        catch
        {
            await arena.DisposeAsync();
            throw;
        }
    }

    public async Task<RelayProcess> StartRelayAsync(string session)
    {
        var relay = await RelayProcess.StartAsync(Gateway.Address, session, Folder, null, Limits.Token());
        _relays.Add(relay);
        return relay;
    }

    /// <summary>Ends the gateway, which then has written every record and sent every byte it ever will.</summary>
    public async Task<IReadOnlyList<JsonNode>> EndAsync()
    {
        Assert.False(Gateway.Program.HasExited, $"the gateway ended by itself: {Gateway.Program.Stderr.Text}");
        await Gateway.StopAsync(Limits.Token());
        await AuditSchema.CheckAsync(Audit.File);
        return await Audit.ReadAsync(Limits.Token());
    }

    public async ValueTask DisposeAsync()
    {
        if (Gateway is not null) TestContext.Current.TestOutputHelper?.WriteLine($"gateway: {Gateway.Program.Stderr.Text}");
        foreach (var relay in _relays) await relay.DisposeAsync();
        if (Gateway is not null) await Gateway.DisposeAsync();
        await Origin.DisposeAsync();
        Folder.Dispose();
    }

    private static string Config(IEnumerable<string> rules, IEnumerable<string> names, int port)
    {
        var text = new StringBuilder("""
            version: 1
            listen: http://127.0.0.1:0
            ca: { directory: ./state/ca }
            secrets:
              vault: { from: env, name: DD_API_KEY }
              other: { from: env, name: OTHER_DD_API_KEY }
            credentials:
              vault: { use: header, set: { X-Vault-Key: "{vault}", Authorization: "Token {vault}" }, hosts: [vault.red.test] }
              other: { use: bearer, secret: other, hosts: ["*.other.red.test"] }
              swapped: { use: placeholder, secret: other, placeholder: red-PLACEHOLDER-0001, hosts: [swap.red.test] }
            policies:
              default:
                rules:

            """);
        foreach (var rule in rules) text.Append(CultureInfo.InvariantCulture, $"      - {rule}\n");
        text.Append("""
            sessions:
              - { id: demo, token: { from: env, name: FAIRLEAD_TOKEN }, policy: default, credentials: [vault, other, swapped] }
              - { id: other, token: { from: env, name: OTHER_TOKEN }, policy: default }
            audit: { file: ./state/audit.jsonl }
            upstream:
              extra_ca: ./origin-ca.pem
              resolve:

            """);
        foreach (var name in names) text.Append(CultureInfo.InvariantCulture, $"    {name}: \"127.0.0.1:{port}\"\n");
        return text.ToString();
    }
}
