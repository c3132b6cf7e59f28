using System.Diagnostics;
using Fairlead.Gateway.Audit;
using OpenTelemetry;
using OpenTelemetry.Exporter;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;

namespace Fairlead.Gateway.Telemetry;

/// <summary>
/// One OpenTelemetry span for each request, as a child of the span that the workload's <c>traceparent</c> names (W3C Trace Context). The header itself passes unchanged, as
/// every header does. Whether a span is made is by its trace id alone: the flag of a workload does not decide how much the collector gets.
/// Spans are not the audit: when the collector is away, they are dropped, and counted.
/// </summary>
internal sealed class Traces : IDisposable
{
    private const string Name = "Fairlead.Gateway";
    private const int MostQueued = 2048;

    // OpenTelemetry's HTTP conventions: a span is named by a method that is known, else HTTP.
    private static readonly HashSet<string> Methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "CONNECT"];

    private readonly ActivitySource _source = new(Name);
    private readonly TracerProvider _provider;
    private readonly CollectorHandler _collector;

    /// <param name="options">Where they go.</param>
    /// <param name="version">Of the gateway.</param>
    /// <param name="failed">Is told once when the collector cannot be reached, with the reason, and once, with null, when it can again.</param>
    public Traces(CollectorOptions options, string version, Action<string?> failed)
    {
        _collector = new CollectorHandler(options, failed);
        // Everything that the environment could set otherwise is set here.
        var exporter = new OtlpTraceExporter(new OtlpExporterOptions
        {
            Endpoint = options.Endpoint,
            Protocol = OtlpExportProtocol.HttpProtobuf,
            Headers = "",
            TimeoutMilliseconds = (int)CollectorHandler.Limit.TotalMilliseconds,
            HttpClientFactory = () => new HttpClient(_collector, disposeHandler: false) { Timeout = CollectorHandler.Limit },
        });
        _provider = Sdk.CreateTracerProviderBuilder()
            .AddSource(Name)
            .SetSampler(new TraceIdRatioBasedSampler(options.Sample))
            .SetResourceBuilder(ResourceBuilder.CreateEmpty().AddService("fairlead-gateway", serviceVersion: version, serviceInstanceId: Environment.MachineName))
            .AddProcessor(new BatchActivityExportProcessor(exporter, MostQueued, scheduledDelayMilliseconds: 2000, exporterTimeoutMilliseconds: (int)CollectorHandler.Limit.TotalMilliseconds))
            .Build();
    }

    /// <summary>How often the collector did not take what it was sent.</summary>
    public long Failures => _collector.Failures;

    /// <summary>Begins the span of a request; null for one that is not sampled.</summary>
    public Activity? Begin(HttpRequest request)
    {
        // Not of whatever the server has begun: of the workload's.
        Activity.Current = null;
        // W3C Trace Context §3.3.1.5: 512 characters of tracestate are to be carried; a longer one is not put into spans.
        var state = request.Headers.TraceState.ToString();
        _ = ActivityContext.TryParse(request.Headers.TraceParent, state.Length is > 0 and <= 512 ? state : null, isRemote: true, out var parent);
        return _source.StartActivity(Methods.Contains(request.Method) ? request.Method : "HTTP", ActivityKind.Server, parent);
    }

    /// <summary>Ends the span of a request with what its record says: the attributes of OpenTelemetry's HTTP conventions, and ours. Paths are without the query, as in the audit.</summary>
    public static void End(Activity? span, RequestRecord record)
    {
        if (span is null) return;
        span.SetTag("http.request.method", record.Method);
        span.SetTag("url.scheme", "https");
        span.SetTag("url.path", record.Path);
        span.SetTag("server.address", record.Host);
        span.SetTag("server.port", record.Port);
        span.SetTag("network.protocol.version", record.Protocol == "h2" ? "2" : record.Protocol.Replace("http/", "", StringComparison.Ordinal));
        if (record.Status is { } status) span.SetTag("http.response.status_code", status);
        span.SetTag("fairlead.request", record.Request);
        span.SetTag("fairlead.session", record.Session);
        span.SetTag("fairlead.policy", record.Policy);
        span.SetTag("fairlead.decision", GatewayMetrics.NameOf(record.Decision));
        if (record.Decision?.Rule is { } rule) span.SetTag("fairlead.rule", rule);
        if (record.Credentials.Count > 0) span.SetTag("fairlead.credentials", record.Credentials.ToArray());
        span.SetTag("fairlead.outcome", record.Outcome.Name);
        // All times by one clock, the record's. A connection may be ready when another one has answered already.
        var total = record.Total;
        span.SetEndTime(span.StartTimeUtc + total);
        if (record.Queue > TimeSpan.Zero) span.AddEvent(At(span, "fairlead.sent", record.Queue, total));
        if (record.Dial > TimeSpan.Zero) span.AddEvent(At(span, "fairlead.dialled", record.Queue + record.Dial, total));
        if (record.FirstByte is { } firstByte) span.AddEvent(At(span, "fairlead.answered", firstByte, total));
        // What went wrong is the gateway's to tell; an upstream's 500 is in the status.
        if (record.Outcome is not (Outcome.Completed or Outcome.Upgraded or Outcome.SelfTest or Outcome.Denied or Outcome.ClientAborted)) span.SetStatus(ActivityStatusCode.Error, record.Outcome.Name);
        span.Dispose();
    }

    private static ActivityEvent At(Activity span, string name, TimeSpan after, TimeSpan total) => new(name, span.StartTimeUtc + (after < total ? after : total));

    public void Dispose()
    {
        _provider.Dispose();
        _source.Dispose();
        _collector.Dispose();
    }
}
