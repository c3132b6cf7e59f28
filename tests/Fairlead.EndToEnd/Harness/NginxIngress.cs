using System.Globalization;
using System.Security.Cryptography.X509Certificates;
using Fairlead.EndToEnd.Origins;

namespace Fairlead.EndToEnd.Harness;

/// <summary>An ingress of layer 7: nginx ends TLS, routes by path prefix, passes WebSockets on and cuts what is idle.</summary>
internal static class NginxIngress
{
    /// <summary>Below this and a status (404, 426, 502, 302) it gives that status instead of passing on.</summary>
    public const string AnswersPrefix = "/answers/";

    /// <param name="place">Where it runs; it listens on port 443 of every address.</param>
    /// <param name="folder">For its files.</param>
    /// <param name="prefix">The path prefix that it routes to the gateway; everything else is 404.</param>
    /// <param name="gateway">Where the gateway listens.</param>
    /// <param name="idle">After how long without a byte it cuts a connection.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>The ingress, and the file with the root of its certificate.</returns>
    public static async Task<(RunningProgram Program, string RootFile)> StartAsync(
        NetworkNamespace place, TempFolder folder, string prefix, Uri gateway, TimeSpan idle, CancellationToken cancellationToken)
    {
        var home = folder.Folder("nginx");
        using var authority = new TestAuthority("Ingress Test CA");
        using var leaf = authority.Issue([Topology.GatewayHost], []);
        using var key = leaf.GetECDsaPrivateKey()!;
        folder.Write("nginx/tls.pem", leaf.ExportCertificatePem());
        folder.Write("nginx/tls.key", key.ExportPkcs8PrivateKeyPem());
        var root = folder.Write("nginx/root.pem", authority.Pem);
        var config = folder.Write("nginx/nginx.conf", Text(home, prefix, gateway, idle));
        var nginx = place.Start("/usr/sbin/nginx", ["-p", home, "-e", "stderr", "-c", config], ToolEnvironment.Clean(home), home);
        await place.WaitForPortAsync(443, nginx, cancellationToken);
        return (nginx, root);
    }

    private static string Text(string home, string prefix, Uri gateway, TimeSpan idle) => string.Create(CultureInfo.InvariantCulture, $$"""
        daemon off;
        user root;
        worker_processes 1;
        pid {{home}}/pid;
        events { worker_connections 1024; }
        http {
          access_log {{home}}/access.log;
          client_body_temp_path {{home}}/body;
          proxy_temp_path {{home}}/proxy;
          fastcgi_temp_path {{home}}/fastcgi;
          uwsgi_temp_path {{home}}/uwsgi;
          scgi_temp_path {{home}}/scgi;
          map $http_upgrade $connection_upgrade { default upgrade; '' close; }
          server {
            listen 443 ssl;
            server_name {{Topology.GatewayHost}};
            ssl_certificate tls.pem;
            ssl_certificate_key tls.key;
            location {{AnswersPrefix}}404 { return 404; }
            location {{AnswersPrefix}}426 { return 426; }
            location {{AnswersPrefix}}502 { return 502; }
            location {{AnswersPrefix}}302 { return 302 https://{{Topology.GatewayHost}}{{prefix}}$request_uri; }
            location {{prefix}}/ {
              proxy_pass {{gateway.GetLeftPart(UriPartial.Authority)}};
              proxy_http_version 1.1;
              proxy_set_header Host $host;
              proxy_set_header Upgrade $http_upgrade;
              proxy_set_header Connection $connection_upgrade;
              proxy_read_timeout {{(int)idle.TotalSeconds}}s;
              proxy_send_timeout {{(int)idle.TotalSeconds}}s;
            }
          }
        }

        """);
}
