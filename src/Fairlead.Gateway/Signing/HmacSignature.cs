using System.Globalization;
using System.IO.Pipelines;
using System.Security.Cryptography;
using System.Text;
using Fairlead.Gateway.Credentials;

namespace Fairlead.Gateway.Signing;

/// <summary>A keyed hash of one request. It has no string form.</summary>
/// <param name="scheme">What is signed, and how.</param>
/// <param name="key">The key.</param>
/// <param name="target">Path and query, as they are sent.</param>
/// <param name="body">The body, where it is signed.</param>
/// <param name="now">The time that is signed.</param>
internal sealed class HmacSignature(HmacSigner.Scheme scheme, byte[] key, string target, byte[] body, DateTimeOffset now) : ISignature
{
    private readonly string _nonce = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(16));

    public IReadOnlyList<string> Headers { get; } = [scheme.Header, .. scheme.Set.Select(s => s.Name)];

    public PipeReader? Body => null;

    public void SignOn(HttpRequestMessage request)
    {
        foreach (var (name, value) in scheme.Set) Set(request, name, Filled(value, request));
        var hash = CryptographicOperations.HmacData(scheme.Algorithm, key, Encoding.Latin1.GetBytes(Filled(scheme.Text, request)));
        Set(request, scheme.Header, Filled(scheme.Value, request, scheme.IsBase64 ? Convert.ToBase64String(hash) : Convert.ToHexStringLower(hash)));
    }

    public override string ToString() => "***";

    // What parts of a request hold may be anything, and a line break would end the header.
    private static void Set(HttpRequestMessage request, string name, string value)
    {
        if (value.AsSpan().IndexOfAnyExceptInRange('\x20', '\x7e') >= 0 || !request.Headers.TryAddWithoutValidation(name, value)) throw new InvalidOperationException($"the header '{name}' cannot be set on a request");
    }

    private string Filled(HmacText text, HttpRequestMessage request, string signature = "") => text.Fill(part => ValueOf(part, request, signature), name => HeaderOf(name, request));

    private string ValueOf(string part, HttpRequestMessage request, string signature)
    {
        var mark = target.IndexOf('?', StringComparison.Ordinal);
        return part switch
        {
            HmacSigner.SignaturePart => signature,
            "method" => request.Method.Method,
            "path" => mark < 0 ? target : target[..mark],
            "query" => mark < 0 ? "" : target[(mark + 1)..],
            "target" => target,
            "host" => request.Headers.Host!,
            "date" => now.ToString("R", CultureInfo.InvariantCulture),
            "timestamp" => now.ToUnixTimeSeconds().ToString(CultureInfo.InvariantCulture),
            "timestamp_ms" => now.ToUnixTimeMilliseconds().ToString(CultureInfo.InvariantCulture),
            "nonce" => _nonce,
            "body" => Encoding.Latin1.GetString(body),
            "body_sha256" => Convert.ToHexStringLower(SHA256.HashData(body)),
            "body_sha256_base64" => Convert.ToBase64String(SHA256.HashData(body)),
            _ => throw new InvalidOperationException($"there is no part '{part}'"),
        };
    }

    private static string HeaderOf(string name, HttpRequestMessage request) =>
        request.Headers.NonValidated.TryGetValues(name, out var values) || request.Content?.Headers.NonValidated.TryGetValues(name, out values) == true ? values.ToString() : "";
}
