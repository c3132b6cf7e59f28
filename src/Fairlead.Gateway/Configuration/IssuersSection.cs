using Fairlead.Gateway.Credentials;
using Fairlead.Gateway.Identity;
using Fairlead.Wire;
using YamlDotNet.RepresentationModel;

namespace Fairlead.Gateway.Configuration;

/// <summary><c>issuers</c>: who may sign tokens of sessions.</summary>
internal static class IssuersSection
{
    private const string OwnName = "fairlead";
    private static readonly string[] DefaultAlgorithms = ["ES256", "RS256"];

    public static Dictionary<string, TokenIssuer> Read(ConfigNode node, ConfigContext context)
    {
        var issuers = new Dictionary<string, TokenIssuer>();
        foreach (var (name, value) in node.Entries())
        {
            var fields = value.Closed("key", "issuer", "audience", "jwks", "algorithms");
            var made = fields.Has("key", out var key) ? ReadOwn(name, key, fields, context) : ReadForeign(name, fields, context);
            if (made is null) continue;
            if (issuers.Values.FirstOrDefault(i => i.Issuer == made.Issuer && i.Audience == made.Audience) is { } other)
                value.Fail($"'{other.Name}' has the same issuer and audience, so nobody could tell whose a token is");
            issuers[name] = made;
        }

        return issuers;
    }

    private static TokenIssuer? ReadOwn(string name, ConfigNode key, ConfigNode.Fields fields, ConfigContext context)
    {
        if (fields.Has("jwks", out var jwks)) jwks.Fail("'jwks' is for another's tokens; 'key' is the gateway's own");
        if (fields.Has("algorithms", out var algorithms)) algorithms.Fail("the gateway's own tokens are signed by ES256");
        var file = context.PathOf(key);
        if (file.Length == 0) return null;
        var issuer = fields.Has("issuer", out var iss) ? iss.Text() : OwnName;
        var audience = fields.Has("audience", out var aud) ? aud.Text() : OwnName;
        KeySource keys = new FixedKeys(file, []);
        if (context.ReadsIdentities)
        {
            context.WatchedFiles.Add(file);
            try
            {
                // Made at the first start only: a key that is gone for a moment must not end every session by another one.
                if (context.MakesKeys && SigningKey.CreateIfMissing(file)) context.Warnings.Add($"{key.Path}: there was no key, so a new one was made in {file}");
                var own = SigningKey.Open(file);
                keys = new FixedKeys(file, [own.Public]);
            }
            catch (Exception e) when (e is InvalidDataException or IOException or UnauthorizedAccessException)
            {
                key.Fail(e.Message);
            }
        }

        return new TokenIssuer(name, issuer, audience, ["ES256"], keys, file);
    }

    private static TokenIssuer? ReadForeign(string name, ConfigNode.Fields fields, ConfigContext context)
    {
        var issuer = fields.Required("issuer");
        var audience = fields.Required("audience").Text();
        var jwks = fields.Required("jwks");
        string[] algorithms = fields.Has("algorithms", out var given) ? [.. ConditionReader.Words(given)] : DefaultAlgorithms;
        if (algorithms.FirstOrDefault(a => !TokenIssuer.KnownAlgorithms.Contains(a)) is { } odd)
            given!.Fail($"expected {string.Join(", ", TokenIssuer.KnownAlgorithms)}, got '{HostPort.Printable(odd)}'");
        var keys = jwks.Node is YamlScalarNode ? ReadDiscovery(jwks, issuer) : ReadKeys(jwks, context);
        return issuer.Text().Length == 0 || audience.Length == 0 || keys is null ? null : new TokenIssuer(name, issuer.Text(), audience, algorithms, keys, null);
    }

    private static FetchedKeys? ReadDiscovery(ConfigNode jwks, ConfigNode issuer)
    {
        if (jwks.OneOf("discover").Length == 0) return null;
        if (ConfigContext.HttpsUrl(issuer) is not { } url) return null;
        return new FetchedKeys(url, isDiscovered: true, [], () => null, TimeProvider.System);
    }

    private static KeySource? ReadKeys(ConfigNode jwks, ConfigContext context)
    {
        var fields = jwks.Closed("file", "url", "ca", "token", "discover");
        var isDiscovered = fields.Has("discover", out var discovered);
        if (fields.Has("file", out var fileNode))
        {
            foreach (var other in (string[])["url", "ca", "token", "discover"])
            {
                if (fields.Has(other, out var odd)) odd.Fail($"'{other}' is for keys that are fetched");
            }

            return ReadFile(fileNode, context);
        }

        if (isDiscovered && fields.Has("url", out var both)) both.Fail("'url' is the key set itself; with 'discover' it is found");
        // https only: whoever can change the keys on their way can be every workload.
        if (ConfigContext.HttpsUrl(isDiscovered ? discovered! : fields.Required("url")) is not { } url) return null;
        var roots = fields.Has("ca", out var ca) ? context.Roots(ca, context.ReadsIdentities) : [];
        var token = fields.Has("token", out var tokenNode) ? context.ReadSource(tokenNode) : null;
        return new FetchedKeys(url, isDiscovered, roots, () => ReadToken(token), TimeProvider.System, token?.ToString() ?? "");
    }

    private static FixedKeys? ReadFile(ConfigNode node, ConfigContext context)
    {
        var path = context.ExistingFile(node);
        if (path.Length == 0) return null;
        if (!context.ReadsIdentities) return new FixedKeys(path, []);
        context.WatchedFiles.Add(path);
        try
        {
            if (KeySource.TryRead(File.ReadAllText(path), out var keys) is { } problem) node.Fail($"{path}: {problem}");
            return new FixedKeys(path, keys);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            node.Fail($"{path} cannot be read: {e.Message}");
            return null;
        }
    }

    private static string? ReadToken(SecretSource? source)
    {
        if (source is null) return null;
        if (source.TryRead(out var value) is { } missing) throw new InvalidDataException($"the token for the fetch: {missing}");
        return Secret.TryCreate("token", value, out var token, out _, out var problem) ? token.Reveal() : throw new InvalidDataException($"the token for the fetch cannot be used: {problem}");
    }
}
