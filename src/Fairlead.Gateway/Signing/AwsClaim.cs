using Fairlead.Gateway.Credentials;

namespace Fairlead.Gateway.Signing;

/// <summary>What the workload's own signature, by whatever key, says about itself. The signature is not looked at.</summary>
/// <param name="Algorithm">The first word.</param>
/// <param name="Scope">What it is for, or null where that is not said.</param>
/// <param name="SignedHeaders">The headers that it covers.</param>
internal sealed record AwsClaim(string Algorithm, AwsScope? Scope, IReadOnlyList<string> SignedHeaders)
{
    private const int MaxHeaders = 200;

    // "Authenticating requests: using query parameters". In a query nothing else of a signature stands.
    private static readonly string[] Parameters =
        ["X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Date", "X-Amz-Expires", "X-Amz-SignedHeaders", "X-Amz-Signature", "X-Amz-Security-Token", "X-Amz-Content-Sha256"];

    /// <summary>Reads the header, or the query of a presigned URL; null when neither is of AWS.</summary>
    public static AwsClaim? Of(string? authorization, string target)
    {
        string? Parameter(string name) => QueryText.PiecesOfTarget(target).Where(p => QueryText.IsNamed(p.Piece, name)).Select(p => QueryText.ValueOf(p.Piece)).FirstOrDefault();
        // Version 2 in a query would stay beside ours, and which of them counts would be the server's choice.
        if (Parameter("AWSAccessKeyId") is not null) return new AwsClaim("AWSAccessKeyId", null, []);
        if (authorization?.StartsWith("AWS4-", StringComparison.Ordinal) == true)
        {
            var space = authorization.IndexOf(' ', StringComparison.Ordinal);
            var fields = authorization[(space < 0 ? authorization.Length : space + 1)..].Split(',');
            return new AwsClaim(space < 0 ? authorization : authorization[..space], ScopeOf(Field(fields, "Credential=")), NamesOf(Field(fields, "SignedHeaders=")));
        }

        return Parameter("X-Amz-Algorithm") is { } algorithm ? new AwsClaim(algorithm, ScopeOf(Parameter("X-Amz-Credential")), NamesOf(Parameter("X-Amz-SignedHeaders"))) : null;
    }

    /// <summary>A target without the parameters of a signature; everything else stays byte for byte.</summary>
    public static string Without(string target) => QueryText.PiecesOfTarget(target).Any(p => IsOfSignature(p.Piece)) ? QueryText.Without(target, IsOfSignature) : target;

    private static bool IsOfSignature(string piece) => Parameters.Any(name => QueryText.IsNamed(piece, name));

    private static string? Field(string[] fields, string name) => fields.Select(f => f.Trim()).FirstOrDefault(f => f.StartsWith(name, StringComparison.Ordinal))?[name.Length..];

    // key/20130524/us-east-1/s3/aws4_request
    private static AwsScope? ScopeOf(string? credential) => credential?.Split('/') is [.., var region, var service, "aws4_request"] && AwsScope.IsName(region) && AwsScope.IsName(service) ? new AwsScope(region, service) : null;

    private static string[] NamesOf(string? names) => [.. (names ?? "").Split(';', StringSplitOptions.RemoveEmptyEntries).Take(MaxHeaders).Select(n => n.ToLowerInvariant())];
}
