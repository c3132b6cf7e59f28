using System.Diagnostics.CodeAnalysis;
using System.Net;
using Fairlead.Wire;

namespace Fairlead.Relay.Tunnel;

/// <summary>Where the gateway is: a checked host and port, TLS or not, and the path prefix by which an ingress routes to it.</summary>
internal sealed record GatewayAddress
{
    private GatewayAddress(HostPort endpoint, bool isTls, string pathPrefix) => (Endpoint, IsTls, PathPrefix) = (endpoint, isTls, pathPrefix);

    public HostPort Endpoint { get; }

    public bool IsTls { get; }

    /// <summary>Empty, or a path that begins with a slash and does not end with one.</summary>
    public string PathPrefix { get; }

    /// <summary>True for this machine itself, which is always reached directly.</summary>
    public bool IsLoopback => Endpoint.Host == "localhost" || (Endpoint.Address is { } address && IPAddress.IsLoopback(address));

    /// <summary>The Host header: without the port when it is the scheme's own (RFC 9110 §7.2).</summary>
    public string HostHeader => Endpoint.Port == (IsTls ? 443 : 80) ? Endpoint.UriHost : Endpoint.ToString();

    /// <summary>The URL as an operator wrote it, more or less.</summary>
    public override string ToString() => $"{(IsTls ? "https" : "http")}://{HostHeader}{PathPrefix}";

    /// <summary>Reads a gateway's URL.</summary>
    /// <param name="text">http or https, with an optional path; trailing slashes do not matter.</param>
    /// <param name="address">The checked address.</param>
    /// <param name="problem">What was expected. It shows the input only where that cannot be a secret.</param>
    public static bool TryParse(string text, [NotNullWhen(true)] out GatewayAddress? address, [NotNullWhen(false)] out string? problem)
    {
        address = null;
        problem = null;
        if (!Uri.TryCreate(text.Trim(), UriKind.Absolute, out var uri) || uri.Scheme is not ("http" or "https"))
            problem = "expected the gateway's address as http://host[:port][/path] or https://host[:port][/path]";
        else if (uri.UserInfo.Length > 0)
            problem = "expected the gateway's address without a user name or password; the session token is what authenticates";
        else if (uri.Query.Length > 0 || uri.Fragment.Length > 0)
            problem = "expected the gateway's address without '?' and '#'";
        if (problem is not null) return false;

        if (!HostPort.TryCreate(uri!.IdnHost.Trim('[', ']'), uri.Port, out var endpoint, out problem)) return false;
        address = new GatewayAddress(endpoint, uri.Scheme == "https", uri.AbsolutePath.TrimEnd('/'));
        return true;
    }
}
