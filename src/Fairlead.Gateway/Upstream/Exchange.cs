using System.Diagnostics;

namespace Fairlead.Gateway.Upstream;

/// <summary>What is measured of one request while it is forwarded.</summary>
internal sealed class Exchange
{
    private readonly long _began = Stopwatch.GetTimestamp();

    /// <summary>Until the request was handed to the upstream client.</summary>
    public TimeSpan Queue { get; private set; }

    /// <summary>Name, connection and TLS of a connection made for this request; zero when one was there.</summary>
    public TimeSpan Dial { get; private set; }

    /// <summary>Until the head of the answer came; null when none did.</summary>
    public TimeSpan? FirstByte { get; private set; }

    public TimeSpan Total => Stopwatch.GetElapsedTime(_began);

    /// <summary>Body bytes from the workload.</summary>
    public long BytesIn { get; set; }

    /// <summary>Body bytes to the workload.</summary>
    public long BytesOut { get; set; }

    /// <summary>The credentials of which a secret was in the answer, and was taken out.</summary>
    public ICollection<string> Redacted { get; } = [];

    public void Sent() => Queue = Total;

    public void Dialled(TimeSpan duration) => Dial = duration;

    public void Answered() => FirstByte = Total;
}
