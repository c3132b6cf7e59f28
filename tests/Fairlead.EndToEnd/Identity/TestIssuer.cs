using System.Globalization;
using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Fairlead.EndToEnd.Origins;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.DependencyInjection;

namespace Fairlead.EndToEnd.Identity;

/// <summary>A platform that vouches for its workloads by OpenID Connect: discovery and a key set over TLS, and tokens signed by RS256.</summary>
internal sealed class TestIssuer : IAsyncDisposable
{
    private readonly TestAuthority _authority = new("Issuer Test CA");
    private readonly RSA _key = RSA.Create(2048);
    private readonly WebApplication _app;

    private TestIssuer(WebApplication app) => _app = app;

    /// <summary>Its address, which is its name.</summary>
    public string Url { get; private set; } = "";

    /// <summary>Trusted for its TLS.</summary>
    public string CaPem => _authority.Pem;

    public static async Task<TestIssuer> StartAsync()
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.Services.AddRoutingCore();
        builder.WebHost.UseKestrelCore().UseKestrelHttpsConfiguration();
        TestIssuer? issuer = null;
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0, options => options.UseHttps(https => https.ServerCertificateSelector = (_, _) => issuer!.Certificate.Value)));
        var app = builder.Build();
        issuer = new TestIssuer(app);
        app.MapGet("/.well-known/openid-configuration", context => context.Response.WriteAsync(new JsonObject { ["issuer"] = issuer.Url, ["jwks_uri"] = issuer.Url + "/jwks" }.ToJsonString()));
        app.MapGet("/jwks", context => context.Response.WriteAsync(issuer.Jwks()));
        await app.StartAsync(Limits.Token());
        var address = app.Services.GetRequiredService<IServer>().Features.GetRequiredFeature<IServerAddressesFeature>().Addresses.Single();
        issuer.Url = string.Create(CultureInfo.InvariantCulture, $"https://127.0.0.1:{new Uri(address).Port}");
        return issuer;
    }

    /// <summary>A token for a workload.</summary>
    public string Sign(string subject, JsonObject claims, TimeSpan lifetime, string audience = "fairlead")
    {
        var now = DateTimeOffset.UtcNow;
        claims["iss"] = Url;
        claims["aud"] = audience;
        claims["sub"] = subject;
        claims["iat"] = now.ToUnixTimeSeconds();
        claims["exp"] = (now + lifetime).ToUnixTimeSeconds();
        var signed = $"{Encode(Encoding.UTF8.GetBytes(new JsonObject { ["alg"] = "RS256", ["typ"] = "JWT", ["kid"] = "platform-1" }.ToJsonString()))}.{Encode(Encoding.UTF8.GetBytes(claims.ToJsonString()))}";
        return $"{signed}.{Encode(_key.SignData(Encoding.ASCII.GetBytes(signed), HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1))}";
    }

    public async ValueTask DisposeAsync()
    {
        await _app.DisposeAsync();
        _key.Dispose();
        _authority.Dispose();
    }

    private Lazy<System.Security.Cryptography.X509Certificates.X509Certificate2> Certificate => field ??= new(() => _authority.Issue([], [IPAddress.Loopback]));

    private string Jwks()
    {
        var parameters = _key.ExportParameters(includePrivateParameters: false);
        return new JsonObject
        {
            ["keys"] = new JsonArray(new JsonObject { ["kty"] = "RSA", ["use"] = "sig", ["kid"] = "platform-1", ["n"] = Encode(parameters.Modulus!), ["e"] = Encode(parameters.Exponent!) }),
        }.ToJsonString();
    }

    private static string Encode(byte[] bytes) => System.Buffers.Text.Base64Url.EncodeToString(bytes);
}
