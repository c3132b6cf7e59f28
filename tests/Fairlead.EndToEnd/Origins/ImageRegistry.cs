using System.Buffers.Text;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Fairlead.EndToEnd.Harness;
using Microsoft.AspNetCore.WebUtilities;

namespace Fairlead.EndToEnd.Origins;

/// <summary>Debian's docker-registry, which wants tokens of a realm, and sends whoever asks for a blob to another host.</summary>
internal sealed partial class ImageRegistry : IAsyncDisposable
{
    public const string Name = "registry.test";
    public const string BlobHost = "blobs.tools.test";
    public const string User = "robot";
    public const string Password = "FAKE-registry-password";

    private readonly TempFolder _folder = new();
    private readonly TestAuthority _authority = new("Registry Test CA");
    private readonly ECDsa _key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
    private readonly X509Certificate2 _signer;
    private RunningProgram _program = null!;

    private ImageRegistry()
    {
        // distribution/registry/auth/token: the signer is in the token (x5c), and its root is what the registry was given.
        var request = new CertificateRequest("CN=token signer", _key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        _signer = request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));
    }

    public string RootPem => _authority.Pem;

    public TokenServer Realm { get; private set; } = null!;

    /// <summary>Where it listens.</summary>
    public string Address { get; private set; } = "";

    /// <summary>Where its files are, of which <see cref="BlobHost"/> serves the blobs.</summary>
    public string Storage => _folder.Folder("storage");

    public static async Task<ImageRegistry> StartAsync()
    {
        var registry = new ImageRegistry();
        try
        {
            registry.Realm = await TokenServer.StartAsync(registry.Grant);
            using var certificate = registry._authority.Issue([Name], []);
            registry._folder.Write("tls.pem", certificate.ExportCertificatePem());
            registry._folder.Write("tls.key", certificate.GetECDsaPrivateKey()!.ExportPkcs8PrivateKeyPem());
            registry._folder.Write("signer.pem", registry._signer.ExportCertificatePem());
            var config = registry._folder.Write("config.yml", registry.Config());
            registry._program = RunningProgram.Start("docker-registry", ["serve", config], ToolEnvironment.Clean(registry._folder.Path), registry._folder.Path);
            registry.Address = await registry._program.Stderr.WaitForAsync(text => Listening().Match(text) is { Success: true } match ? match.Groups[1].Value : null, Limits.Token());
            return registry;
        }
        catch
        {
            await registry.DisposeAsync();
            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        TestContext.Current.TestOutputHelper?.WriteLine($"registry: {_program?.Stderr.Text}");
        if (_program is not null) await _program.DisposeAsync();
        if (Realm is not null) await Realm.DisposeAsync();
        _signer.Dispose();
        _key.Dispose();
        _authority.Dispose();
        _folder.Dispose();
    }

    private string Config() => $"""
        version: 0.1
        log: {"{ level: info, accesslog: { disabled: true } }"}
        storage:
          filesystem: {"{"} rootdirectory: {Storage} {"}"}
          delete: {"{ enabled: true }"}
        middleware:
          storage: [{"{"} name: redirect, options: {"{"} baseurl: "https://{BlobHost}/" {"}"} {"}"}]
        http:
          addr: 127.0.0.1:0
          tls: {"{"} certificate: {_folder.File("tls.pem")}, key: {_folder.File("tls.key")} {"}"}
        auth:
          token: {"{"} realm: "{Realm.Url}token", service: {Name}, issuer: fairlead-tests, rootcertbundle: {_folder.File("signer.pem")} {"}"}
        """ + "\n";

    // Grants whatever is asked for, to one user.
    private (int Status, string Text) Grant(TokenServer.Asked asked)
    {
        if (asked.Authorization != "Basic " + Convert.ToBase64String(Encoding.ASCII.GetBytes($"{User}:{Password}"))) return (401, "{}");
        var access = new JsonArray();
        var query = QueryHelpers.ParseQuery(asked.Target[asked.Target.IndexOf('?', StringComparison.Ordinal)..]);
        foreach (var scope in query.TryGetValue("scope", out var scopes) ? scopes.ToArray() : [])
        {
            var parts = scope!.Split(':');
            access.Add(new JsonObject { ["type"] = parts[0], ["name"] = parts[1], ["actions"] = new JsonArray([.. parts[2].Split(',').Select(a => JsonValue.Create(a))]) });
        }

        return (200, new JsonObject { ["token"] = Sign(query["service"]!, access), ["expires_in"] = 300 }.ToJsonString());
    }

    private string Sign(string service, JsonArray access)
    {
        var now = DateTimeOffset.UtcNow.ToUnixTimeSeconds();
        var header = new JsonObject { ["typ"] = "JWT", ["alg"] = "ES256", ["x5c"] = new JsonArray(Convert.ToBase64String(_signer.RawData)) };
        var claims = new JsonObject { ["iss"] = "fairlead-tests", ["sub"] = User, ["aud"] = service, ["exp"] = now + 300, ["nbf"] = now - 10, ["iat"] = now, ["jti"] = Guid.NewGuid().ToString("n"), ["access"] = access };
        var signed = $"{Base64Url.EncodeToString(Encoding.UTF8.GetBytes(header.ToJsonString()))}.{Base64Url.EncodeToString(Encoding.UTF8.GetBytes(claims.ToJsonString()))}";
        return $"{signed}.{Base64Url.EncodeToString(_key.SignData(Encoding.ASCII.GetBytes(signed), HashAlgorithmName.SHA256))}";
    }

    [GeneratedRegex(@"listening on (127\.0\.0\.1:\d+)")]
    private static partial Regex Listening();
}
