using System.Text;
using Fairlead.Gateway.Credentials;
using Fairlead.Gateway.Telemetry;
using Fairlead.Tests.Gateway.Credentials;
using Fairlead.Tests.Gateway.Telemetry.Otlp;
using Microsoft.AspNetCore.Http;

namespace Fairlead.Tests.Gateway.Telemetry;

/// <summary>Spans, as a collector that speaks OTLP over HTTPS gets them.</summary>
public sealed class TraceTests : IAsyncLifetime
{
    private const string Trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    private const string Parent = "00f067aa0ba902b7";

    private readonly OriginCa _ca = new();
    private Origin _origin = null!;
    private Origin _collector = null!;
    private int _status = 200;

    public async ValueTask InitializeAsync()
    {
        _origin = await Origin.StartAsync(_ca);
        _collector = await Origin.StartAsync(_ca, context =>
        {
            context.Response.StatusCode = _status;
            return Task.CompletedTask;
        });
    }

    public async ValueTask DisposeAsync()
    {
        await _origin.DisposeAsync();
        await _collector.DisposeAsync();
        _ca.Dispose();
    }

    [Fact]
    public async Task A_request_is_a_span_below_the_workloads_and_traceparent_passes_unchanged()
    {
        await using var edge = await StartAsync();
        var workload = await Workload.OpenAsync(edge);

        // The flag 00 asks for no sampling: it is the workload's, and does not decide.
        await workload.GetAsync("/orders?token=FAKE-query", $"traceparent: 00-{Trace}-{Parent}-00\r\ntracestate: vendor=1\r\n");
        await workload.GetAsync("/denied");
        await workload.CloseAsync();
        var audit = await edge.StopAsync();

        var seen = Assert.Single(_origin.Requests);
        Assert.Equal(($"00-{Trace}-{Parent}-00", "vendor=1"), (seen.Headers["traceparent"], seen.Headers["tracestate"]));
        Assert.All(_collector.Requests, r => Assert.Equal(("POST", "/v1/traces", "Key FAKE-collector-key"), (r.Method, r.Target, r.Headers["X-Collector"])));
        var (resource, spans) = Spans();
        Assert.Equal("fairlead-gateway", resource["service.name"]);
        Assert.Equal(2, spans.Count);
        var served = Assert.Single(spans, s => Of(s, "url.path") == "/orders");
        Assert.Equal((Trace, Parent), (Convert.ToHexStringLower(served.TraceId.Span), Convert.ToHexStringLower(served.ParentSpanId.Span)));
        Assert.Equal(("GET", 2, 0), (served.Name, served.Kind, served.Status?.Code ?? 0));
        Assert.Equal((Edge.Host, "200", "1.1", "s1", "allow", "completed", "key"), (Of(served, "server.address"), Of(served, "http.response.status_code"), Of(served, "network.protocol.version"), Of(served, "fairlead.session"), Of(served, "fairlead.decision"), Of(served, "fairlead.outcome"), Of(served, "fairlead.credentials")));
        Assert.Equal(audit.First(r => r.GetProperty("type").GetString() == "request").GetProperty("request").GetString(), Of(served, "fairlead.request"));
        Assert.Equal(["fairlead.sent", "fairlead.dialled", "fairlead.answered"], served.Events.Select(e => e.Name));
        Assert.All(served.Events, e => Assert.InRange(e.TimeUnixNano, served.StartTimeUnixNano, served.EndTimeUnixNano));
        var denied = Assert.Single(spans, s => Of(s, "url.path") == "/denied");
        Assert.Equal(("deny", "denied", 0), (Of(denied, "fairlead.decision"), Of(denied, "fairlead.outcome"), denied.ParentSpanId.Length));
        Assert.All(_collector.Requests, r => Assert.DoesNotContain("FAKE-", r.Body, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("garbage")]
    [InlineData("00-00000000000000000000000000000000-00f067aa0ba902b7-01")]
    [InlineData("00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01")]
    public async Task A_traceparent_that_is_none_begins_a_trace_of_its_own(string traceparent)
    {
        await using var edge = await StartAsync();
        var workload = await Workload.OpenAsync(edge);

        await workload.GetAsync("/", $"traceparent: {traceparent}\r\n");
        await workload.CloseAsync();
        await edge.StopAsync();

        Assert.Equal(traceparent, Assert.Single(_origin.Requests).Headers["traceparent"]);
        Assert.Equal(0, Assert.Single(Spans().Spans).ParentSpanId.Length);
    }

    [Fact]
    public async Task A_collector_that_is_away_costs_spans_and_nothing_else()
    {
        _status = 500;
        await using var edge = await StartAsync();
        var workload = await Workload.OpenAsync(edge);

        var reply = await workload.GetAsync();
        await workload.CloseAsync();
        await edge.StopAsync();

        Assert.Equal(200, reply.Status);
        Assert.NotEmpty(_collector.Requests);
    }

    [Fact]
    public async Task Without_a_sample_there_is_no_span()
    {
        await using var edge = await StartAsync(sample: 0);
        var workload = await Workload.OpenAsync(edge);

        await workload.GetAsync("/", $"traceparent: 00-{Trace}-{Parent}-01\r\n");
        await workload.CloseAsync();
        await edge.StopAsync();

        Assert.Empty(_collector.Requests);
    }

    private Task<Edge> StartAsync(double sample = 1)
    {
        Assert.Null(InjectedHeader.TryCreate("X-Collector", "Key {key}", new Dictionary<string, ISecret> { ["key"] = Given.Secret("key", "FAKE-collector-key") }, out var header));
        var collector = new CollectorOptions(new Uri($"https://localhost:{_collector.EndPoint.Port}/v1/traces")) { Headers = [header!], Sample = sample, Roots = [_ca.Root] };
        var session = Edge.SessionOf("s1", Edge.Token, ["deny * **/denied", "allow * **"], [Edge.CredentialOf("key", "X-Key", "FAKE-injected")]);
        return Edge.StartAsync(new Dictionary<string, System.Net.IPEndPoint> { [Edge.Host] = _origin.EndPoint }, _ca, [session], traces: collector);
    }

    private (Dictionary<string, string> Resource, List<Span> Spans) Spans()
    {
        var all = _collector.Requests.Select(r => TraceRequest.Parser.ParseFrom(Encoding.Latin1.GetBytes(r.Body))).SelectMany(r => r.ResourceSpans).ToList();
        return (all[0].Resource.Attributes.ToDictionary(a => a.Key, a => Text(a.Value)), [.. all.SelectMany(r => r.ScopeSpans).SelectMany(s => s.Spans)]);
    }

    private static string Of(Span span, string name) => span.Attributes.FirstOrDefault(a => a.Key == name) is { } found ? Text(found.Value) : "";

    private static string Text(AnyValue value) => value.ValueCase switch
    {
        AnyValue.ValueOneofCase.IntValue => value.IntValue.ToString(System.Globalization.CultureInfo.InvariantCulture),
        AnyValue.ValueOneofCase.ArrayValue => string.Join(',', value.ArrayValue.Values.Select(Text)),
        _ => value.StringValue,
    };
}
