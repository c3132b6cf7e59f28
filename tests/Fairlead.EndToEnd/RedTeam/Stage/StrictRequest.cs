namespace Fairlead.EndToEnd.RedTeam.Stage;

/// <summary>A request as it arrived: Latin-1 characters are its bytes, and names of headers are in small letters.</summary>
internal sealed record StrictRequest(string Method, string Target, IReadOnlyList<KeyValuePair<string, string>> Headers, string Body)
{
    public string Line => $"{Method} {Target}";

    public string? Header(string name) => Headers.FirstOrDefault(h => h.Key == name).Value;
}
