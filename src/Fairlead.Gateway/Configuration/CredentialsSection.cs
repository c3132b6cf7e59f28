using Fairlead.Gateway.Credentials;

namespace Fairlead.Gateway.Configuration;

/// <summary><c>credentials</c>: what is added to requests, and to which.</summary>
internal static class CredentialsSection
{
    private static readonly CredentialKind[] Kinds =
    [
        HeaderKind.Kind,
        BearerKind.Kind,
        BasicKind.Kind,
        QueryKind.Kind,
        PlaceholderKind.Kind,
        ClientCredentialsKind.Kind,
        RefreshTokenKind.Kind,
        GitHubAppKind.Kind,
        OciRegistryKind.Kind,
        GoogleServiceAccountKind.Kind,
        AwsKind.Kind,
        ClientCertificateKind.Kind,
        HmacKind.Kind,
        HttpSignatureKind.Kind,
    ];

    private static readonly string[] OfAll = ["use", "hosts", "placeholder", "swap", "scrub"];
    private static readonly string[] OfSome = [.. Kinds.SelectMany(k => k.Keys).Distinct()];

    public static Dictionary<string, Credential> Read(ConfigNode node, Dictionary<string, ISecret> secrets, ConfigContext context)
    {
        var credentials = new Dictionary<string, Credential>();
        foreach (var (name, value) in node.Entries())
        {
            var fields = value.Closed([.. OfAll, .. OfSome]);
            var use = fields.Required("use").OneOf([.. Kinds.Select(k => k.Use)]);
            var kind = Kinds.FirstOrDefault(k => k.Use == use);
            if (kind is not null) FailOnForeignKeys(fields, kind);
            context.Sources.Clear();
            var parts = kind?.Read(new(name, fields, secrets, context)) ?? new();
            foreach (var used in parts.Headers.SelectMany(h => h.Secrets).Concat(parts.Parameters.SelectMany(p => p.Secrets))) context.Use(used.Name);
            var hosts = PoliciesSection.ReadHosts(fields.Required("hosts"), "a credential must be bound to named hosts; '**' would send it anywhere");
            if (hosts.Count == 0) value.Fail("'hosts' names no host, so the credential could never be used");
            if (kind?.NeverTravels == true && fields.Has("placeholder", out var odd)) odd.Fail($"the secret of 'use: {use}' never leaves the gateway, so that a placeholder could not be swapped for it");
            var placeholder = kind?.NeverTravels == true ? null : PlaceholderReader.Read(fields, use, parts.Secret ?? OnlySecretOf(parts), credentials.Values);
            credentials[name] = new Credential(name, parts.Headers, hosts)
            {
                Parameters = parts.Parameters,
                Signer = parts.Signer,
                Certificate = parts.Certificate,
                Placeholder = placeholder,
                Existing = ReadExisting(fields),
                IsScrubbed = ReadScrub(fields),
                Sources = [.. context.Sources.Distinct()],
                ForGatewayOnly = parts.ForGatewayOnly,
            };
            WarnOfShort(credentials[name], value, context);
        }

        return credentials;
    }

    private static ISecret? OnlySecretOf(CredentialKind.Parts parts) =>
        (ISecret[])[.. parts.Headers.Select(h => h.OnlySecret()).Concat(parts.Parameters.Select(p => p.OnlySecret())).OfType<ISecret>().Distinct()] is [var only] ? only : null;

    private static void FailOnForeignKeys(ConfigNode.Fields fields, CredentialKind kind)
    {
        foreach (var key in OfSome.Except(kind.Keys))
        {
            if (!fields.Has(key, out var foreign)) continue;
            var hint = key == "secret" && kind.Keys.Contains("set") ? "; here write the secret into 'set' as {name}" : "";
            foreign.Fail($"'{key}' is for {string.Join(" or ", Kinds.Where(k => k.Keys.Contains(key)).Select(k => $"'use: {k.Use}'"))}{hint}");
        }
    }

    private static bool ReadScrub(ConfigNode.Fields fields) => !fields.Has("scrub", out var node) || node.OneOf("true", "false") != "false";

    // Of a program's secret or a token nothing is known yet.
    private static void WarnOfShort(Credential credential, ConfigNode at, ConfigContext context)
    {
        if (!credential.IsScrubbed) return;
        foreach (var secret in credential.Secrets.Where(s => s.Constant is { } constant && constant.Reveal().Length < SecretForms.MinLength))
            context.Warnings.Add($"{at.Path}: the secret '{secret.Name}' is shorter than {SecretForms.MinLength} characters, so an answer that repeats it is not recognised; make it longer, or write 'scrub: false'");
    }

    private static ExistingHeader ReadExisting(ConfigNode.Fields fields)
    {
        if (!fields.Has("existing", out var node)) return ExistingHeader.Replace;
        var existing = node.OneOf("replace", "keep", "refuse-unless-placeholder");
        if (existing != "refuse-unless-placeholder") return existing == "keep" ? ExistingHeader.Keep : ExistingHeader.Replace;
        if (!fields.Has("placeholder", out _)) node.Fail("it needs a 'placeholder'");
        return ExistingHeader.RefuseUnlessPlaceholder;
    }
}
