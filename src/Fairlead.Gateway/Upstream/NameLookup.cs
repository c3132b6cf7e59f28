using System.Diagnostics.CodeAnalysis;
using System.Net;

namespace Fairlead.Gateway.Upstream;

/// <summary>
/// Asks the machine's resolver, which blocks a thread until it answers or loses patience, ten seconds say. .NET would take one of the pool that carries
/// everything else, so that a few slow name servers stop the gateway: here each lookup has a thread of its own, and there are so many at once and no more.
/// </summary>
[SuppressMessage("Design", "CA1001", Justification = "A semaphore whose wait handle nobody asks for holds nothing, and lookups release it when nobody listens any more.")]
internal sealed class NameLookup
{
    /// <summary>Lookups at once: 64. Others wait, within their own limit.</summary>
    public const int MaxAtOnce = 64;

    private readonly SemaphoreSlim _free = new(MaxAtOnce);

    /// <param name="name">A name, with a dot behind it to keep the search list out.</param>
    /// <param name="cancellationToken">Ends the wait; a lookup that has begun goes on unheard until the resolver ends it.</param>
    /// <exception cref="System.Net.Sockets.SocketException">There is no such name, or no answer.</exception>
    public async Task<IPAddress[]> ResolveAsync(string name, CancellationToken cancellationToken)
    {
        await _free.WaitAsync(cancellationToken);
        return await Task.Factory.StartNew(Lookup, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default).WaitAsync(cancellationToken);

        IPAddress[] Lookup()
        {
            try
            {
                return Dns.GetHostAddresses(name);
            }
            finally
            {
                _free.Release();
            }
        }
    }
}
