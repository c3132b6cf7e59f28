using System.Security.Cryptography;
using Fairlead.Gateway.Credentials;
using Fairlead.Gateway.Signing;

namespace Fairlead.Gateway.Configuration;

/// <summary><c>use: hmac</c>: a keyed hash over parts of the request, in a header.</summary>
internal static class HmacKind
{
    public static readonly CredentialKind Kind = new("hmac", ["key", "key_encoding", "algorithm", "sign", "encoding", "header", "value", "set", "max_body"], input =>
    {
        var fields = input.Fields;
        var (key, keyEncoding) = ReadKey(input);
        var algorithm = fields.Has("algorithm", out var named) ? named.OneOf("sha256", "sha512", "sha1") switch
        {
            "sha512" => HashAlgorithmName.SHA512,
            "sha1" => HashAlgorithmName.SHA1,
            _ => HashAlgorithmName.SHA256,
        } : HashAlgorithmName.SHA256;
        var isBase64 = fields.Has("encoding", out var encoding) && encoding.OneOf("hex", "base64") == "base64";
        var text = ReadText(fields.Required("sign"), []);
        var header = ReadHeader(fields.Required("header"), fields.Required("header").Text());
        var value = fields.Has("value", out var valueNode) ? ReadValue(valueNode, [HmacSigner.SignaturePart]) : Parsed($"{{{HmacSigner.SignaturePart}}}");
        if (valueNode is not null && !valueNode.Text().Contains("{signature}", StringComparison.Ordinal)) valueNode.Fail("it has no {signature}");
        var set = new List<(string, HmacText)>();
        foreach (var (name, at) in fields.Has("set", out var setNode) ? setNode.Entries() : [])
        {
            if (ReadHeader(at, name) is { } known && ReadValue(at, []) is { } template) set.Add((known, template));
        }

        var maxBody = AwsKind.ReadMaxBody(fields);
        if (key is null || text is null || header is null || value is null) return new();
        return new() { Signer = new HmacSigner(new(key, keyEncoding, algorithm, text, isBase64, header, value, set, maxBody), TimeProvider.System) };
    })
    {
        NeverTravels = true,
    };

    /// <summary><c>key</c> and <c>key_encoding</c>.</summary>
    internal static (ISecret? Key, HmacSigner.KeyEncoding Encoding) ReadKey(CredentialKind.Input input)
    {
        var key = input.Secret("key");
        var word = input.Fields.Has("key_encoding", out var node) ? node.OneOf("text", "hex", "base64") : "text";
        var encoding = word == "hex" ? HmacSigner.KeyEncoding.Hex : word == "base64" ? HmacSigner.KeyEncoding.Base64 : HmacSigner.KeyEncoding.Text;
        if (input.Context.IsReview || key?.Constant is not { } constant) return (key, encoding);
        try
        {
            CryptographicOperations.ZeroMemory(HmacSigner.KeyOf(constant.Reveal(), encoding));
        }
        catch (CredentialException e)
        {
            input.Fields.Required("key").Fail(e.Message);
        }

        return (key, encoding);
    }

    private static HmacText? Parsed(string template) => HmacText.TryParse(template, [HmacSigner.SignaturePart], out var text) is null ? text : null;

    private static HmacText? ReadText(ConfigNode node, string[] own)
    {
        if (node.Text() is not { Length: > 0 } template) return null;
        if (HmacText.TryParse(template, own, out var text) is not { } problem) return text;
        node.Fail(problem);
        return null;
    }

    // A header has one line, and no body in it.
    private static HmacText? ReadValue(ConfigNode node, string[] own)
    {
        var text = ReadText(node, own);
        foreach (var part in (string[])["\n", "{body}"])
        {
            if (node.Text().Contains(part, StringComparison.Ordinal)) node.Fail("the value of a header can hold neither a line feed nor {body}");
        }

        return text;
    }

    private static string? ReadHeader(ConfigNode node, string name)
    {
        if (name.Length == 0) return null;
        if (InjectedHeader.ProblemOf(name) is not { } problem) return name;
        node.Fail(problem);
        return null;
    }
}
