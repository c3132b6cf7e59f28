using System.Diagnostics.CodeAnalysis;
using System.Net;
using System.Text;
using Fairlead.Wire;

namespace Fairlead.Relay.Tunnel;

/// <summary>The HTTP proxy through which this container must go to reach the gateway, if there is one.</summary>
/// <param name="Endpoint">Where the proxy listens.</param>
/// <param name="BasicCredentials">The value behind "Basic ", or null when its URL names no user.</param>
/// <param name="Variable">The environment variable it came from.</param>
internal sealed record EgressProxy(HostPort Endpoint, string? BasicCredentials, string Variable)
{
    private static readonly char[] Separators = [',', ' ', '\t'];

    /// <summary>Finds the proxy for a gateway in the relay's own environment. A gateway on this machine is always reached directly.</summary>
    /// <param name="gateway">Whom we want to reach.</param>
    /// <param name="environment">The relay's own environment.</param>
    /// <param name="proxy">The proxy; null means that the gateway is reached directly.</param>
    /// <param name="problem">Why the variable cannot be understood. The value is not shown: it may hold a password.</param>
    public static bool TryFind(
        GatewayAddress gateway, IReadOnlyDictionary<string, string> environment, out EgressProxy? proxy, [NotNullWhen(false)] out string? problem)
    {
        proxy = null;
        problem = null;
        string[] names = gateway.IsTls ? ["HTTPS_PROXY", "https_proxy"] : ["HTTP_PROXY", "http_proxy"];
        var variable = names.FirstOrDefault(name => !string.IsNullOrWhiteSpace(environment.GetValueOrDefault(name)));
        if (variable is null || gateway.IsLoopback) return true;
        if (IsExempt(environment.GetValueOrDefault("NO_PROXY") ?? environment.GetValueOrDefault("no_proxy") ?? "", gateway.Endpoint)) return true;

        var text = environment[variable].Trim();
        if (!text.Contains("://", StringComparison.Ordinal)) text = "http://" + text;
        if (!Uri.TryCreate(text, UriKind.Absolute, out var uri) || uri.Scheme != "http")
        {
            problem = $"expected {variable} to be http://[user:password@]host:port";
            return false;
        }

        if (!HostPort.TryCreate(uri.IdnHost.Trim('[', ']'), uri.Port, out var endpoint, out _))
        {
            problem = $"expected {variable} to name a host and a port from 1 to 65535";
            return false;
        }

        proxy = new EgressProxy(endpoint, uri.UserInfo.Length == 0 ? null : ToBasic(uri.UserInfo), variable);
        return true;
    }

    /// <summary>
    /// Is this destination in a NO_PROXY list? Entries: <c>*</c>; a name, for itself and the names below it; <c>.suffix</c> and <c>*.suffix</c>, for the
    /// names below it; an address; a CIDR block; each with an optional <c>:port</c>. What is none of these matches nothing.
    /// </summary>
    public static bool IsExempt(string list, HostPort destination) =>
        list.Split(Separators, StringSplitOptions.RemoveEmptyEntries).Any(entry => Matches(entry, destination));

    private static bool Matches(string entry, HostPort destination)
    {
        if (entry == "*") return true;
        if (destination.Address is { } address && IPNetwork.TryParse(entry, out var block)) return block.Contains(address);

        var subdomainsOnly = false;
        if (entry.StartsWith("*.", StringComparison.Ordinal)) entry = entry[1..];
        if (entry.StartsWith('.')) (entry, subdomainsOnly) = (entry[1..], true);

        int? port = null;
        var host = entry;
        if (HostPort.TryParse(entry, out var withPort, out _)) (host, port) = (withPort.Host, withPort.Port);
        else host = host.Trim('[', ']');
        if (port is not null && port != destination.Port) return false;
        if (!HostPort.TryCanonicalHost(host, out var canonical, out var literal, out _)) return false;
        if (!subdomainsOnly && canonical == destination.Host) return true;
        return literal is null && destination.Address is null && destination.Host.EndsWith("." + canonical, StringComparison.Ordinal);
    }

    private static string ToBasic(string userInfo)
    {
        var colon = userInfo.IndexOf(':', StringComparison.Ordinal);
        var user = colon < 0 ? userInfo : userInfo[..colon];
        var password = colon < 0 ? "" : userInfo[(colon + 1)..];
        // Decoded part by part: an encoded colon in the password is a character, not the separator.
        return Convert.ToBase64String(Encoding.UTF8.GetBytes($"{Uri.UnescapeDataString(user)}:{Uri.UnescapeDataString(password)}"));
    }
}
