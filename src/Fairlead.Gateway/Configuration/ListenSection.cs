using System.Net;
using Fairlead.Wire;

namespace Fairlead.Gateway.Configuration;

/// <summary><c>listen</c> and <c>tls</c>: where relays arrive.</summary>
internal static class ListenSection
{
    public static GatewayOptions.ListenOptions? Read(ConfigNode.Fields fields, ConfigContext context)
    {
        var node = fields.Required("listen");
        var text = node.Text();
        if (text.Length == 0) return null;
        string? certificate = null, key = null;
        if (fields.Has("tls", out var tls))
        {
            var parts = tls.Closed("certificate", "key");
            certificate = context.ExistingFile(parts.Required("certificate"));
            key = context.ExistingFile(parts.Required("key"));
        }

        if (!Uri.TryCreate(text, UriKind.Absolute, out var uri) || uri.Scheme is not ("http" or "https") || uri.Query.Length > 0 || uri.Fragment.Length > 0 || uri.UserInfo.Length > 0)
        {
            node.Fail($"expected http://ADDRESS:PORT[/prefix] or https://…, got '{HostPort.Printable(text)}'");
            return null;
        }

        var host = uri.Host == "localhost" ? "127.0.0.1" : uri.Host.Trim('[', ']');
        if (!IPAddress.TryParse(host, out var address)) node.Fail($"expected the address of an interface, such as 127.0.0.1 or 0.0.0.0, got '{HostPort.Printable(uri.Host)}'");
        if (uri.Scheme == "https" && tls is null) node.Fail("https needs 'tls: { certificate: FILE, key: FILE }'");
        if (uri.Scheme == "http" && tls is not null) tls.Fail("'tls' is for https, but 'listen' says http");
        // Local mode is loopback only and never behind a prefix: one relay of this machine knows the address.
        return context.Local is not null
            ? new(new IPEndPoint(IPAddress.Loopback, 0), "", null, null)
            : new(new IPEndPoint(address ?? IPAddress.Loopback, uri.Port), uri.AbsolutePath.TrimEnd('/'), certificate, key);
    }
}
