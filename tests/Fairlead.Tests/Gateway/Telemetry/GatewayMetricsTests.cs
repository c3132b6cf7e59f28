using Fairlead.Gateway;
using Fairlead.Gateway.Audit;
using Fairlead.Gateway.Policy;
using Fairlead.Gateway.Telemetry;

namespace Fairlead.Tests.Gateway.Telemetry;

public sealed class GatewayMetricsTests
{
    [Fact]
    public void Requests_are_counted_by_decision_status_and_outcome_and_timed_by_phase()
    {
        using var metrics = new GatewayMetrics();
        metrics.Count(Request(200, Outcome.Completed, 3) with { Credentials = ["github"], BytesIn = 5, BytesOut = 7 });
        metrics.Count(Request(204, Outcome.Completed, 40));
        metrics.Count(Request(null, Outcome.ClientAborted, 0));
        metrics.Count(Request(999, Outcome.Completed, 0));
        metrics.CountFailure("github", Outcome.CredentialUnavailable);
        metrics.Count(new TunnelRecord { Time = DateTimeOffset.UnixEpoch, Tunnel = "t", Outcome = Outcome.TlsFailed, BytesIn = 10, BytesOut = 20 });

        var text = metrics.Render();

        foreach (var line in (string[])[
            "# TYPE fairlead_requests_total counter",
            "fairlead_requests_total{decision=\"none\",status=\"2xx\",outcome=\"completed\"} 2",
            "fairlead_requests_total{decision=\"none\",status=\"none\",outcome=\"client_aborted\"} 1",
            "fairlead_requests_total{decision=\"none\",status=\"other\",outcome=\"completed\"} 1",
            "fairlead_request_body_bytes_total{direction=\"in\"} 5",
            "fairlead_credential_uses_total{credential=\"github\"} 1",
            "fairlead_credential_failures_total{credential=\"github\",outcome=\"credential_unavailable\"} 1",
            "fairlead_tunnels_total{outcome=\"tls_failed\"} 1",
            "fairlead_tunnel_bytes_total{direction=\"out\"} 20",
            "# TYPE fairlead_request_duration_seconds histogram",
            "fairlead_request_duration_seconds_bucket{phase=\"total\",le=\"0.0025\"} 0",
            "fairlead_request_duration_seconds_bucket{phase=\"total\",le=\"0.005\"} 1",
            "fairlead_request_duration_seconds_bucket{phase=\"total\",le=\"0.05\"} 2",
            "fairlead_request_duration_seconds_bucket{phase=\"total\",le=\"+Inf\"} 2",
            "fairlead_request_duration_seconds_count{phase=\"total\"} 2",
        ]) Assert.Contains(line + "\n", text, StringComparison.Ordinal);
        Assert.DoesNotContain("phase=\"dial\"", text, StringComparison.Ordinal);
    }

    [Fact]
    public void A_gauge_is_what_it_is_now_and_a_series_that_is_gone_is_gone()
    {
        using var metrics = new GatewayMetrics();
        var values = new List<(string, double)> { ("a", 1), ("b\"\\\n", 0.5) };
        metrics.Gauge("fairlead_test", "Help.", "name", () => values);

        Assert.Contains("# HELP fairlead_test Help.\n# TYPE fairlead_test gauge\nfairlead_test{name=\"a\"} 1\nfairlead_test{name=\"b\\\"\\\\ \"} 0.5\n", metrics.Render(), StringComparison.Ordinal);
        values.RemoveAt(0);
        Assert.DoesNotContain("name=\"a\"", metrics.Render(), StringComparison.Ordinal);
    }

    [Fact]
    public void A_name_that_is_too_long_is_cut_and_breaks_nothing()
    {
        using var metrics = new GatewayMetrics();
        metrics.CountFailure(new string('"', 2000), Outcome.CredentialConflict);

        Assert.Contains(",outcome=\"credential_conflict\"} 1\n", metrics.Render(), StringComparison.Ordinal);
    }

    [Fact]
    public void Counting_a_request_of_a_known_series_allocates_nothing_for_the_series()
    {
        using var metrics = new GatewayMetrics();
        var record = Request(200, Outcome.Completed, 3);
        for (var i = 0; i < 1000; i++) metrics.Count(record);

        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 1000; i++) metrics.Count(record);

        Assert.InRange((GC.GetAllocatedBytesForCurrentThread() - before) / 1000, 0, 64);
    }

    [Fact]
    public void A_sink_that_is_down_is_seen_before_requests_wait_for_it()
    {
        var time = new FakeTimeProvider();
        using var metrics = new GatewayMetrics();
        using SinkProgress well = new("well", null, time), down = new("down", TimeSpan.FromMinutes(5), time);
        GatewayGauges.AddSinks(metrics, [well, down]);
        foreach (var sink in (SinkProgress[])[well, down]) sink.MayHave(12);
        well.Has(12);
        down.Fails("no answer");
        time.Advance(TimeSpan.FromMinutes(4));

        var text = metrics.Render();

        foreach (var line in (string[])[
            "fairlead_audit_sink_available{sink=\"down\"} 0", "fairlead_audit_sink_available{sink=\"well\"} 1",
            "fairlead_audit_sink_lag{sink=\"down\"} 12", "fairlead_audit_sink_lag{sink=\"well\"} 0",
            "fairlead_audit_sink_behind_seconds{sink=\"down\"} 240", "fairlead_audit_sink_behind_seconds{sink=\"well\"} 0",
            "fairlead_audit_sink_overdue{sink=\"down\"} 0",
        ]) Assert.Contains(line + "\n", text, StringComparison.Ordinal);
        time.Advance(TimeSpan.FromMinutes(2));
        Assert.Contains("fairlead_audit_sink_overdue{sink=\"down\"} 1\n", metrics.Render(), StringComparison.Ordinal);
    }

    private static RequestRecord Request(int? status, Outcome outcome, double milliseconds) => new()
    {
        Time = DateTimeOffset.UnixEpoch,
        Request = "r",
        Tunnel = "t",
        Session = "s",
        Protocol = "h2",
        Method = "GET",
        Host = "h",
        Port = 443,
        Path = "/",
        Policy = "p",
        PolicyHash = "x",
        Status = status,
        Outcome = outcome,
        Queue = TimeSpan.FromMilliseconds(milliseconds / 10),
        Total = TimeSpan.FromMilliseconds(milliseconds),
    };
}
