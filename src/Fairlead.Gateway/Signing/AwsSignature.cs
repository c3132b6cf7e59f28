using System.IO.Pipelines;
using Fairlead.Gateway.Credentials;

namespace Fairlead.Gateway.Signing;

/// <summary>The signature of one request to AWS. It has no string form.</summary>
/// <param name="key">Signs.</param>
/// <param name="accessKeyId">The id of the key.</param>
/// <param name="target">Path and query, as they are sent.</param>
/// <param name="payloadHash">The hash of the body, or the word that stands for it.</param>
/// <param name="wanted">Headers that the workload's own signature covered.</param>
/// <param name="isPathPlain">True for S3.</param>
/// <param name="hasHashHeader">True where the hash is sent, too.</param>
/// <param name="chunks">The body, when its chunks are signed.</param>
internal sealed class AwsSignature(AwsKey key, string accessKeyId, string target, string payloadHash, IReadOnlyList<string> wanted, bool isPathPlain, bool hasHashHeader, AwsChunkedBody? chunks) : ISignature
{
    // They belong to a hop, are written by the client that sends the request, or may be changed on the way.
    private static readonly HashSet<string> Volatile = ["authorization", "connection", "content-length", "expect", "te", "transfer-encoding", "upgrade", "user-agent", "x-amzn-trace-id", "x-forwarded-for"];

    public IReadOnlyList<string> Headers => AwsSigner.Names;

    public PipeReader? Body { get; } = chunks?.AsReader();

    public void SignOn(HttpRequestMessage request)
    {
        request.Headers.TryAddWithoutValidation("X-Amz-Date", key.Date);
        if (hasHashHeader) request.Headers.TryAddWithoutValidation("X-Amz-Content-Sha256", payloadHash);
        var headers = new SortedDictionary<string, string>(StringComparer.Ordinal) { ["host"] = request.Headers.Host! };
        foreach (var (name, values) in request.Content is null ? request.Headers.NonValidated : request.Headers.NonValidated.Concat(request.Content.Headers.NonValidated))
        {
            var lower = name.ToLowerInvariant();
            if (IsSigned(lower)) headers[lower] = values.ToString();
        }

        var signature = key.Sign(AwsCanonicalRequest.Of(request.Method.Method, target, headers, payloadHash, isPathPlain));
        request.Headers.TryAddWithoutValidation("Authorization", key.Authorization(accessKeyId, headers.Keys, signature));
        chunks?.SignWith(key, signature);
    }

    public override string ToString() => "***";

    private bool IsSigned(string name) =>
        name is not "host" && !Volatile.Contains(name) && (name.StartsWith("x-amz-", StringComparison.Ordinal) || name is "content-type" or "content-md5" || wanted.Contains(name));
}
