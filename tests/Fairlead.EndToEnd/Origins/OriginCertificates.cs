using System.Net;
using System.Security.Cryptography.X509Certificates;

namespace Fairlead.EndToEnd.Origins;

/// <summary>What the origin shows a client, by the name the client asks for: one good certificate, and each kind of bad one.</summary>
internal sealed class OriginCertificates : IDisposable
{
    private readonly TestAuthority _authority = new("Origin Test CA");
    private readonly TestAuthority _stranger = new("A CA That Nobody Trusts");
    private readonly X509Certificate2 _good;
    private readonly X509Certificate2 _expired;
    private readonly X509Certificate2 _wrongName;
    private readonly X509Certificate2 _untrusted;

    public OriginCertificates()
    {
        _good = _authority.Issue([.. GoodNames, "*.tools.test"], [IPAddress.Parse("192.0.2.7")]);
        _expired = _authority.Issue(["expired.test"], [], expired: true);
        _wrongName = _authority.Issue(["another.test"], []);
        _untrusted = _stranger.Issue(["untrusted.test"], []);
    }

    /// <summary>Every name that leads to the origin.</summary>
    public static IEnumerable<string> AllNames => [.. GoodNames, "192.0.2.7", "expired.test", "wrong-name.test", "untrusted.test"];

    public string RootPem => _authority.Pem;

    /// <summary>Certificate and key of a server under the same root, for an origin that is another program.</summary>
    public X509Certificate2 Issue(string name) => _authority.Issue([name], []);

    public X509Certificate2 For(string? name) => name switch
    {
        "expired.test" => _expired,
        "wrong-name.test" => _wrongName,
        "untrusted.test" => _untrusted,
        _ => _good,
    };

    public void Dispose()
    {
        foreach (var certificate in new[] { _good, _expired, _wrongName, _untrusted }) certificate.Dispose();
        _authority.Dispose();
        _stranger.Dispose();
    }

    private static readonly string[] GoodNames =
        ["origin.test", "second.test", "api.datadoghq.com", "api.github.com", "github.com", "raw.githubusercontent.com", "git.test", "npm.test", "pypi.test"];
}
