using System.Net;

namespace Fairlead.Gateway.Tunnels;

/// <summary>The address the inner server listens on. It is no network address: nothing but an authenticated tunnel arrives there.</summary>
internal sealed class TunnelEndPoint : EndPoint
{
    public static TunnelEndPoint Instance { get; } = new();

    public override string ToString() => "tunnels";
}
