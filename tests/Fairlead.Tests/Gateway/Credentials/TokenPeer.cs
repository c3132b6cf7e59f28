using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Fairlead.Gateway.Credentials;
using Microsoft.AspNetCore.Http;

namespace Fairlead.Tests.Gateway.Credentials;

/// <summary>A real https endpoint that answers as a test says, and a key of which it knows the public half.</summary>
internal sealed class TokenPeer : IAsyncDisposable
{
    // One for all tests: a new key of 2048 bits takes its time.
    private static readonly RSA Key = RSA.Create(2048);

    private readonly OriginCa _ca = new();

    private TokenPeer()
    {
    }

    public static string PrivatePem => Key.ExportPkcs8PrivateKeyPem();

    public Origin Origin { get; private set; } = null!;

    /// <summary>What is answered, in turn; the last one again and again.</summary>
    public List<(int Status, string Text)> Answers { get; } = [];

    /// <summary>What it says of their type.</summary>
    public string? Type { get; set; }

    public FakeTimeProvider Time { get; } = new();

    public SecretService Service => new([_ca.Root]);

    public string RootPem => _ca.Root.ExportCertificatePem();

    public static async Task<TokenPeer> StartAsync()
    {
        var peer = new TokenPeer();
        var count = 0;
        peer.Origin = await Origin.StartAsync(peer._ca, context =>
        {
            var (status, text) = peer.Answers[Math.Min(Interlocked.Increment(ref count), peer.Answers.Count) - 1];
            context.Response.StatusCode = status;
            context.Response.ContentType = peer.Type;
            if (status == 401 && text.StartsWith("Bearer", StringComparison.Ordinal)) context.Response.Headers.WWWAuthenticate = text;
            return context.Response.WriteAsync(text);
        });
        return peer;
    }

    public Uri Url(string path) => new($"https://localhost:{Origin.EndPoint.Port}{path}");

    public static JwtSigner Signer(string? id = null) => JwtSigner.TryRead(PrivatePem, id, out var signer, out var problem) ? signer : throw new InvalidOperationException(problem);

    /// <summary>Header and claims of a JWT whose signature holds.</summary>
    public static (JsonElement Header, JsonElement Claims) Verified(string jwt)
    {
        var parts = jwt.Split('.');
        Assert.Equal(3, parts.Length);
        Assert.True(Key.VerifyData(Encoding.ASCII.GetBytes($"{parts[0]}.{parts[1]}"), Base64Url.DecodeFromChars(parts[2]), HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1));
        return (JsonDocument.Parse(Base64Url.DecodeFromChars(parts[0])).RootElement, JsonDocument.Parse(Base64Url.DecodeFromChars(parts[1])).RootElement);
    }

    public static async Task<string> ProblemOfAsync(Func<Task> ask) => (await Assert.ThrowsAsync<CredentialException>(ask)).Message;

    public async ValueTask DisposeAsync()
    {
        await Origin.DisposeAsync();
        _ca.Dispose();
    }
}
