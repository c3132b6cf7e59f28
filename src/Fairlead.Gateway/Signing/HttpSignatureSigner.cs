using Fairlead.Gateway.Credentials;
using Fairlead.Wire;

namespace Fairlead.Gateway.Signing;

/// <summary>HTTP Message Signatures (RFC 9421) by <c>hmac-sha256</c> (§3.3.3).</summary>
/// <param name="scheme">What is covered, and by which key.</param>
/// <param name="time">The clock.</param>
internal sealed class HttpSignatureSigner(HttpSignatureSigner.Scheme scheme, TimeProvider time) : IRequestSigner
{
    /// <summary>The digest of the body (RFC 9530), which is ours where it is covered.</summary>
    public const string ContentDigest = "content-digest";

    /// <summary>Components that are no headers (RFC 9421 §2.2).</summary>
    public static readonly string[] Derived = ["@method", "@authority", "@scheme", "@target-uri", "@request-target", "@path", "@query"];

    public IReadOnlyList<string> Headers { get; } = ["Signature", "Signature-Input", .. scheme.Components.Contains(ContentDigest) ? (string[])["Content-Digest"] : []];

    public IEnumerable<ISecret> Secrets => [];

    /// <summary>How requests are signed.</summary>
    /// <param name="Key">The shared key.</param>
    /// <param name="KeyEncoding">How the secret writes it.</param>
    /// <param name="KeyId">By which name the other side knows it.</param>
    /// <param name="Label">The label of the signature.</param>
    /// <param name="Components">What is covered; a header that a request has not is not.</param>
    /// <param name="MaxBody">How long a body may be whose digest is covered, in bytes.</param>
    internal sealed record Scheme(ISecret Key, HmacSigner.KeyEncoding KeyEncoding, string KeyId, string Label, IReadOnlyList<string> Components, long MaxBody)
    {
        public override string ToString() => "***";
    }

    public async ValueTask<Injection> PrepareAsync(string credential, Injection injection, HostPort destination, HttpRequest request)
    {
        var (body, isTooLong) = scheme.Components.Contains(ContentDigest) ? await HmacSigner.HoldAsync(injection, request, scheme.MaxBody) : (injection.Body, false);
        if (isTooLong) return HmacSigner.TooLong(credential, injection, scheme.MaxBody);
        var key = HmacSigner.KeyOf((await scheme.Key.GetAsync(request.HttpContext.RequestAborted)).Reveal(), scheme.KeyEncoding);
        return injection with { Body = body, Signature = new HttpSignature(scheme, Headers, key, injection.Target, body, time.GetUtcNow()) };
    }
}
