using System.Net;
using Fairlead.Gateway.Credentials;
using Fairlead.Gateway.Policy;
using Fairlead.Gateway.Upstream;

namespace Fairlead.Gateway.Configuration;

/// <summary><c>allow_addresses</c> and <c>tls</c> of a policy: what its sessions reach beyond the rest, and what is not looked into there.</summary>
internal static class ReachSection
{
    public static AddressExceptions ReadAddresses(ConfigNode node)
    {
        var networks = new List<IPNetwork>();
        foreach (var item in node.Items())
        {
            var text = item.Text();
            if (text.Length == 0) continue;
            if (!AddressExceptions.TryParse(text, out var network, out var problem)) item.Fail(problem);
            else if (AddressGuard.WhyUseless(network) is { } useless) item.Fail($"'{text}' {useless}");
            else networks.Add(network);
        }

        return new AddressExceptions(networks);
    }

    public static IReadOnlyList<HostPattern> ReadPassthrough(ConfigNode node, ConfigContext context)
    {
        var list = node.Closed("passthrough").Required("passthrough");
        var hosts = PoliciesSection.ReadHosts(list, "name the hosts; '**' would leave nothing to look into");
        if (hosts.Count > 0)
            context.Warnings.Add($"{list.Path}: where a policy allows everything of these hosts, their TLS is not opened: rules about paths and credentials do not work there, and requests are not recorded, tunnels only");
        return hosts;
    }

    /// <summary>A credential that is bound to where nothing can be added would never be used, or, worse, the host would not be passed through after all.</summary>
    public static void FailOnPassthrough(IEnumerable<(ConfigNode Node, Credential Credential)> granted, PolicyDefinition? policy)
    {
        foreach (var (node, credential) in granted)
        {
            if (policy?.Passthrough.FirstOrDefault(h => credential.Hosts.Any(h.Overlaps)) is { } host)
                node.Fail($"'{credential.Name}' is bound to a host that policy '{policy.Name}' passes through ({host.Text}): nothing can be added inside TLS that is not opened. Take the host out of tls.passthrough, or the credential from the session");
        }
    }
}
