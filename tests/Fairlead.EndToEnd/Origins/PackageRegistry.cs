using System.Globalization;
using System.Net;
using System.Net.Http.Json;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json.Nodes;
using Fairlead.EndToEnd.Harness;

namespace Fairlead.EndToEnd.Origins;

/// <summary>Verdaccio, a registry of npm packages, which shows nothing to whoever has no token.</summary>
internal sealed class PackageRegistry : IAsyncDisposable
{
    public const string Name = "packages.test";

    private readonly TempFolder _folder = new();
    private readonly TestAuthority _authority = new("Package Registry Test CA");
    private RunningProgram _program = null!;

    public string RootPem => _authority.Pem;

    /// <summary>Where it listens.</summary>
    public string Address { get; private set; } = "";

    /// <summary>The token of its one user.</summary>
    public string Token { get; private set; } = "";

    public string Log => _program.Stdout.Text;

    public static async Task<PackageRegistry> StartAsync()
    {
        var registry = new PackageRegistry();
        try
        {
            using var certificate = registry._authority.Issue([Name], []);
            registry._folder.Write("tls.pem", certificate.ExportCertificatePem());
            registry._folder.Write("tls.key", certificate.GetECDsaPrivateKey()!.ExportPkcs8PrivateKeyPem());
            // It cannot be asked to choose a port and say which.
            using (var probe = new TcpListener(IPAddress.Loopback, 0))
            {
                probe.Start();
                registry.Address = probe.LocalEndpoint.ToString()!;
            }

            var config = registry._folder.Write("config.yaml", $$"""
                storage: {{registry._folder.File("storage")}}
                auth: { htpasswd: { file: {{registry._folder.File("htpasswd")}} } }
                packages: { '**': { access: $authenticated, publish: $authenticated } }
                listen: https://{{registry.Address}}
                https: { key: {{registry._folder.File("tls.key")}}, cert: {{registry._folder.File("tls.pem")}} }
                web: { enable: false }
                log: { type: stdout, format: json, level: http }

                """);
            var verdaccio = Path.Combine(Repository.Root, "tests", "registry", "node_modules", "verdaccio", "bin", "verdaccio");
            registry._program = RunningProgram.Start("node", [verdaccio, "--config", config], ToolEnvironment.Clean(registry._folder.Path), registry._folder.Path);
            await registry._program.Stdout.WaitForAsync(text => text.Contains("http address", StringComparison.Ordinal) ? text : null, Limits.Token());
            registry.Token = await registry.EnrolAsync();
            return registry;
        }
        catch
        {
            await registry.DisposeAsync();
            throw;
        }
    }

    /// <summary>What it answers somebody without a token.</summary>
    public async Task<int> AskWithoutTokenAsync(string path)
    {
        using var client = Client();
        using var answer = await client.GetAsync(new Uri(path, UriKind.Relative), Limits.Token());
        return (int)answer.StatusCode;
    }

    public async ValueTask DisposeAsync()
    {
        TestContext.Current.TestOutputHelper?.WriteLine(string.Create(CultureInfo.InvariantCulture, $"packages: {_program?.Stdout.Text} {_program?.Stderr.Text}"));
        if (_program is not null) await _program.DisposeAsync();
        _authority.Dispose();
        _folder.Dispose();
    }

    private async Task<string> EnrolAsync()
    {
        using var client = Client();
        using var answer = await client.PutAsJsonAsync("/-/user/org.couchdb.user:robot", new { name = "robot", password = "FAKE-robot-password" }, Limits.Token());
        return (string)(await answer.Content.ReadFromJsonAsync<JsonNode>(Limits.Token()))!["token"]!;
    }

    private HttpClient Client() => new(new SocketsHttpHandler
    {
        UseProxy = false,
        SslOptions = { CertificateChainPolicy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, CustomTrustStore = { X509Certificate2.CreateFromPem(RootPem) }, RevocationMode = X509RevocationMode.NoCheck } },
        ConnectCallback = async (_, cancellationToken) =>
        {
            var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
            await socket.ConnectAsync(IPEndPoint.Parse(Address), cancellationToken);
            return new NetworkStream(socket, ownsSocket: true);
        },
    })
    { BaseAddress = new Uri($"https://{Name}/") };
}
