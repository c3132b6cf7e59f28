using System.Net;
using Fairlead.EndToEnd.Origins;

namespace Fairlead.EndToEnd.Harness;

/// <summary>
/// A gateway in a network of its own, with a name server that says what the test wants and an origin at a public address of that network. Tools run
/// there behind <c>fairlead run</c>.
/// </summary>
internal sealed class ReachSite : IAsyncDisposable
{
    /// <summary>The origin's address, port 443.</summary>
    public const string PublicAddress = "1.2.3.4";

    private readonly List<IAsyncDisposable> _owned = [];

    public TempFolder Folder { get; } = new();

    public NetworkNamespace Place { get; private set; } = null!;

    public Origin Origin { get; private set; } = null!;

    public DnsServer Dns { get; private set; } = null!;

    public GatewayProcess Gateway { get; private set; } = null!;

    public AuditLog Audit => new(Folder.File("state/audit.jsonl"));

    /// <param name="names">The name server.</param>
    /// <param name="prepare">Lays addresses and links, and says what the gateway's configuration has besides.</param>
    public static async Task<ReachSite> StartAsync(Func<string, int, DnsAnswer> names, Func<ReachSite, Task<SiteOptions>> prepare)
    {
        var site = new ReachSite();
        try
        {
            site.Place = site.Own(await NetworkNamespace.CreateAsync());
            await site.Place.AddAddressAsync(PublicAddress);
            site.Dns = site.Own(new DnsServer(site.Place, names));
            site.Origin = await site.StartOriginAsync(site.Place, PublicAddress);
            var options = await prepare(site);
            var config = GatewayConfig.Write(site.Folder, site.Origin, options with { GatewayPort = 8080, Rules = ["allow * *.tools.test/**", .. options.Rules] });
            site.Gateway = site.Own(await GatewayProcess.StartAsync(config, site.Folder, "", Limits.Token(), site.Place));
            return site;
        }
        catch
        {
            await site.DisposeAsync();
            throw;
        }
    }

    /// <summary>Starts an origin on port 443 of an address.</summary>
    public async Task<Origin> StartOriginAsync(NetworkNamespace place, string address) =>
        Own(await Origin.StartAsync(_ => place.Listen(new IPEndPoint(IPAddress.Parse(address), 443)), IPAddress.Parse(address)));

    /// <summary>Ends with the site.</summary>
    public T Own<T>(T owned)
        where T : IAsyncDisposable
    {
        _owned.Add(owned);
        return owned;
    }

    /// <summary>Runs a tool behind a relay of its own.</summary>
    public Task<ToolResult> RunAsync(string tool, params string[] arguments) => RunAsAsync("demo", tool, arguments);

    /// <summary>The same, in another session.</summary>
    public async Task<ToolResult> RunAsAsync(string session, string tool, params string[] arguments)
    {
        var environment = RelayProcess.Environment(Gateway.Address, session, Folder, gatewayCa: null);
        await using var program = Place.Start(Repository.Relay, ["run", "--", tool, .. arguments], environment, environment["HOME"]);
        program.Stdin.Close();
        try
        {
            return await program.WaitAsync(Limits.Token());
        }
        finally
        {
            TestContext.Current.TestOutputHelper?.WriteLine($"gateway: {Gateway.Program.Stderr.Text}");
        }
    }

    /// <summary>The status and the text that curl sees.</summary>
    public async Task<(int Status, string Text)> GetAsync(string url, params string[] options)
    {
        var result = (await RunAsync("curl", ["-sS", "-w", "\n%{http_code}", .. options, url])).Succeeded();
        var end = result.Stdout.LastIndexOf('\n');
        return (int.Parse(result.Stdout.AsSpan(end + 1), System.Globalization.CultureInfo.InvariantCulture), result.Stdout[..end]);
    }

    /// <summary>Changes the configuration, as a careful operator's tools do: whole or not at all.</summary>
    public void Edit(string before, string after)
    {
        var text = File.ReadAllText(Folder.File("fairlead.yaml"));
        Assert.Contains(before, text, StringComparison.Ordinal);
        File.Move(Folder.Write("fairlead.yaml.new", text.Replace(before, after, StringComparison.Ordinal)), Folder.File("fairlead.yaml"), overwrite: true);
    }

    public async ValueTask DisposeAsync()
    {
        try
        {
            if (Gateway is { Program.HasExited: false }) await Gateway.StopAsync(Limits.Token());
            if (File.Exists(Audit.File)) await AuditSchema.CheckAsync(Audit.File);
        }
        finally
        {
            for (var i = _owned.Count - 1; i >= 0; i--) await _owned[i].DisposeAsync();
            Folder.Dispose();
        }
    }
}
