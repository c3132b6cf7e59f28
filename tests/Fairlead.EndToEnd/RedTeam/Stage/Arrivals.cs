using System.Text.Json.Nodes;
using Fairlead.EndToEnd.Harness;

namespace Fairlead.EndToEnd.RedTeam.Stage;

/// <summary>Judges what reached an origin under one name by what a case says may arrive there.</summary>
internal static class Arrivals
{
    /// <summary>
    /// <c>allowed</c> names the requests that may arrive: <c>GET /a, POST /b [body]</c>. <c>expect</c> is <c>refused</c> (none arrives), <c>served</c> (all do)
    /// or <c>any</c> (some, or none). Whatever arrives must be well-formed, for the case's host, and on record.
    /// </summary>
    public static string? FaultOf(AttackCase attack, IReadOnlyList<CanaryConnection> connections, IReadOnlyList<JsonNode> records)
    {
        string[] allowed = (attack.Find("allowed") ?? "").Split(", ", StringSplitOptions.RemoveEmptyEntries);
        var left = allowed.ToList();
        foreach (var connection in connections)
        {
            if (connection.Garbage is { } garbage) return $"the origin got what is no request: {garbage}";
            foreach (var request in connection.Requests)
            {
                if (request.Header("host") != attack.Host) return $"the origin got a request for '{StrictHttp.Shown(request.Header("host")!)}'";
                if (!left.Remove(request.Line) && !left.Remove($"{request.Line} [{request.Body}]"))
                    return $"the origin got '{StrictHttp.Shown($"{request.Line} [{request.Body}]")}', where {(left.Count > 0 ? string.Join(" or ", left) : "nothing more")} was allowed";
            }

            // A request that was cut within its body is none to an origin; its beginning must be one that may come.
            if (connection.Rest.Length > 0 && (StrictHttp.StartOf(connection.Rest) is not { } start || !allowed.Any(a => a.Split(" [")[0] == start)))
                return $"the origin got bytes that belong to no request: '{StrictHttp.Shown(connection.Rest)}'";
        }

        if (attack["expect"] == "served" && left.Count > 0) return $"'{left[0]}' was not served";
        var arrived = allowed.Length - left.Count;
        var recorded = records.Count(r => AuditLog.Text(r, "type") == "request" && AuditLog.Text(r, "host") == attack.Host);
        return arrived > recorded ? $"{arrived} requests arrived, {recorded} are on record" : null;
    }
}
