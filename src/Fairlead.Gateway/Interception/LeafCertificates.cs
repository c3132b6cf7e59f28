using System.Net.Security;
using Fairlead.Wire;

namespace Fairlead.Gateway.Interception;

/// <summary>
/// The leaf for a tunnel. Hosts that the session's policy could allow have a place of their own; those that it never allows get a leaf as well, so that
/// the refusal can be read inside, but neither take the others' places nor as many as they like.
/// </summary>
internal sealed class LeafCertificates(CertificateAuthorities authorities, TimeProvider time, ILogger logger)
{
    /// <summary>Hosts that policy could allow whose leaf is kept: 4,096.</summary>
    public const int Capacity = 4096;

    /// <summary>Other hosts whose leaf is kept: 256.</summary>
    public const int CapacityForRefused = 256;

    /// <summary>Leaves that a session gets at once for hosts that policy could allow: 500. Under a policy for every host, nothing else would bound them.</summary>
    public const int AtOnce = 500;

    /// <summary>The same, a second on average: 50.</summary>
    public const int PerSecond = 50;

    /// <summary>Leaves that a session gets at once for other hosts: 50.</summary>
    public const int AtOnceForRefused = 50;

    /// <summary>The same, a second on average: 10.</summary>
    public const int PerSecondForRefused = 10;

    private readonly LeafCache _leaves = new(Capacity, time);
    private readonly LeafCache _forRefused = new(CapacityForRefused, time);
    private readonly MintingLimit _limit = new(AtOnce, PerSecond, time);
    private readonly MintingLimit _limitForRefused = new(AtOnceForRefused, PerSecondForRefused, time);

    /// <summary>How many are kept.</summary>
    public int Count => _leaves.Count + _forRefused.Count;

    /// <summary>The leaf of a host.</summary>
    /// <param name="destination">The host.</param>
    /// <param name="session">Whose tunnel it is.</param>
    /// <param name="couldBeAllowed">False when the session's policy allows nothing there.</param>
    /// <exception cref="LeafRefusedException">There is none.</exception>
    public async Task<SslStreamCertificateContext> ForAsync(HostPort destination, string session, bool couldBeAllowed)
    {
        try
        {
            return await FindAsync(authorities.For(session), destination, session, couldBeAllowed);
        }
        catch (SigningException e)
        {
            logger.NotSigned(destination.Host, e.Message);
            throw new LeafRefusedException("the gateway's CA could not sign for this host.", "Try again; if it lasts, tell the operator of the gateway.", $"the signer {e.Message}");
        }
    }

    private async Task<SslStreamCertificateContext> FindAsync(CertificateAuthority authority, HostPort destination, string session, bool couldBeAllowed)
    {
        if (!authority.MaySignFor(destination.Host, destination.Address))
            throw new LeafRefusedException($"the gateway's CA may not sign for {destination.Host}.", "If the host is needed, ask the operator of the gateway for it in ca.permitted_names.");
        var found = couldBeAllowed
            ? await _leaves.GetAsync(authority, destination.Host, () => _limit.TryTake(session), Issue)
            : await _forRefused.GetAsync(authority, destination.Host, () => _limitForRefused.TryTake(session), Issue);
        return found ?? throw (couldBeAllowed
            ? new LeafRefusedException($"the session asks for too many different hosts: more than {_limit.Shown}.", "Ask for fewer at once; it goes on by itself.")
            : new LeafRefusedException(
                $"the session asks for too many hosts that its policy never allows: more than {_limitForRefused.Shown}.", "Ask the owner of the policy for the hosts that are needed."));

        async Task<SslStreamCertificateContext> Issue(SigningRoot root) =>
            SslStreamCertificateContext.Create(await authority.IssueAsync(root, destination.Host, destination.Address), additionalCertificates: null, offline: true);
    }
}
