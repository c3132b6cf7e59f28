using System.Buffers;
using System.IO.Pipelines;
using System.Text.RegularExpressions;
using Fairlead.Gateway.Credentials;
using Fairlead.Wire;

namespace Fairlead.Gateway.Signing;

/// <summary>
/// AWS Signature Version 4 by the gateway's key. Whatever the workload signed by a key of its own is taken out; what of it says what is meant (region, service, the covered
/// headers, how the body is hashed) is kept.
/// </summary>
/// <param name="key">The key, and what it may be used for.</param>
/// <param name="time">The clock: that of the workload does not matter.</param>
internal sealed partial class AwsSigner(AwsSigner.Key key, TimeProvider time) : IRequestSigner
{
    private const string Unsigned = "UNSIGNED-PAYLOAD";

    /// <summary>What a kind of AWS credential sets. A session token is an injected header of the credential, and signed as all of them.</summary>
    public static readonly string[] Names = ["Authorization", "X-Amz-Date", "X-Amz-Content-Sha256", "X-Amz-Security-Token"];

    public IReadOnlyList<string> Headers => Names;

    public IEnumerable<ISecret> Secrets => key.AccessKeyId.Secrets;

    /// <summary>A key of AWS.</summary>
    /// <param name="AccessKeyId">Its id.</param>
    /// <param name="SecretAccessKey">The key.</param>
    /// <param name="Region">The one region it signs for; null for that of the request.</param>
    /// <param name="Service">The one service; null for that of the request.</param>
    /// <param name="MaxBody">How long a body, or a chunk of one that is signed in chunks, may be that must be held to be hashed, in bytes.</param>
    internal sealed record Key(SecretText AccessKeyId, ISecret SecretAccessKey, string? Region, string? Service, long MaxBody)
    {
        public override string ToString() => "***";
    }

    public async ValueTask<Injection> PrepareAsync(string credential, Injection injection, HostPort destination, HttpRequest request)
    {
        Injection Refused(string why, InjectionFault fault = InjectionFault.Unsignable) => Injection.Refused(injection.Target, fault, credential, $"the credential '{credential}' cannot sign this request: {why}.");

        var claim = AwsClaim.Of(request.Headers.Authorization, injection.Target);
        if (claim is not null && claim.Algorithm != AwsKey.Algorithm) return Refused($"expected {AwsKey.Algorithm}, got '{HostPort.Printable(claim.Algorithm)}' (Signature Version 2 and SigV4A are not known here)");
        var named = claim?.Scope ?? AwsScope.OfHost(destination.Host);
        if ((key.Region ?? named?.Region) is not { } region || (key.Service ?? named?.Service) is not { } service)
            return Refused($"neither a signature of the workload's nor the host {destination.Host} says for which region and service, and the configuration does not either");
        var scope = new AwsScope(region, service);

        // How the workload hashed its body.
        var stated = request.Headers["X-Amz-Content-Sha256"].ToString();
        var hasBody = HeldBody.CanBeIn(request) && (injection.Body?.Length ?? request.ContentLength) != 0;
        var (body, hash) = (injection.Body, stated);
        AwsChunkedBody? chunks = null;
        switch (stated)
        {
            case "STREAMING-AWS4-HMAC-SHA256-PAYLOAD" or "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER" when hasBody:
                var source = body is null ? request.BodyReader : PipeReader.Create(new ReadOnlySequence<byte>(body));
                chunks = new AwsChunkedBody(source, (int)key.MaxBody, hasTrailers: stated.EndsWith("-TRAILER", StringComparison.Ordinal));
                break;
            // The trailers hold a checksum, and nothing of this body is signed.
            case "STREAMING-UNSIGNED-PAYLOAD-TRAILER" or Unsigned:
                break;
            case "":
            case var _ when Hash().IsMatch(stated):
                if (!hasBody)
                {
                    hash = AwsKey.EmptyHash;
                    break;
                }

                // Of a body that nobody changed, the upstream checks what the workload stated.
                if (stated.Length > 0 && body is null) break;
                if (body is null && scope.IsS3 && IsTooLong(request.ContentLength))
                {
                    hash = Unsigned;
                    break;
                }

                if (body is null && request.ContentLength > key.MaxBody) return Refused(TooLong, InjectionFault.BodyTooLongToSign);
                body ??= await HeldBody.ReadAsync(request, key.MaxBody);
                if (body.Length > key.MaxBody) return Refused(TooLong, InjectionFault.BodyTooLongToSign);
                hash = AwsKey.Hash(body);
                break;
            default:
                return Refused($"its body is signed in a way that is not known here, '{HostPort.Printable(stated)}'");
        }

        var accessKeyId = (await key.AccessKeyId.FillAsync(null, request.HttpContext.RequestAborted)).Reveal();
        var secret = await key.SecretAccessKey.GetAsync(request.HttpContext.RequestAborted);
        var target = AwsClaim.Without(injection.Target);
        return injection with
        {
            Target = target,
            Body = body,
            Signature = new AwsSignature(new AwsKey(secret.Reveal(), scope, time.GetUtcNow()), accessKeyId, target, hash, claim?.SignedHeaders ?? [], scope.IsS3, hasHashHeader: scope.IsS3 || stated.Length > 0, chunks),
        };
    }

    private string TooLong => $"its body is longer than {key.MaxBody} bytes, and the client did not state its hash (X-Amz-Content-Sha256)";

    private bool IsTooLong(long? length) => length is null || length > key.MaxBody;

    [GeneratedRegex("^[0-9a-f]{64}\\z")]
    private static partial Regex Hash();
}
