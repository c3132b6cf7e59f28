using System.Net;

namespace Fairlead.EndToEnd.Harness;

/// <summary>What a name server says about a name.</summary>
/// <param name="Addresses">Of both families; each question gets those of its own.</param>
internal sealed record DnsAnswer(params IReadOnlyList<IPAddress> Addresses)
{
    /// <summary>RFC 1035 §4.1.1: 0 no error, 2 server failure, 3 no such name.</summary>
    public int Code { get; init; }

    /// <summary>The name that it is an alias of, or null; the addresses are that name's.</summary>
    public string? Alias { get; init; }

    /// <summary>How long it takes to say it.</summary>
    public TimeSpan Delay { get; init; }

    public static DnsAnswer Of(params string[] addresses) => new([.. addresses.Select(IPAddress.Parse)]);
}
