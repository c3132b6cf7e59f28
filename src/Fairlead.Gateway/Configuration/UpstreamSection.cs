using System.Diagnostics.CodeAnalysis;
using System.Net;
using System.Security.Cryptography.X509Certificates;
using Fairlead.Gateway.Upstream;
using Fairlead.Wire;

namespace Fairlead.Gateway.Configuration;

/// <summary><c>upstream</c>: how the world is reached.</summary>
internal static class UpstreamSection
{
    public static UpstreamOptions Read(ConfigNode node, ConfigContext context)
    {
        var fields = node.Closed("extra_ca", "resolve", "dns_ttl", "proxies");
        var roots = new X509Certificate2Collection();
        if (fields.Has("extra_ca", out var extra) && context.ExistingFile(extra) is { Length: > 0 } file && !context.IsReview)
        {
            try
            {
                roots.ImportFromPemFile(file);
                if (roots.Count == 0) extra.Fail($"{file} holds no certificate in PEM");
            }
            catch (System.Security.Cryptography.CryptographicException e)
            {
                extra.Fail($"{file} holds a certificate that cannot be read: {e.Message}");
            }
        }

        var resolve = new Dictionary<string, IPEndPoint>();
        if (fields.Has("resolve", out var table))
        {
            foreach (var (host, value) in table.Entries())
            {
                var text = value.Text();
                if (!HostPort.TryCanonicalHost(host.Trim('[', ']'), out var canonical, out _, out var problem)) value.Fail(problem);
                else if (text.Length == 0) continue;
                else if (!TryReadEndPoint(text, out var endPoint)) value.Fail($"expected address or address:port, such as 127.0.0.1:9443, got '{HostPort.Printable(text)}'");
                else if (!resolve.TryAdd(canonical, endPoint)) value.Fail($"'{HostPort.Printable(canonical)}' is there twice");
            }
        }

        var options = new UpstreamOptions { ExtraRoots = roots, Resolve = resolve, Proxies = fields.Has("proxies", out var proxies) ? [.. proxies.Items().Select(p => ProxySection.Read(p, context)).OfType<EgressProxy>()] : [] };
        return fields.Has("dns_ttl", out var ttl) ? options with { DnsTtl = ReadTtl(ttl) } : options;
    }

    // Longer, and a service that moves is looked for where it was.
    private static TimeSpan ReadTtl(ConfigNode node)
    {
        var text = node.Text();
        if (text is "" or "none") return TimeSpan.Zero;
        if (Units.TryReadTime(text, out var time) && time <= TimeSpan.FromMinutes(10)) return time;
        node.Fail($"expected none, or a time of 10m at most such as 5s, got '{HostPort.Printable(text)}'");
        return TimeSpan.Zero;
    }

    // IPEndPoint reads "9443" as the address 0.0.36.227, which nobody means: one spelling of an IPv4 address, the canonical one.
    private static bool TryReadEndPoint(string text, [NotNullWhen(true)] out IPEndPoint? endPoint) =>
        IPEndPoint.TryParse(text, out endPoint)
        && (endPoint.AddressFamily != System.Net.Sockets.AddressFamily.InterNetwork || text.Split(':')[0] == endPoint.Address.ToString());
}
