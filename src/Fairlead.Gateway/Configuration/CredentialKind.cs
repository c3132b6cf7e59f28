using Fairlead.Gateway.Credentials;

namespace Fairlead.Gateway.Configuration;

/// <summary>A kind of credential.</summary>
/// <param name="Use">Its word at <c>use</c>.</param>
/// <param name="Keys">The keys of its own, beside those that every kind has.</param>
/// <param name="Read">Makes of them what the credential does. With an error in the file, anything.</param>
internal sealed record CredentialKind(string Use, string[] Keys, Func<CredentialKind.Input, CredentialKind.Parts> Read)
{
    /// <summary>True when its secret stays with the gateway, whatever is sent: it proves something by it. A placeholder cannot stand for such a secret.</summary>
    public bool NeverTravels { get; init; }

    /// <summary>What a kind reads.</summary>
    /// <param name="Name">The name of the credential.</param>
    /// <param name="Fields">Its keys.</param>
    /// <param name="Secrets">The file's secrets.</param>
    /// <param name="Context">What the sections share.</param>
    internal sealed record Input(string Name, ConfigNode.Fields Fields, Dictionary<string, ISecret> Secrets, ConfigContext Context)
    {
        /// <summary>The secret that a key names.</summary>
        public ISecret? Secret(string key)
        {
            var secret = ConfigContext.Named(Fields.Required(key), Secrets, "secret");
            if (secret is not null) Context.Use(secret.Name);
            return secret;
        }

        /// <summary>The entries of a <c>set</c>, each a name and a template.</summary>
        public IReadOnlyList<(string Name, ConfigNode At)> Set(string what)
        {
            var set = Fields.Required("set");
            var entries = set.Entries();
            if (entries.Count == 0 && set.Node is YamlDotNet.RepresentationModel.YamlMappingNode) set.Fail($"it names no {what}, so the credential would add nothing");
            return entries;
        }
    }

    /// <summary>What a credential of the kind does.</summary>
    internal sealed record Parts
    {
        public IReadOnlyList<InjectedHeader> Headers { get; init; } = [];

        public IReadOnlyList<InjectedParameter> Parameters { get; init; } = [];

        /// <summary>What upstreams are shown in TLS, or null.</summary>
        public ClientCertificate? Certificate { get; init; }

        /// <summary>What signs requests, or null.</summary>
        public IRequestSigner? Signer { get; init; }

        /// <summary>What a placeholder of the credential stands for. Default: the one secret of its headers and parameters, where there is one only.</summary>
        public ISecret? Secret { get; init; }

        /// <summary>Why nobody but the gateway may use it, or null.</summary>
        public string? ForGatewayOnly { get; init; }

        /// <summary><c>Authorization: Bearer</c> with a token; nothing for null.</summary>
        public static Parts Bearer(ISecret? token)
        {
            if (token is null) return new Parts();
            _ = InjectedHeader.TryCreate("Authorization", "Bearer {token}", new Dictionary<string, ISecret> { ["token"] = token }, out var header);
            return new Parts { Headers = [header!], Secret = token };
        }
    }
}
