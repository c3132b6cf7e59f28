using Fairlead.Gateway.Sessions;
using Fairlead.Gateway.Upstream;
using Fairlead.Wire;
using YamlDotNet.Core;
using YamlDotNet.RepresentationModel;

namespace Fairlead.Gateway.Configuration;

/// <summary>Reads the operator's file, version 1: a closed world in which what is not known is an error. Relative paths begin at the file.</summary>
internal static class ConfigFile
{
    private const int MaxFileBytes = 4 * 1024 * 1024;
    private const int MaxDepth = 32;

    private static readonly System.Buffers.SearchValues<char> ControlCharacters = System.Buffers.SearchValues.Create([.. Enumerable.Range(0, 32).Append(0x7f).Where(c => c is not ('\t' or '\n' or '\r')).Select(c => (char)c)]);

    /// <summary>Loads the file for a gateway that will run.</summary>
    /// <exception cref="ConfigException">The file cannot be read or does not load; the message lists every error with line and column.</exception>
    public static GatewayOptions Load(string path, LocalSession? local, bool isFirst = true) => Load(path, new ConfigContext(DirectoryOf(path), local, isReview: false) { MakesKeys = isFirst });

    /// <summary>Loads the file for somebody who asks what it would do: no secret is read, and no other file.</summary>
    /// <exception cref="ConfigException">As above.</exception>
    public static GatewayOptions LoadForReview(string path) => Load(path, new ConfigContext(DirectoryOf(path), null, isReview: true));

    /// <summary>Loads the file for somebody who asks who may connect: the keys of issuers are read, and no secret is.</summary>
    /// <exception cref="ConfigException">As above.</exception>
    public static GatewayOptions LoadIdentities(string path) => Load(path, new ConfigContext(DirectoryOf(path), null, isReview: true) { ReadsIdentities = true });

    /// <summary>Reads a YAML file of one document.</summary>
    /// <exception cref="ConfigException">It cannot be read, or is none.</exception>
    public static ConfigNode Open(string path, ConfigErrors errors) => new(Parse(path), "", errors);

    private static GatewayOptions Load(string path, ConfigContext context)
    {
        var errors = new ConfigErrors(path);
        var options = Read(Open(path, errors), context);
        errors.ThrowIfAny();
        return options!;
    }

    private static string DirectoryOf(string path) => Path.GetDirectoryName(Path.GetFullPath(path))!;

    private static YamlNode Parse(string path)
    {
        try
        {
            if (new FileInfo(path).Length > MaxFileBytes) throw new ConfigException($"{path}: expected a file of at most {MaxFileBytes} bytes");
            var text = File.ReadAllText(path);
            RequirePlain(path, text);
            var stream = new YamlStream();
            using var reader = new StringReader(text);
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

    // What is nested deeper than any configuration would overflow the stack of whoever loads it, and no gateway survives that. A tag would ask for a type that
    // we do not make, and a control character (YAML 1.2, 5.1, forbids them) is passed over by one reader and ends the file for another.
    private static void RequirePlain(string path, string text)
    {
        if (text.AsSpan().IndexOfAny(ControlCharacters) is >= 0 and var at)
        {
            var before = text.AsSpan(0, at);
            throw new ConfigException($"{path}:{before.Count('\n') + 1}:{at - before.LastIndexOf('\n')}: expected no control characters, got \\u{(int)text[at]:x4}");
        }

        using var reader = new StringReader(text);
        var parser = new Parser(reader);
        for (var depth = 0; parser.MoveNext();)
        {
            depth += parser.Current!.NestingIncrease;
            if (parser.Current is YamlDotNet.Core.Events.NodeEvent { Tag.IsEmpty: false } tagged)
                throw new ConfigException($"{path}:{tagged.Start.Line}:{tagged.Start.Column}: expected no tag, got '{HostPort.Printable(tagged.Tag.Value)}'");
            if (depth > MaxDepth) throw new ConfigException($"{path}:{parser.Current.Start.Line}:{parser.Current.Start.Column}: expected at most {MaxDepth} levels of nesting");
        }
    }

    private static GatewayOptions? Read(ConfigNode root, ConfigContext context)
    {
        var fields = root.Closed("version", "listen", "tls", "ca", "secrets", "credentials", "host_sets", "policies", "issuers", "sessions", "revocations", "admin", "audit", "traces", "upstream");
        var version = fields.Required("version");
        if (version.Text() is { Length: > 0 } v && v != "1") version.Fail($"expected version 1, got '{HostPort.Printable(v)}'");

        var listen = ListenSection.Read(fields, context);
        var auditNode = fields.Required("audit");
        var audit = AuditSection.Read(auditNode, context);
        var sinks = SinksSection.Read(auditNode, context);
        var secrets = fields.Has("secrets", out var secretsNode) ? SecretsSection.Read(secretsNode, context) : [];
        var credentials = fields.Has("credentials", out var credentialsNode) ? CredentialsSection.Read(credentialsNode, secrets, context) : [];
        var policies = PoliciesSection.Read(fields.Required("policies"), fields.Has("host_sets", out var setsNode) ? PoliciesSection.ReadHostSets(setsNode) : [], context);
        var issuers = fields.Has("issuers", out var issuersNode) ? IssuersSection.Read(issuersNode, context) : [];
        var (revocationsFile, revoked) = fields.Has("revocations", out var revocationsNode) ? RevocationsSection.Read(revocationsNode, context) : (null, new HashSet<string>());
        var (sessions, entries) = SessionsSection.Read(fields.Required("sessions"), policies, credentials, issuers, context);
        var upstream = fields.Has("upstream", out var upstreamNode) ? UpstreamSection.Read(upstreamNode, context) : new UpstreamOptions();
        var admin = fields.Has("admin", out var adminNode) ? AdminSection.Read(adminNode, context) : null;
        var traces = fields.Has("traces", out var tracesNode) ? TracesSection.Read(tracesNode, secrets, context) : null;
        // Behind the sections with secrets: their variables are hidden from the program that signs.
        var ca = CaSection.Read(fields.Required("ca"), context);
        context.Fetch();
        return listen is null ? null : new GatewayOptions
        {
            Listen = listen,
            Ca = ca,
            SessionSet = new SessionSet(sessions, entries, [.. issuers.Values], revoked),
            Admin = admin,
            RevocationsFile = revocationsFile,
            Policies = [.. policies.Values],
            Credentials = [.. credentials.Values],
            Audit = audit,
            Sinks = sinks,
            Traces = traces,
            Upstream = upstream,
            SecretVariables = [.. context.SecretVariables.Distinct()],
            SecretFiles = [.. context.SecretFiles.Distinct()],
            WatchedFiles = [.. context.WatchedFiles.Distinct()],
            FetchedSecrets = [.. context.Fetched.Select(f => f.Secret), .. context.FetchedTokens],
            Warnings = context.Warnings,
        };
    }
}
