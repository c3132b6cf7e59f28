using System.Diagnostics;
using Fairlead.Gateway.Audit;
using Fairlead.Gateway.Configuration;
using Fairlead.Gateway.Interception;
using Fairlead.Gateway.Sessions;
using Fairlead.Gateway.Telemetry;

namespace Fairlead.Gateway;

/// <summary>What the rooms know of themselves, as metrics: asked for when the metrics are.</summary>
internal static class GatewayGauges
{
    /// <param name="metrics">Where they are added.</param>
    /// <param name="health">The configuration.</param>
    /// <param name="audit">The audit.</param>
    /// <param name="sessions">Who is connected.</param>
    /// <param name="authorities">The CA.</param>
    /// <param name="traces">The spans, or null.</param>
    /// <param name="inForce">The configuration that is in force now.</param>
    public static void AddTo(GatewayMetrics metrics, GatewayHealth health, AuditLog audit, SessionRegistry sessions, CertificateAuthorities authorities, Traces? traces, Func<GatewayOptions> inForce)
    {
        metrics.Gauge("fairlead_build_info", "1, with the version.", "version", () => [(GatewayApp.Version, 1)]);
        metrics.Counter("fairlead_config_generation", "Configurations that were put into force.", () => health.Generation);
        metrics.Counter("fairlead_config_refused_total", "Changed configurations that did not load.", () => health.Refusals);
        metrics.Gauge("fairlead_config_current", "1 while what is in force is what the file says.", () => health.Refusal is null ? 1 : 0);
        metrics.Gauge("fairlead_audit_writable", "1 while records can be written.", () => audit.IsWritable ? 1 : 0);
        metrics.Gauge("fairlead_audit_queued", $"Records that wait for the disk; at {AuditLog.MostQueued} requests wait, too.", () => audit.Queued);
        metrics.Counter("fairlead_audit_lost_total", "Records that could not be written.", () => audit.Lost);
        AddSinks(metrics, audit.Sinks);
        metrics.Gauge("fairlead_sessions", "Sessions that are alive.", () => sessions.Alive.DistinctBy(l => l.Current.Id).Count());
        metrics.Gauge("fairlead_tunnels_open", "Tunnels that are open.", () => sessions.Alive.Select(l => l.RootUsage).Distinct().Sum(u => u.Tunnels));
        metrics.Gauge("fairlead_websockets_parked", "WebSockets that wait for a tunnel to be asked for.", () => sessions.Alive.Select(l => l.RootUsage).Distinct().Sum(u => u.Parked));
        metrics.Gauge("fairlead_issuer_keys_available", "1 while an issuer's keys are there.", "issuer", () => sessions.Issuers.Select(i => (i.Name, i.Keys.Problem is null ? 1.0 : 0)));
        metrics.Gauge("fairlead_secret_available", "1 while the last fetch of a secret or token did not fail.", "secret", () => inForce().FetchedSecrets.DistinctBy(s => s.Name).Select(s => (s.Name, s.Problem is null ? 1.0 : 0)));
        metrics.Gauge("fairlead_ca_not_after_timestamp_seconds", "When the CA that signs now expires; none where each session has its own.", "fingerprint", () => authorities.Signing is { } root ? [(root.Fingerprint, root.NotAfter.ToUnixTimeSeconds())] : []);
        if (traces is not null) metrics.Counter("fairlead_traces_failed_total", "Times that the collector did not take spans; they are dropped.", () => traces.Failures);
        AddProcess(metrics);
    }

    /// <summary>How far the places besides the file are; none where there are none.</summary>
    public static void AddSinks(GatewayMetrics metrics, IReadOnlyList<SinkProgress> sinks)
    {
        if (sinks.Count == 0) return;
        void Add(string name, string help, Func<SinkProgress, double> value) => metrics.Gauge(name, help, "sink", () => sinks.Select(s => (s.Name, value(s))));
        Add("fairlead_audit_sink_available", "0 while it takes no records.", sink => sink.Problem is null ? 1 : 0);
        Add("fairlead_audit_sink_lag", "Records that are on the disk, and not in the sink.", sink => sink.Lag);
        Add("fairlead_audit_sink_behind_seconds", "Since when it takes nothing of what there is.", sink => sink.Behind.TotalSeconds);
        Add("fairlead_audit_sink_overdue", "1 while new requests get 503 for its sake.", sink => sink.IsOverdue ? 1 : 0);
    }

    // Names and meanings are those of Prometheus' client libraries.
    private static void AddProcess(GatewayMetrics metrics)
    {
        metrics.Gauge("process_start_time_seconds", "When the process started, since the Unix epoch.", () => new DateTimeOffset(Process.GetCurrentProcess().StartTime).ToUnixTimeMilliseconds() / 1000.0);
        metrics.Gauge("process_resident_memory_bytes", "Memory that is in RAM.", () => Environment.WorkingSet);
        metrics.Counter("process_cpu_seconds_total", "CPU time, of users and system.", () => Environment.CpuUsage.TotalTime.TotalSeconds);
        metrics.Gauge("process_open_fds", "Open file descriptors.", () => Directory.EnumerateFileSystemEntries("/proc/self/fd").Count());
    }
}
