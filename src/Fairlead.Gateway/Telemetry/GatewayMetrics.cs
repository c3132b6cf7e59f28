using System.Diagnostics.Metrics;
using Fairlead.Gateway.Audit;
using Fairlead.Gateway.Policy;

namespace Fairlead.Gateway.Telemetry;

/// <summary>
/// What is counted and timed. No label has a value that a workload chose: sessions, hosts and paths are the audit's, and would be a series each.
/// Seconds and bytes, as Prometheus and OpenTelemetry have them.
/// </summary>
internal sealed class GatewayMetrics : IDisposable
{
    private static readonly double[] DurationBounds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300];

    private readonly Meter _meter = new("Fairlead.Gateway");
    private readonly PrometheusText _text;
    private readonly Counter<long> _webSockets;
    private readonly Counter<long> _tunnels;
    private readonly Counter<long> _tunnelBytes;
    private readonly Counter<long> _requests;
    private readonly Counter<long> _requestBytes;
    private readonly Histogram<double> _durations;
    private readonly Counter<long> _credentialUses;
    private readonly Counter<long> _credentialFailures;
    private readonly Counter<long> _redactions;

    public GatewayMetrics()
    {
        _text = new PrometheusText(_meter);
        _webSockets = _meter.CreateCounter<long>("fairlead_websockets_total", description: "WebSockets that relays opened; one carries tunnels one after another.");
        _tunnels = _meter.CreateCounter<long>("fairlead_tunnels_total", description: "Tunnels that ended, by outcome.");
        _tunnelBytes = _meter.CreateCounter<long>("fairlead_tunnel_bytes_total", description: "Bytes in tunnels that ended: in from workloads, out to them.");
        _requests = _meter.CreateCounter<long>("fairlead_requests_total", description: "Requests that ended, by decision of the policy, status of the answer and outcome.");
        _requestBytes = _meter.CreateCounter<long>("fairlead_request_body_bytes_total", description: "Bytes in bodies of requests that ended: in from workloads, out to them.");
        _durations = _meter.CreateHistogram("fairlead_request_duration_seconds", description: "Requests that were forwarded: queue until it was handed to the upstream's client, dial of a connection where one was made, first_byte until the head of the answer, total. Each counted from the beginning but dial.", advice: new InstrumentAdvice<double> { HistogramBucketBoundaries = DurationBounds });
        _credentialUses = _meter.CreateCounter<long>("fairlead_credential_uses_total", description: "Requests that a credential was put into.");
        _credentialFailures = _meter.CreateCounter<long>("fairlead_credential_failures_total", description: "Requests that were not sent for the sake of a credential.");
        _redactions = _meter.CreateCounter<long>("fairlead_redactions_total", description: "Answers in which a secret of a credential was, and was taken out.");
    }

    /// <summary>Adds a value that is asked for when the metrics are.</summary>
    public void Gauge(string name, string help, Func<double> value) => _ = _meter.CreateObservableGauge(name, value, description: help);

    /// <summary>Adds values with a label each.</summary>
    public void Gauge(string name, string help, string label, Func<IEnumerable<(string Value, double Number)>> values) =>
        _ = _meter.CreateObservableGauge(name, () => values().Select(v => new Measurement<double>(v.Number, new KeyValuePair<string, object?>(label, v.Value))), description: help);

    /// <summary>Adds a number that only grows.</summary>
    public void Counter(string name, string help, Func<double> value) => _ = _meter.CreateObservableCounter(name, value, description: help);

    public void CountWebSocket() => _webSockets.Add(1);

    public void Count(TunnelRecord record)
    {
        _tunnels.Add(1, Label("outcome", record.Outcome.Name));
        _tunnelBytes.Add(record.BytesIn, Label("direction", "in"));
        _tunnelBytes.Add(record.BytesOut, Label("direction", "out"));
    }

    public void Count(RequestRecord record)
    {
        _requests.Add(1, Label("decision", NameOf(record.Decision)), Label("status", record.Status is { } status ? ClassOf(status) : "none"), Label("outcome", record.Outcome.Name));
        _requestBytes.Add(record.BytesIn, Label("direction", "in"));
        _requestBytes.Add(record.BytesOut, Label("direction", "out"));
        foreach (var credential in record.Credentials) _credentialUses.Add(1, Label("credential", credential));
        foreach (var credential in record.Redacted) _redactions.Add(1, Label("credential", credential));
        if (record.Queue == TimeSpan.Zero) return;
        _durations.Record(record.Queue.TotalSeconds, Label("phase", "queue"));
        if (record.Dial > TimeSpan.Zero) _durations.Record(record.Dial.TotalSeconds, Label("phase", "dial"));
        if (record.FirstByte is { } firstByte) _durations.Record(firstByte.TotalSeconds, Label("phase", "first_byte"));
        _durations.Record(record.Total.TotalSeconds, Label("phase", "total"));
    }

    /// <param name="credential">Its name.</param>
    /// <param name="outcome">What became of the request.</param>
    public void CountFailure(string credential, Outcome outcome) => _credentialFailures.Add(1, Label("credential", credential), Label("outcome", outcome.Name));

    /// <summary>All as Prometheus reads it (text format 0.0.4).</summary>
    public string Render() => _text.Render();

    public void Dispose()
    {
        _text.Dispose();
        _meter.Dispose();
    }

    private static KeyValuePair<string, object?> Label(string name, string value) => new(name, value);

    public static string NameOf(Decision? decision) => decision is null ? "none" : decision.Verdict == Verdict.Allow ? "allow" : decision.IsEnforced ? "deny" : "observe";

    // An upstream may answer with any number of three digits.
    private static string ClassOf(int status) => (status / 100) switch { 1 => "1xx", 2 => "2xx", 3 => "3xx", 4 => "4xx", 5 => "5xx", _ => "other" };
}
