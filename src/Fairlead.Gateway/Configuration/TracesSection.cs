using System.Globalization;
using System.Net;
using Fairlead.Gateway.Credentials;
using Fairlead.Gateway.Telemetry;
using Fairlead.Wire;

namespace Fairlead.Gateway.Configuration;

/// <summary><c>traces</c>: where spans go.</summary>
internal static class TracesSection
{
    public static CollectorOptions? Read(ConfigNode node, Dictionary<string, ISecret> secrets, ConfigContext context)
    {
        var fields = node.Closed("otlp", "headers", "sample", "ca");
        var urlNode = fields.Required("otlp");
        var isUrl = Uri.TryCreate(urlNode.Text(), UriKind.Absolute, out var url) && url.Scheme is "http" or "https" && url is { UserInfo.Length: 0, Query.Length: 0, Fragment.Length: 0 };
        if (!isUrl && urlNode.Text().Length > 0) urlNode.Fail("expected the URL of a collector, without user and query, such as https://collector.example.com:4318");
        var headers = fields.Has("headers", out var headersNode) ? ReadHeaders(headersNode, secrets) : [];
        if (isUrl && url!.Scheme == "http" && headers.Count > 0 && !(IPAddress.TryParse(url.Host, out var address) && IPAddress.IsLoopback(address))) headersNode!.Fail("a secret would cross the network in clear: expected https, or a loopback address");
        var sample = fields.Has("sample", out var sampleNode) ? ReadShare(sampleNode) : 1;
        var roots = fields.Has("ca", out var ca) ? context.Roots(ca, !context.IsReview) : [];
        return isUrl ? new CollectorOptions(new Uri($"{url!.GetLeftPart(UriPartial.Path).TrimEnd('/')}/v1/traces")) { Headers = headers, Sample = sample, Roots = roots } : null;
    }

    private static List<InjectedHeader> ReadHeaders(ConfigNode node, Dictionary<string, ISecret> secrets)
    {
        var headers = new List<InjectedHeader>();
        foreach (var (name, at) in node.Entries())
        {
            if (InjectedHeader.TryCreate(name, at.Text(), secrets, out var header) is { } problem) at.Fail(problem);
            else headers.Add(header!);
        }

        return headers;
    }

    private static double ReadShare(ConfigNode node)
    {
        var text = node.Text();
        if (double.TryParse(text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var share) && share is >= 0 and <= 1) return share;
        if (text.Length > 0) node.Fail($"expected a share from 0 to 1, such as 0.1, got '{HostPort.Printable(text)}'");
        return 1;
    }
}
