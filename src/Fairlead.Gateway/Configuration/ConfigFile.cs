using System.Diagnostics.CodeAnalysis;
using System.Net;
using System.Security.Cryptography.X509Certificates;
using Fairlead.Gateway.Credentials;
using Fairlead.Gateway.Policy;
using Fairlead.Gateway.Sessions;
using Fairlead.Gateway.Upstream;
using Fairlead.Wire;
using YamlDotNet.Core;
using YamlDotNet.RepresentationModel;

namespace Fairlead.Gateway.Configuration;

/// <summary>Reads the operator's file, version 1: a closed world in which what is not known is an error. Relative paths begin at the file.</summary>
internal sealed class ConfigFile
{
    private const int MaxFileBytes = 4 * 1024 * 1024;

    private readonly string _directory;
    private readonly LocalSession? _local;
    private readonly List<string> _warnings = [];
    private readonly List<string> _secretVariables = [];

    private ConfigFile(string directory, LocalSession? local) => (_directory, _local) = (directory, local);

    /// <summary>A session whose token comes from the caller and not from the file, for a gateway that serves one command on one machine.</summary>
    /// <param name="Id">The session's id; null takes the first of the file.</param>
    /// <param name="Token">Its token.</param>
    internal sealed record LocalSession(string? Id, string Token);

    /// <exception cref="ConfigException">The file cannot be read or does not load; the message lists every error with line and column.</exception>
    public static GatewayOptions Load(string path, LocalSession? local)
    {
        var errors = new ConfigErrors(path);
        var root = new ConfigNode(Parse(path), "", errors);
        var options = new ConfigFile(Path.GetDirectoryName(Path.GetFullPath(path))!, local).Read(root);
        errors.ThrowIfAny();
        return options!;
    }

    private static YamlNode Parse(string path)
    {
        try
        {
            if (new FileInfo(path).Length > MaxFileBytes) throw new ConfigException($"{path}: expected a file of at most {MaxFileBytes} bytes");
            using var reader = new StreamReader(path);
            var stream = new YamlStream();
            stream.Load(reader);
            return stream.Documents switch
            {
                [] => throw new ConfigException($"{path}: the file is empty"),
                [var document] => document.RootNode,
                [_, var second, ..] => throw new ConfigException($"{path}:{second.RootNode.Start.Line}:1: expected one YAML document, got {stream.Documents.Count}"),
            };
        }
        catch (YamlException e)
        {
            throw new ConfigException($"{path}:{e.Start.Line}:{e.Start.Column}: this is not YAML: {e.Message}", e);
        }
        catch (Exception e) when (e is InvalidOperationException or ArgumentException)
        {
            // YamlDotNet meets some broken texts with an exception that is none of its own.
            throw new ConfigException($"{path}: this is not YAML: {e.Message}", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ConfigException($"{path}: the file cannot be read: {e.Message}", e);
        }
    }

    private GatewayOptions? Read(ConfigNode root)
    {
        var fields = root.Closed("version", "listen", "tls", "ca", "secrets", "credentials", "policies", "sessions", "audit", "upstream");
        var version = fields.Required("version");
        if (version.Text() is { Length: > 0 } v && v != "1") version.Fail($"expected version 1, got '{HostPort.Printable(v)}'");

        var listen = ReadListen(fields);
        var caDirectory = PathOf(fields.Required("ca").Closed("directory").Required("directory"));
        var auditFile = PathOf(fields.Required("audit").Closed("file").Required("file"));
        var secrets = fields.Has("secrets", out var secretsNode) ? ReadSecrets(secretsNode) : [];
        var credentials = fields.Has("credentials", out var credentialsNode) ? ReadCredentials(credentialsNode, secrets) : [];
        var policies = ReadPolicies(fields.Required("policies"));
        var sessions = ReadSessions(fields.Required("sessions"), policies, credentials);
        var upstream = fields.Has("upstream", out var upstreamNode) ? ReadUpstream(upstreamNode) : new UpstreamOptions();
        return listen is null ? null : new GatewayOptions
        {
            Listen = listen,
            CaDirectory = caDirectory,
            Sessions = sessions,
            AuditFile = auditFile,
            Upstream = upstream,
            SecretVariables = [.. _secretVariables.Distinct()],
            Warnings = _warnings,
        };
    }

    private GatewayOptions.ListenOptions? ReadListen(ConfigNode.Fields fields)
    {
        var node = fields.Required("listen");
        var text = node.Text();
        if (text.Length == 0) return null;
        string? certificate = null, key = null;
        if (fields.Has("tls", out var tls))
        {
            var parts = tls.Closed("certificate", "key");
            certificate = ExistingFile(parts.Required("certificate"));
            key = ExistingFile(parts.Required("key"));
        }

        if (!Uri.TryCreate(text, UriKind.Absolute, out var uri) || uri.Scheme is not ("http" or "https") || uri.Query.Length > 0 || uri.Fragment.Length > 0 || uri.UserInfo.Length > 0)
        {
            node.Fail($"expected http://ADDRESS:PORT[/prefix] or https://…, got '{HostPort.Printable(text)}'");
            return null;
        }

        var host = uri.Host == "localhost" ? "127.0.0.1" : uri.Host.Trim('[', ']');
        if (!IPAddress.TryParse(host, out var address)) node.Fail($"expected the address of an interface, such as 127.0.0.1 or 0.0.0.0, got '{HostPort.Printable(uri.Host)}'");
        if (uri.Scheme == "https" && tls is null) node.Fail("https needs 'tls: { certificate: FILE, key: FILE }'");
        if (uri.Scheme == "http" && tls is not null) tls.Fail("'tls' is for https, but 'listen' says http");
        // Local mode is loopback only and never behind a prefix: one relay of this machine knows the address.
        return _local is not null
            ? new(new IPEndPoint(IPAddress.Loopback, 0), "", null, null)
            : new(new IPEndPoint(address ?? IPAddress.Loopback, uri.Port), uri.AbsolutePath.TrimEnd('/'), certificate, key);
    }

    private Dictionary<string, Secret> ReadSecrets(ConfigNode node)
    {
        var secrets = new Dictionary<string, Secret>();
        foreach (var (name, value) in node.Entries())
        {
            // A secret that cannot be read was reported; that it is missing elsewhere too would only be noise. Nothing is made of a file with errors.
            var secret = ReadSource(value) is { } source ? ReadSecret(name, value, source) : null;
            secrets[name] = secret ?? Secret.Unreadable(name);
        }

        return secrets;
    }

    private SecretSource? ReadSource(ConfigNode node)
    {
        var fields = node.Closed("from", "name", "path");
        var from = fields.Required("from").OneOf("env", "file");
        if (from == "env")
        {
            if (fields.Has("path", out var path)) path.Fail("'path' is for 'from: file'");
            var variable = fields.Required("name").Text();
            if (variable.Length > 0) _secretVariables.Add(variable);
            return variable.Length == 0 ? null : new SecretSource(variable, null);
        }

        if (from != "file") return null;
        if (fields.Has("name", out var name)) name.Fail("'name' is for 'from: env'");
        var file = PathOf(fields.Required("path"));
        return file.Length == 0 ? null : new SecretSource(null, file);
    }

    private Secret? ReadSecret(string name, ConfigNode node, SecretSource source)
    {
        if (source.TryRead(out var raw) is { } missing)
        {
            node.Fail(missing);
            return null;
        }

        if (!Secret.TryCreate(name, raw, out var secret, out var hadLineBreak, out var problem)) node.Fail($"the value cannot be used: {problem}");
        if (hadLineBreak) _warnings.Add($"{node.Path}: the value ended in a line break, which was trimmed");
        return secret;
    }

    private static Dictionary<string, Credential> ReadCredentials(ConfigNode node, Dictionary<string, Secret> secrets)
    {
        var credentials = new Dictionary<string, Credential>();
        foreach (var (name, value) in node.Entries())
        {
            var fields = value.Closed("use", "set", "secret", "hosts");
            var headers = new List<InjectedHeader>();
            var templates = fields.Required("use").OneOf("header", "bearer") switch
            {
                "header" => HeaderTemplates(fields),
                "bearer" => BearerTemplate(fields),
                _ => [],
            };
            foreach (var (header, template, at) in templates)
            {
                if (headers.Any(h => h.Name.Equals(header, StringComparison.OrdinalIgnoreCase))) at.Fail($"the header '{HostPort.Printable(header)}' is set twice");
                else if (InjectedHeader.TryCreate(header, template, secrets, out var made) is { } problem) at.Fail(problem);
                else headers.Add(made!);
            }

            var hosts = new List<HostPattern>();
            foreach (var host in fields.Required("hosts").Items())
            {
                var text = host.Text();
                if (text.Length == 0) continue;
                if (!HostPattern.TryParse(text, out var pattern, out var problem)) host.Fail(problem);
                else if (text == "**" || text.StartsWith("**:", StringComparison.Ordinal)) host.Fail("a credential must be bound to named hosts; '**' would send it anywhere");
                else hosts.Add(pattern);
            }

            if (hosts.Count == 0) value.Fail("'hosts' names no host, so the credential could never be used");
            credentials[name] = new Credential(name, headers, hosts);
        }

        return credentials;
    }

    private static List<(string Header, string Template, ConfigNode At)> HeaderTemplates(ConfigNode.Fields fields)
    {
        if (fields.Has("secret", out var secret)) secret.Fail("'secret' is for 'use: bearer'; here write the secret into 'set' as {name}");
        var set = fields.Required("set");
        var entries = set.Entries();
        if (entries.Count == 0 && set.Node is YamlMappingNode) set.Fail("it names no header, so the credential would add nothing");
        return [.. entries.Select(e => (e.Key, e.Value.Text(), e.Value))];
    }

    private static List<(string Header, string Template, ConfigNode At)> BearerTemplate(ConfigNode.Fields fields)
    {
        if (fields.Has("set", out var set)) set.Fail("'set' is for 'use: header'");
        var secret = fields.Required("secret");
        var name = secret.Text();
        return name.Length == 0 ? [] : [("Authorization", $"Bearer {{{name}}}", secret)];
    }

    private Dictionary<string, RuleSet> ReadPolicies(ConfigNode node)
    {
        var policies = new Dictionary<string, RuleSet>();
        foreach (var (name, value) in node.Entries())
        {
            var fields = value.Closed("mode", "default", "rules");
            var mode = fields.Has("mode", out var modeNode) ? modeNode.OneOf("enforce", "observe", "open") : "enforce";
            var fallback = fields.Has("default", out var defaultNode) ? defaultNode.OneOf("deny", "allow") : "deny";
            var rules = new List<Rule>();
            if (fields.Has("rules", out var rulesNode))
            {
                foreach (var item in rulesNode.Items())
                {
                    var text = item.Text();
                    if (text.Length == 0) continue;
                    if (Rule.TryParse(text, out var rule, out var problem)) rules.Add(rule);
                    else item.Fail(problem);
                    if (rule?.OnlyHost == Protocol.SelfTestHost)
                        _warnings.Add($"{item.Path}: a rule about {Protocol.SelfTestHost} has no effect: the gateway answers that host itself, for every session");
                }
            }

            policies[name] = new RuleSet(
                name,
                mode switch { "observe" => PolicyMode.Observe, "open" => PolicyMode.Open, _ => PolicyMode.Enforce },
                fallback == "allow" ? Verdict.Allow : Verdict.Deny,
                rules);
        }

        return policies;
    }

    private List<Session> ReadSessions(ConfigNode node, Dictionary<string, RuleSet> policies, Dictionary<string, Credential> credentials)
    {
        var sessions = new List<Session>();
        var items = node.Items();
        if (items.Count == 0 && node.Node is not null) node.Fail("there is no session, so nobody could connect");
        var foundLocal = false;
        foreach (var item in items)
        {
            var fields = item.Closed("id", "token", "policy", "credentials");
            var id = ReadSessionId(fields.Required("id"), sessions);
            // All sources are read for their names, so that no command sees any of them; in local mode one session lives, with the caller's token.
            var tokenNode = fields.Required("token");
            var source = ReadSource(tokenNode);
            var isLocal = _local is not null && !foundLocal && (_local.Id is null || _local.Id == id);
            foundLocal |= isLocal;
            var token = isLocal ? _local!.Token : _local is null && source is not null ? ReadSecret("token", tokenNode, source)?.Reveal() : null;

            var policy = Named(fields.Required("policy"), policies, "policy");
            var granted = fields.Has("credentials", out var names)
                ? names.Items().Select(n => (Node: n, Credential: Named(n, credentials, "credential"))).Where(g => g.Credential is not null).ToList()
                : [];
            FailOnConflicts(granted!);
            if (_local is not null && !isLocal) continue;
            if (policy is null || token is null) continue;
            var hash = SessionRegistry.HashOf(token);
            if (sessions.Any(s => s.TokenHash.AsSpan().SequenceEqual(hash))) tokenNode.Fail("another session has the same token, so a caller could not be told apart");
            sessions.Add(new Session(id, hash, policy, new CredentialSet([.. granted.Select(g => g.Credential!)])));
        }

        if (_local is { Id: { } wanted } && !foundLocal) node.Fail($"there is no session '{HostPort.Printable(wanted)}'");
        return sessions;
    }

    private static string ReadSessionId(ConfigNode node, List<Session> others)
    {
        var id = node.Text();
        // It is the user of HTTP Basic, which ends at the first colon (RFC 7617 §2).
        if (id.Any(c => c is <= ' ' or > '~' or ':')) node.Fail($"expected visible ASCII without ':', got '{HostPort.Printable(id)}'");
        if (others.Any(s => s.Id == id)) node.Fail($"there are two sessions '{HostPort.Printable(id)}'");
        return id;
    }

    private static T? Named<T>(ConfigNode node, Dictionary<string, T> all, string what)
        where T : class
    {
        var name = node.Text();
        if (name.Length == 0) return null;
        if (all.TryGetValue(name, out var found)) return found;
        var hint = all.Count == 0 ? "none is defined" : $"did you mean '{ConfigErrors.Nearest(name, all.Keys)}'?";
        node.Fail($"there is no {what} '{HostPort.Printable(name)}'; {hint}");
        return null;
    }

    private static void FailOnConflicts(List<(ConfigNode Node, Credential Credential)> granted)
    {
        for (var i = 0; i < granted.Count; i++)
        {
            for (var j = 0; j < i; j++)
            {
                if (granted[i].Credential.ConflictWith(granted[j].Credential) is { } header)
                    granted[i].Node.Fail($"'{granted[i].Credential.Name}' and '{granted[j].Credential.Name}' both set {header} for the same host; which of them won would be an accident");
            }
        }
    }

    private UpstreamOptions ReadUpstream(ConfigNode node)
    {
        var fields = node.Closed("extra_ca", "resolve");
        var roots = new X509Certificate2Collection();
        if (fields.Has("extra_ca", out var extra) && ExistingFile(extra) is { Length: > 0 } file)
        {
            try
            {
                roots.ImportFromPemFile(file);
                if (roots.Count == 0) extra.Fail($"{file} holds no certificate in PEM");
            }
            catch (System.Security.Cryptography.CryptographicException e)
            {
                extra.Fail($"{file} holds a certificate that cannot be read: {e.Message}");
            }
        }

        var resolve = new Dictionary<string, IPEndPoint>();
        if (fields.Has("resolve", out var table))
        {
            foreach (var (host, value) in table.Entries())
            {
                var text = value.Text();
                if (!HostPort.TryCanonicalHost(host.Trim('[', ']'), out var canonical, out _, out var problem)) value.Fail(problem);
                else if (text.Length == 0) continue;
                else if (!TryReadEndPoint(text, out var endPoint)) value.Fail($"expected address or address:port, such as 127.0.0.1:9443, got '{HostPort.Printable(text)}'");
                else if (!resolve.TryAdd(canonical, endPoint)) value.Fail($"'{HostPort.Printable(canonical)}' is there twice");
            }
        }

        return new UpstreamOptions { ExtraRoots = roots, Resolve = resolve };
    }

    // IPEndPoint reads "9443" as the address 0.0.36.227, which nobody means: one spelling of an IPv4 address, the canonical one.
    private static bool TryReadEndPoint(string text, [NotNullWhen(true)] out IPEndPoint? endPoint) =>
        IPEndPoint.TryParse(text, out endPoint)
        && (endPoint.AddressFamily != System.Net.Sockets.AddressFamily.InterNetwork || text.Split(':')[0] == endPoint.Address.ToString());

    private string PathOf(ConfigNode node)
    {
        var text = node.Text();
        if (!text.Contains('\0', StringComparison.Ordinal)) return text.Length == 0 ? "" : Path.GetFullPath(text, _directory);
        node.Fail($"expected a path, got '{HostPort.Printable(text)}'");
        return "";
    }

    private string ExistingFile(ConfigNode node)
    {
        var path = PathOf(node);
        if (path.Length == 0 || File.Exists(path)) return path;
        node.Fail($"the file {path} does not exist");
        return "";
    }
}
