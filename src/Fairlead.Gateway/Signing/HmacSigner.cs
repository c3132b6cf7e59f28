using System.Security.Cryptography;
using System.Text;
using Fairlead.Gateway.Credentials;
using Fairlead.Wire;

namespace Fairlead.Gateway.Signing;

/// <summary>A keyed hash (RFC 2104) over parts of a request, in a header: as webhooks and many APIs of exchanges and payment services want it.</summary>
/// <param name="scheme">What is signed, and how.</param>
/// <param name="time">The clock.</param>
internal sealed class HmacSigner(HmacSigner.Scheme scheme, TimeProvider time) : IRequestSigner
{
    /// <summary>The part of a header's value that is the signature.</summary>
    public const string SignaturePart = "signature";

    public IReadOnlyList<string> Headers { get; } = [scheme.Header, .. scheme.Set.Select(s => s.Name)];

    public IEnumerable<ISecret> Secrets => [];

    /// <summary>How requests are signed.</summary>
    /// <param name="Key">The key.</param>
    /// <param name="KeyEncoding">How the secret writes it.</param>
    /// <param name="Algorithm">The hash.</param>
    /// <param name="Text">What is signed.</param>
    /// <param name="IsBase64">True for base64, false for lower-case hexadecimal.</param>
    /// <param name="Header">The header that the signature is in.</param>
    /// <param name="Value">The value of that header.</param>
    /// <param name="Set">Further headers, such as one with the time. They are set first, so that they can be signed.</param>
    /// <param name="MaxBody">How long a body may be that is signed, in bytes.</param>
    internal sealed record Scheme(ISecret Key, KeyEncoding KeyEncoding, HashAlgorithmName Algorithm, HmacText Text, bool IsBase64, string Header, HmacText Value, IReadOnlyList<(string Name, HmacText Value)> Set, long MaxBody)
    {
        public bool NeedsBody => Text.NeedsBody || Value.NeedsBody || Set.Any(s => s.Value.NeedsBody);

        public override string ToString() => "***";
    }

    public async ValueTask<Injection> PrepareAsync(string credential, Injection injection, HostPort destination, HttpRequest request)
    {
        var (body, isTooLong) = scheme.NeedsBody ? await HoldAsync(injection, request, scheme.MaxBody) : (injection.Body, false);
        if (isTooLong) return TooLong(credential, injection, scheme.MaxBody);
        var key = KeyOf((await scheme.Key.GetAsync(request.HttpContext.RequestAborted)).Reveal(), scheme.KeyEncoding);
        return injection with { Body = body, Signature = new HmacSignature(scheme, key, injection.Target, body ?? [], time.GetUtcNow()) };
    }

    /// <summary>Takes the body, to sign it.</summary>
    /// <returns>The body, null where there is none; and whether it is longer than it may be.</returns>
    internal static async ValueTask<(byte[]? Body, bool IsTooLong)> HoldAsync(Injection injection, HttpRequest request, long most)
    {
        if (injection.Body is { } held) return (held, held.Length > most);
        if (!HeldBody.CanBeIn(request)) return (null, false);
        if (request.ContentLength > most) return (null, true);
        var body = await HeldBody.ReadAsync(request, most);
        return (body, body.Length > most);
    }

    internal static Injection TooLong(string credential, Injection injection, long most) =>
        Injection.Refused(injection.Target, InjectionFault.BodyTooLongToSign, credential, $"the credential '{credential}' cannot sign this request: its body is longer than {most} bytes.");

    /// <summary>The bytes of a key.</summary>
    /// <exception cref="CredentialException">The secret is not written so.</exception>
    public static byte[] KeyOf(string secret, KeyEncoding encoding)
    {
        try
        {
            return encoding switch
            {
                KeyEncoding.Hex => Convert.FromHexString(secret),
                KeyEncoding.Base64 => Convert.FromBase64String(secret),
                _ => Encoding.Latin1.GetBytes(secret),
            };
        }
        catch (FormatException)
        {
            // Without the cause, which may quote it.
            throw new CredentialException($"the key is not in {(encoding == KeyEncoding.Hex ? "hexadecimal" : "base64")}");
        }
    }

    /// <summary>How a secret writes a key.</summary>
    internal enum KeyEncoding
    {
        /// <summary>Its characters are the key.</summary>
        Text,

        Hex,
        Base64,
    }
}
