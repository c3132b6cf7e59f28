using System.Net;
using System.Net.NetworkInformation;

namespace Fairlead.Gateway.Upstream;

/// <summary>
/// The addresses of the gateway's own machine. A public one is let through by <see cref="AddressGuard"/>, and behind it are the gateway's listeners and whatever
/// else the operator runs there.
/// </summary>
internal sealed class OwnAddresses(TimeProvider time)
{
    // Asking the kernel costs about as much as a dial on a local network.
    private static readonly TimeSpan Freshness = TimeSpan.FromSeconds(10);

    private HashSet<IPAddress> _known = [];
    private long _asked = long.MinValue;

    public bool Contains(IPAddress address)
    {
        var now = time.GetTimestamp();
        if (_asked == long.MinValue || time.GetElapsedTime(_asked, now) > Freshness)
        {
            _known = [.. NetworkInterface.GetAllNetworkInterfaces().SelectMany(i => i.GetIPProperties().UnicastAddresses).Select(a => a.Address)];
            _asked = now;
        }

        return _known.Contains(address);
    }
}
