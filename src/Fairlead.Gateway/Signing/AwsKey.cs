using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace Fairlead.Gateway.Signing;

/// <summary>
/// Signs by AWS Signature Version 4 for one moment, region and service ("Create a signed AWS API request", steps 2 to 4). It has no string form.
/// </summary>
internal sealed class AwsKey
{
    /// <summary>The algorithm's name.</summary>
    public const string Algorithm = "AWS4-HMAC-SHA256";

    /// <summary>SHA-256 of nothing.</summary>
    public const string EmptyHash = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    private readonly byte[] _key;
    private readonly string _scope;

    /// <param name="secretAccessKey">The secret key.</param>
    /// <param name="scope">Region and service.</param>
    /// <param name="time">The moment; what receives a signature takes it for some minutes.</param>
    public AwsKey(string secretAccessKey, AwsScope scope, DateTimeOffset time)
    {
        Date = time.UtcDateTime.ToString("yyyyMMdd'T'HHmmss'Z'", CultureInfo.InvariantCulture);
        _scope = $"{Date[..8]}/{scope.Region}/{scope.Service}/aws4_request";
        _key = _scope.Split('/').Aggregate(Encoding.Latin1.GetBytes("AWS4" + secretAccessKey), (key, part) => HMACSHA256.HashData(key, Encoding.Latin1.GetBytes(part)));
    }

    /// <summary>The moment, as <c>X-Amz-Date</c> has it.</summary>
    public string Date { get; }

    /// <summary>The signature of a canonical request.</summary>
    public string Sign(string canonicalRequest) => SignText($"{Algorithm}\n{Date}\n{_scope}\n{Hash(Encoding.Latin1.GetBytes(canonicalRequest))}");

    /// <summary>The value of <c>Authorization</c>.</summary>
    public string Authorization(string accessKeyId, IEnumerable<string> signedHeaders, string signature) =>
        $"{Algorithm} Credential={accessKeyId}/{_scope}, SignedHeaders={string.Join(';', signedHeaders)}, Signature={signature}";

    /// <summary>The signature of a chunk of a streamed body ("Signature calculations for the Authorization header: transferring payload in multiple chunks").</summary>
    /// <param name="previous">The signature of the head, or of the chunk before.</param>
    /// <param name="data">The chunk's bytes.</param>
    public string SignChunk(string previous, ReadOnlySpan<byte> data) => SignText($"{Algorithm}-PAYLOAD\n{Date}\n{_scope}\n{previous}\n{EmptyHash}\n{Hash(data)}");

    /// <summary>The signature of the trailers behind the last chunk.</summary>
    /// <param name="previous">The signature of the last chunk.</param>
    /// <param name="trailers">Each as <c>name:value\n</c>.</param>
    public string SignTrailers(string previous, ReadOnlySpan<byte> trailers) => SignText($"{Algorithm}-TRAILER\n{Date}\n{_scope}\n{previous}\n{Hash(trailers)}");

    /// <summary>SHA-256 in lower-case hexadecimal.</summary>
    public static string Hash(ReadOnlySpan<byte> bytes) => Convert.ToHexStringLower(SHA256.HashData(bytes));

    public override string ToString() => "***";

    private string SignText(string text) => Convert.ToHexStringLower(HMACSHA256.HashData(_key, Encoding.Latin1.GetBytes(text)));
}
