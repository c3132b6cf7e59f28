using System.Globalization;
using System.Text;

namespace Fairlead.Relay.Status;

/// <summary>A status as a person reads it.</summary>
internal static class StatusText
{
    public static string Of(RelaySnapshot status)
    {
        var text = new StringBuilder();
        void Line(FormattableString line) => text.Append(line.ToString(CultureInfo.InvariantCulture)).Append('\n');

        var gateway = status.Gateway;
        Line($"relay      127.0.0.1:{status.Port}, {status.State}, up {Age(status.UptimeSeconds)}, version {status.RelayVersion}, process {status.ProcessId}");
        Line($"gateway    {gateway.Address}{(gateway.Version is null ? "" : $", version {gateway.Version}")}{(gateway.EgressProxy is null ? "" : $", through the egress proxy {gateway.EgressProxy}")}");
        Line($"session    {status.Session}");
        Line($"CA bundle  {status.Trust.CaBundle}");
        if (status.Trust.Stores.Count > 0) Line($"stores     {string.Join(", ", status.Trust.Stores.Values.Order(StringComparer.Ordinal))}");
        if (status.Trust.Installed.Count > 0) Line($"trusted by {string.Join(", ", status.Trust.Installed)}");
        Line($"tunnels    {status.Tunnels.Count} open, {status.Counters.Opened} opened since the start, {Size(status.Counters.BytesUp)} up, {Size(status.Counters.BytesDown)} down{(status.ReadyWebsockets == 0 ? "" : $", {status.ReadyWebsockets} WebSockets ready")}");
        Line($"refused    {(status.Counters.Refused.Count == 0 ? "none" : string.Join(", ", status.Counters.Refused.Select(kind => $"{kind.Value} {kind.Key}")))}");
        if (status.Trust.Conflicts.Count > 0) Line($"\nsettings that win over the relay's");
        foreach (var conflict in status.Trust.Conflicts) Line($"  {conflict.Tool}: {conflict.Key} in {conflict.Place}\n    {conflict.Consequence} {conflict.Remedy}");
        if (status.Tunnels.Count > 0) Line($"\nopen tunnels");
        var width = status.Tunnels.Count == 0 ? 0 : status.Tunnels.Max(tunnel => tunnel.Target.Length);
        foreach (var tunnel in status.Tunnels)
            Line($"  {tunnel.Target.PadRight(width)}  {tunnel.State,-7}  {Age(tunnel.AgeSeconds),8}  {Size(tunnel.BytesUp),9} up  {Size(tunnel.BytesDown),9} down");

        if (status.Refusals.Count > 0) Line($"\nthe last refusals and failures, the newest first");
        foreach (var refusal in status.Refusals)
        {
            Line($"  {refusal.Time.UtcDateTime:yyyy-MM-dd HH:mm:ss}Z  {refusal.Kind,-8}  {Subject(refusal)}");
            Line($"    {refusal.Message}{(refusal.Rule is null ? "" : $" Rule: {refusal.Rule}.")}");
            if (refusal.WhatToDo is not null) Line($"    {refusal.WhatToDo}");
        }

        return text.ToString();
    }

    private static string Subject(Refusal refusal)
    {
        var request = refusal.Method is null ? refusal.Host : $"{refusal.Method} {refusal.Host}{refusal.Path}";
        return refusal.RequestId is null ? request : $"{request}  ({refusal.RequestId})";
    }

    private static string Age(long seconds) => seconds switch
    {
        < 120 => $"{seconds} s",
        < 2 * 3600 => $"{seconds / 60} min",
        < 48 * 3600 => $"{seconds / 3600} h",
        _ => $"{seconds / 86400} d",
    };

    private static string Size(long bytes) => bytes switch
    {
        < 10_000 => $"{bytes} B",
        < 10_000_000 => $"{bytes / 1000} kB",
        < 10_000_000_000 => $"{bytes / 1_000_000} MB",
        _ => $"{bytes / 1_000_000_000} GB",
    };
}
