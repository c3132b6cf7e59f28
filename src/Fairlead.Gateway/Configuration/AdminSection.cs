using System.Net;

namespace Fairlead.Gateway.Configuration;

/// <summary><c>admin</c>: the listener for whoever runs the gateway.</summary>
internal static class AdminSection
{
    public static GatewayOptions.AdminOptions? Read(ConfigNode node, ConfigContext context)
    {
        var fields = node.Closed("listen", "tls", "token");
        var listen = ListenSection.Read(fields, context);
        var tokenNode = fields.Required("token");
        var token = context.ReadSource(tokenNode) is { } source ? context.ReadSecret("admin token", tokenNode, source) : null;
        if (listen is { IsHttps: false } && !IPAddress.IsLoopback(listen.EndPoint.Address)) fields.Required("listen").Fail("the token would cross the network in clear: expected https, or a loopback address");
        if (listen is { PathPrefix.Length: > 0 }) fields.Required("listen").Fail("expected an address without a path");
        // One command on one machine has nobody who administers it.
        return listen is null || token is null || context.Local is not null ? null : new GatewayOptions.AdminOptions(listen, token);
    }
}
