using System.Globalization;
using System.IO.Pipelines;
using System.Security.Cryptography;
using System.Text;
using Fairlead.Gateway.Credentials;

namespace Fairlead.Gateway.Signing;

/// <summary>The signature of one request by RFC 9421. It has no string form.</summary>
/// <param name="scheme">What is covered.</param>
/// <param name="headers">The headers that it sets.</param>
/// <param name="key">The key.</param>
/// <param name="target">Path and query, as they are sent.</param>
/// <param name="body">The body, where its digest is covered and there is one.</param>
/// <param name="now">When it is made.</param>
internal sealed class HttpSignature(HttpSignatureSigner.Scheme scheme, IReadOnlyList<string> headers, byte[] key, string target, byte[]? body, DateTimeOffset now) : ISignature
{
    public IReadOnlyList<string> Headers => headers;

    public PipeReader? Body => null;

    public void SignOn(HttpRequestMessage request)
    {
        if (scheme.Components.Contains(HttpSignatureSigner.ContentDigest) && body is not null) request.Headers.TryAddWithoutValidation("Content-Digest", $"sha-256=:{Convert.ToBase64String(SHA256.HashData(body))}:");
        var covered = scheme.Components.Select(name => (Name: name, Value: ValueOf(name, request))).Where(c => c.Value is not null).ToList();
        var input = string.Create(CultureInfo.InvariantCulture, $"({string.Join(' ', covered.Select(c => $"\"{c.Name}\""))});created={now.ToUnixTimeSeconds()};keyid=\"{scheme.KeyId}\"");
        // §2.5: a line for each component, and one for the parameters.
        var lines = covered.Select(c => $"\"{c.Name}\": {c.Value}").Append($"\"@signature-params\": {input}");
        var signature = HMACSHA256.HashData(key, Encoding.Latin1.GetBytes(string.Join('\n', lines)));
        request.Headers.TryAddWithoutValidation("Signature-Input", $"{scheme.Label}={input}");
        request.Headers.TryAddWithoutValidation("Signature", $"{scheme.Label}=:{Convert.ToBase64String(signature)}:");
    }

    public override string ToString() => "***";

    private string? ValueOf(string component, HttpRequestMessage request)
    {
        var mark = target.IndexOf('?', StringComparison.Ordinal);
        return component switch
        {
            "@method" => request.Method.Method,
            "@authority" => request.Headers.Host,
            "@scheme" => "https",
            "@target-uri" => $"https://{request.Headers.Host}{target}",
            "@request-target" => target,
            "@path" => mark < 0 ? target : target[..mark],
            // §2.2.7: with its mark, which stands alone where there is no query.
            "@query" => mark < 0 ? "?" : target[mark..],
            _ => request.Headers.NonValidated.TryGetValues(component, out var values) || request.Content?.Headers.NonValidated.TryGetValues(component, out values) == true ? values.ToString().Trim() : null,
        };
    }
}
