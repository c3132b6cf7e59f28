using Fairlead.Gateway.Signing;
using Fairlead.Wire;

namespace Fairlead.Gateway.Configuration;

/// <summary><c>use: http-signature</c>: HTTP Message Signatures by a shared key.</summary>
internal static class HttpSignatureKind
{
    private static readonly string[] Usual = ["@method", "@target-uri", "content-type", HttpSignatureSigner.ContentDigest];

    public static readonly CredentialKind Kind = new("http-signature", ["key", "key_encoding", "key_id", "label", "components", "max_body"], input =>
    {
        var fields = input.Fields;
        var (key, encoding) = HmacKind.ReadKey(input);
        var idNode = fields.Required("key_id");
        var id = idNode.Text();
        // RFC 8941 §3.3.3: a string of visible ASCII, here without what would have to be escaped.
        if (id.Any(c => c is < ' ' or > '~' or '"' or '\\')) idNode.Fail("expected visible ASCII without '\"' and '\\'");
        var label = "sig1";
        if (fields.Has("label", out var labelNode) && (label = labelNode.Text()).Length > 0 && !(char.IsAsciiLetterLower(label[0]) && label.All(c => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c) || c is '_' or '-' or '.')))
            labelNode.Fail("expected a lower-case letter, then such letters, digits, '_', '-' and '.'");
        var components = fields.Has("components", out var listed) ? [.. listed.Items().Select(Component)] : Usual;
        if (components.Distinct().Count() != components.Length) listed!.Fail("it names a component twice");
        if (components.Length == 0 && listed?.Node is YamlDotNet.RepresentationModel.YamlSequenceNode) listed.Fail("it names no component, so nothing would be signed");
        var maxBody = AwsKind.ReadMaxBody(fields);
        return key is null ? new() : new() { Signer = new HttpSignatureSigner(new(key, encoding, id, label, components, maxBody), TimeProvider.System) };
    })
    {
        NeverTravels = true,
    };

    private static string Component(ConfigNode node)
    {
        var name = node.Text();
        var isHeader = name.Length > 0 && name.All(c => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c) || c is '-' or '_');
        if (name.Length > 0 && !isHeader && !HttpSignatureSigner.Derived.Contains(name)) node.Fail($"expected the name of a header in lower case or {string.Join(" or ", HttpSignatureSigner.Derived)}, got '{HostPort.Printable(name)}'");
        else if (name is "content-length" or "signature" or "signature-input") node.Fail($"'{name}' is written when the request is sent, and cannot be signed");
        return name;
    }
}
