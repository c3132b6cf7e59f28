using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Fairlead.EndToEnd.Origins;

namespace Fairlead.EndToEnd.Harness;

/// <summary>nginx with one site for each way in which a server's TLS can be wrong, and one that is right. It counts requests in its log, and has nothing else.</summary>
internal sealed class NginxSites : IAsyncDisposable
{
    /// <summary>A loopback address that nobody else listens on: ports below it are this nginx's own.</summary>
    private readonly IPAddress _address = new([127, 88, (byte)RandomNumberGenerator.GetInt32(1, 255), (byte)RandomNumberGenerator.GetInt32(1, 255)]);

    private readonly TempFolder _folder = new();
    private readonly TestAuthority _authority = new("nginx Test CA");
    private readonly TestAuthority _stranger = new("Nobody's nginx CA");
    private RunningProgram? _program;

    public static string[] Names => ["good", "expired", "wrong", "selfsigned", "stranger", "oldtls", "weak", "plain"];

    public string RootPem => _authority.Pem;

    /// <summary>Requests that came behind TLS, or without it, a line each.</summary>
    public string Requests => File.ReadAllText(_folder.File("access.log"));

    /// <summary>Where each site is, for <see cref="SiteOptions.Resolve"/>.</summary>
    public Dictionary<string, string> Resolve =>
        Names.ToDictionary(name => $"{name}.nginx.test", name => string.Create(CultureInfo.InvariantCulture, $"{_address}:{PortOf(name)}"));

    public static async Task<NginxSites> StartAsync(CancellationToken cancellationToken)
    {
        var sites = new NginxSites();
        sites.WriteCertificates();
        var config = sites._folder.Write("nginx.conf", sites.Text());
        sites._program = RunningProgram.Start("/usr/sbin/nginx", ["-p", sites._folder.Path, "-e", "stderr", "-c", config], ToolEnvironment.Clean(sites._folder.Path), sites._folder.Path);
        while (true)
        {
            if (sites._program.HasExited) throw new InvalidOperationException($"expected nginx to listen, but it ended:\n{sites._program.Stderr.Text}");
            using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            try
            {
                await socket.ConnectAsync(new IPEndPoint(sites._address, PortOf("plain")), cancellationToken);
                return sites;
            }
            catch (SocketException)
            {
                await Task.Delay(Limits.Poll, cancellationToken);
            }
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (_program is not null) await _program.DisposeAsync();
        _authority.Dispose();
        _stranger.Dispose();
        _folder.Dispose();
    }

    private static int PortOf(string name) => 4430 + Array.IndexOf(Names, name);

    private void WriteCertificates()
    {
        foreach (var name in Names.Except(["plain"]))
        {
            using var leaf = name switch
            {
                "expired" => _authority.Issue(["expired.nginx.test"], [], expired: true),
                "wrong" => _authority.Issue(["another.nginx.test"], []),
                "stranger" => _stranger.Issue(["stranger.nginx.test"], []),
                "selfsigned" => SelfSigned(),
                _ => _authority.Issue([$"{name}.nginx.test"], []),
            };
            using var key = leaf.GetECDsaPrivateKey()!;
            _folder.Write($"{name}.pem", leaf.ExportCertificatePem());
            _folder.Write($"{name}.key", key.ExportPkcs8PrivateKeyPem());
        }
    }

    private static X509Certificate2 SelfSigned()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=selfsigned.nginx.test", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName("selfsigned.nginx.test");
        request.CertificateExtensions.Add(names.Build());
        return request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));
    }

    private string Text()
    {
        var home = _folder.Path;
        var text = new StringBuilder($$"""
            daemon off;
            user root;
            worker_processes 1;
            pid {{home}}/pid;
            events { worker_connections 256; }
            http {
              log_format short "$server_port $request $http_x_nginx_key";
              access_log {{home}}/access.log short;
              client_body_temp_path {{home}}/body;
              proxy_temp_path {{home}}/proxy;
              fastcgi_temp_path {{home}}/fastcgi;
              uwsgi_temp_path {{home}}/uwsgi;
              scgi_temp_path {{home}}/scgi;

            """);
        foreach (var name in Names)
        {
            var tls = name switch
            {
                "plain" => "",
                "oldtls" => "ssl_protocols TLSv1 TLSv1.1; ssl_ciphers ALL:@SECLEVEL=0;",
                "weak" => "ssl_protocols TLSv1.2; ssl_ciphers NULL-SHA256:ECDHE-ECDSA-NULL-SHA:@SECLEVEL=0;",
                _ => "",
            };
            var certificate = name == "plain" ? "" : $"ssl_certificate {name}.pem; ssl_certificate_key {name}.key;";
            text.AppendLine(CultureInfo.InvariantCulture, $"  server {{ listen {_address}:{PortOf(name)}{(name == "plain" ? "" : " ssl")}; {certificate} {tls} location / {{ return 200 \"from nginx\"; }} }}");
        }

        return text.AppendLine("}").ToString();
    }
}
