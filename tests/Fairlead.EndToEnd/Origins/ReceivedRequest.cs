namespace Fairlead.EndToEnd.Origins;

/// <summary>A request as it reached the origin.</summary>
internal sealed record ReceivedRequest(
    string Connection, string Protocol, string Method, string Host, string Target, IReadOnlyList<KeyValuePair<string, string>> Headers)
{
    public IEnumerable<string> Values(string name) => Headers.Where(h => h.Key.Equals(name, StringComparison.OrdinalIgnoreCase)).Select(h => h.Value);
}
