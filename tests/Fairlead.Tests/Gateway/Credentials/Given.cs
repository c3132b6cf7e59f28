using System.Text;
using Fairlead.Gateway.Credentials;

namespace Fairlead.Tests.Gateway.Credentials;

/// <summary>Credentials as the configuration makes them.</summary>
internal static class Given
{
    public const string PlaceholderText = "sk-FAKE-placeholder-0001";

    public static Secret Secret(string name, string value) => Fairlead.Gateway.Credentials.Secret.TryCreate(name, value, out var secret, out _, out var problem) ? secret : throw new ArgumentException(problem, nameof(value));

    public static Credential Basic(string username, ISecret password, string host = Edge.Host) =>
        new("basic", [Header("Authorization", $"{username}:{{{password.Name}}}", password, pair => "Basic " + Convert.ToBase64String(Encoding.ASCII.GetBytes(pair)))], [Edge.HostOf(host)]);

    public static Credential Bearer(ISecret secret, string host = Edge.Host) => new("bearer", [Header("Authorization", $"Bearer {{{secret.Name}}}", secret)], [Edge.HostOf(host)]);

    public static Credential Query(string name, ISecret secret, string host = Edge.Host)
    {
        Assert.Null(InjectedParameter.TryCreate(name, $"{{{secret.Name}}}", new Dictionary<string, ISecret> { [secret.Name] = secret }, out var parameter));
        return new Credential("query", [], [Edge.HostOf(host)]) { Parameters = [parameter!] };
    }

    public static Placeholder Placeholder(ISecret secret, SwapSurfaces surfaces = SwapSurfaces.Header | SwapSurfaces.Basic | SwapSurfaces.Query, string text = PlaceholderText) => new(text, secret, surfaces);

    /// <summary>One that sets nothing: the workload sends the placeholder where the API wants it.</summary>
    public static Credential Swapped(ISecret secret, SwapSurfaces surfaces = SwapSurfaces.Header | SwapSurfaces.Basic | SwapSurfaces.Query, string host = Edge.Host) =>
        new("swapped", [], [Edge.HostOf(host)]) { Placeholder = Placeholder(secret, surfaces) };

    private static InjectedHeader Header(string name, string template, ISecret secret, Func<string, string>? encode = null)
    {
        Assert.Null(InjectedHeader.TryCreate(name, template, new Dictionary<string, ISecret> { [secret.Name] = secret }, out var header, encode));
        return header!;
    }
}
