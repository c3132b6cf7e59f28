using System.Buffers.Text;
using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;

namespace Fairlead.Gateway.Credentials;

/// <summary>The RSA key of an app or an account, with which it says who it is (RS256, RFC 7518 §3.3). It has no string form.</summary>
internal sealed class JwtSigner
{
    private const int LeastBits = 2048;

    private readonly Lock _gate = new();
    private readonly RSA _key;
    private readonly string? _id;

    private JwtSigner(RSA key, string? id) => (_key, _id) = (key, id);

    /// <summary>Reads a key in PEM, PKCS #8 or PKCS #1.</summary>
    /// <param name="pem">The key.</param>
    /// <param name="id">Its id (<c>kid</c>), or null.</param>
    /// <param name="signer">Signs.</param>
    /// <param name="problem">What is wrong with it, without anything of it.</param>
    public static bool TryRead(string pem, string? id, [NotNullWhen(true)] out JwtSigner? signer, [NotNullWhen(false)] out string? problem)
    {
        signer = null;
        problem = "expected an RSA private key in PEM, not encrypted";
        var key = RSA.Create();
        try
        {
            key.ImportFromPem(pem);
            // A public key imports as well.
            var parameters = key.ExportParameters(includePrivateParameters: true);
            CryptographicOperations.ZeroMemory(parameters.D);
            if (key.KeySize < LeastBits) problem = $"expected an RSA key of {LeastBits} bits or more, got {key.KeySize}";
            else (signer, problem) = (new JwtSigner(key, id), null);
        }
        catch (Exception e) when (e is ArgumentException or CryptographicException)
        {
            // The message of the exception may have a piece of the text.
        }

        if (signer is null) key.Dispose();
        return signer is not null;
    }

    /// <summary>A signed JWT with these claims.</summary>
    public string Sign(JsonObject claims)
    {
        var header = new JsonObject { ["alg"] = "RS256", ["typ"] = "JWT" };
        if (_id is not null) header["kid"] = _id;
        var signed = $"{Encode(header)}.{Encode(claims)}";
        lock (_gate) return $"{signed}.{Base64Url.EncodeToString(_key.SignData(Encoding.ASCII.GetBytes(signed), HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1))}";
    }

    public override string ToString() => "***";

    private static string Encode(JsonObject part) => Base64Url.EncodeToString(Encoding.UTF8.GetBytes(part.ToJsonString()));
}
