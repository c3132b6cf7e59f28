using System.Text.RegularExpressions;

namespace Fairlead.Gateway.Signing;

/// <summary>What a signature of AWS is good for: a region and a service.</summary>
/// <param name="Region">Such as <c>eu-central-1</c>.</param>
/// <param name="Service">The name that the service signs by, such as <c>s3</c>.</param>
internal sealed partial record AwsScope(string Region, string Service)
{
    // Where the name in a host is not the one to sign by.
    private static readonly Dictionary<string, string> SigningNames = new()
    {
        ["email"] = "ses",
        ["bedrock-runtime"] = "bedrock",
        ["bedrock-agent"] = "bedrock",
        ["bedrock-agent-runtime"] = "bedrock",
        ["s3-control"] = "s3",
        ["s3-accesspoint"] = "s3",
    };

    // They have one endpoint for the world (of its commercial part).
    private static readonly string[] Global = ["iam", "sts", "route53", "cloudfront", "organizations", "s3", "budgets", "ce", "waf", "importexport"];

    /// <summary>S3 takes paths as they are, wants the hash of the body in a header, and takes bodies whose hash is not signed.</summary>
    public bool IsS3 => Service == "s3" || Service.StartsWith("s3-", StringComparison.Ordinal) || Service.StartsWith("s3express", StringComparison.Ordinal);

    /// <summary>True for a name that may stand in a scope.</summary>
    public static bool IsName(string text) => Name().IsMatch(text);

    /// <summary>What the name of an AWS endpoint says: <c>SERVICE.REGION.amazonaws.com</c> and its variants; null when it does not say both.</summary>
    public static AwsScope? OfHost(string host)
    {
        var suffix = Array.Find([".amazonaws.com", ".amazonaws.com.cn", ".api.aws"], s => host.EndsWith(s, StringComparison.Ordinal));
        if (suffix is null) return null;
        var labels = host[..^suffix.Length].Split('.').Where(l => l != "dualstack").ToArray();
        var at = Array.FindLastIndex(labels, l => Region_().IsMatch(l));
        if (at > 0) return new AwsScope(labels[at], ServiceOf(labels[at - 1]));
        // The older spelling of S3: s3-eu-west-1.
        if (labels[^1].StartsWith("s3-", StringComparison.Ordinal) && Region_().IsMatch(labels[^1][3..])) return new AwsScope(labels[^1][3..], "s3");
        return Global.Contains(labels[^1]) ? new AwsScope("us-east-1", ServiceOf(labels[^1])) : null;
    }

    private static string ServiceOf(string label)
    {
        if (label.EndsWith("-fips", StringComparison.Ordinal)) label = label[..^5];
        return SigningNames.GetValueOrDefault(label, label);
    }

    // '$' would let a line feed stand behind it, which the query of a presigned URL can hold, and which would go into Authorization.
    [GeneratedRegex("^[A-Za-z0-9_-]{1,64}\\z")]
    private static partial Regex Name();

    [GeneratedRegex("^[a-z]{2}(-[a-z]+)+-[0-9]{1,2}\\z")]
    private static partial Regex Region_();
}
