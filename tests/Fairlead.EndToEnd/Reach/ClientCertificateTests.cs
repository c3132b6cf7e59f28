using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Fairlead.EndToEnd.Harness;
using Fairlead.EndToEnd.Origins;

namespace Fairlead.EndToEnd.Reach;

/// <summary>nginx that takes nobody without a certificate, and tools that have none.</summary>
public sealed class ClientCertificateTests : IAsyncLifetime
{
    private const int Port = 4439;

    private readonly IPAddress _address = new([127, 89, (byte)RandomNumberGenerator.GetInt32(1, 255), (byte)RandomNumberGenerator.GetInt32(1, 255)]);
    private readonly TempFolder _folder = new();
    private readonly TestAuthority _authority = new("Mutual TLS Test CA");
    private RunningProgram _nginx = null!;
    private Site _site = null!;
    private RelayProcess _relay = null!;

    public async ValueTask InitializeAsync()
    {
        await StartNginxAsync(Limits.Token());
        _site = await Site.StartAsync(new SiteOptions
        {
            ExtraCa = _authority.Pem,
            Resolve = new Dictionary<string, string> { ["mtls.test"] = string.Create(CultureInfo.InvariantCulture, $"{_address}:{Port}") },
            Rules = ["allow * mtls.test/**"],
            Files = new Dictionary<string, string> { ["mtls.token"] = "FAKE-token-of-the-mtls-session" },
            Credentials = ["mtls: { use: client-certificate, certificate: client.pem, key: client.key, hosts: [mtls.test] }"],
            Prepare = folder => Write(folder, "first"),
            Sessions = ["{ id: mtls, token: { from: file, path: mtls.token }, policy: default, credentials: [mtls] }"],
        });
        _relay = await _site.StartRelayAsync("mtls", "FAKE-token-of-the-mtls-session");
    }

    public async ValueTask DisposeAsync()
    {
        await _site.DisposeAsync();
        await _nginx.DisposeAsync();
        _authority.Dispose();
        _folder.Dispose();
    }

    [Theory]
    [InlineData("--http1.1", "HTTP/1.1")]
    [InlineData("--http2", "HTTP/2.0")]
    public async Task A_tool_without_a_certificate_is_who_the_gateway_is_and_becomes_who_its_files_say(string version, string protocol)
    {
        Assert.Equal($"SUCCESS CN=first {protocol}\n", (await GetAsync(_relay, version)).Succeeded().Stdout);
        Assert.Equal("400", (await _site.RunAsync("curl", "-sS", version, "-o", "/dev/null", "-w", "%{http_code}", "https://mtls.test/")).Stdout);

        Write(_site.Folder, "second");
        while ((await GetAsync(_relay, version)).Succeeded().Stdout != $"SUCCESS CN=second {protocol}\n") await Task.Delay(Limits.Poll, Limits.Token());
    }

    private Task<ToolResult> GetAsync(RelayProcess relay, string version) => _site.RunAsync(relay, "curl", "-sS", version, "https://mtls.test/");

    private void Write(TempFolder folder, string name)
    {
        var (pem, key) = Client(name);
        // As a careful operator's tools do: a pair that does not match is refused, and the next look finds the whole one.
        folder.Write("client.pem", pem);
        File.SetUnixFileMode(folder.Write("client.key", key), UnixFileMode.UserRead | UnixFileMode.UserWrite);
    }

    private (string Pem, string Key) Client(string name)
    {
        using var leaf = _authority.Issue([name], [], subject: name, usage: "1.3.6.1.5.5.7.3.2");
        using var key = leaf.GetECDsaPrivateKey()!;
        return (leaf.ExportCertificatePem() + "\n", key.ExportPkcs8PrivateKeyPem() + "\n");
    }

    private async Task StartNginxAsync(CancellationToken cancellationToken)
    {
        using var leaf = _authority.Issue(["mtls.test"], []);
        using var key = leaf.GetECDsaPrivateKey()!;
        _folder.Write("server.pem", leaf.ExportCertificatePem());
        _folder.Write("server.key", key.ExportPkcs8PrivateKeyPem());
        _folder.Write("clients.pem", _authority.Pem);
        var home = _folder.Path;
        var config = _folder.Write("nginx.conf", $$"""
            daemon off;
            user root;
            worker_processes 1;
            pid {{home}}/pid;
            events { worker_connections 64; }
            http {
              access_log off;
              client_body_temp_path {{home}}/body;
              proxy_temp_path {{home}}/proxy;
              fastcgi_temp_path {{home}}/fastcgi;
              uwsgi_temp_path {{home}}/uwsgi;
              scgi_temp_path {{home}}/scgi;
              server {
                listen {{_address}}:{{Port}} ssl http2;
                ssl_certificate server.pem;
                ssl_certificate_key server.key;
                ssl_client_certificate clients.pem;
                ssl_verify_client on;
                location / { return 200 "$ssl_client_verify $ssl_client_s_dn $server_protocol\n"; }
              }
            }
            """);
        _nginx = RunningProgram.Start("/usr/sbin/nginx", ["-p", home, "-e", "stderr", "-c", config], ToolEnvironment.Clean(home), home);
        while (true)
        {
            if (_nginx.HasExited) throw new InvalidOperationException($"expected nginx to listen, but it ended:\n{_nginx.Stderr.Text}");
            using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            try
            {
                await socket.ConnectAsync(new IPEndPoint(_address, Port), cancellationToken);
                return;
            }
            catch (SocketException)
            {
                await Task.Delay(Limits.Poll, cancellationToken);
            }
        }
    }
}
