using System.CommandLine;
using System.Text.Json;
using System.Text.Json.Nodes;
using Fairlead.Gateway.Configuration;
using Fairlead.Gateway.Identity;
using Fairlead.Gateway.Policy;
using Fairlead.Gateway.Sessions;
using Fairlead.Wire;

namespace Fairlead.Gateway;

/// <summary><c>fairlead-gateway session …</c>: makes, narrows, revokes and explains tokens of sessions. Only <c>new</c> needs the gateway's key, and none asks a running gateway.</summary>
internal static class SessionVerb
{
    private static readonly TimeSpan DefaultLifetime = TimeSpan.FromHours(4);
    private static readonly TimeSpan DefaultChildLifetime = TimeSpan.FromMinutes(15);
    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true };

    private static readonly Option<string> Config = new("--config", "-c") { Description = "the configuration file", DefaultValueFactory = _ => "fairlead.yaml" };
    private static readonly Option<bool> Json = new("--json") { Description = "print JSON" };
    private static readonly Option<string?> TokenIn = new("--token-file") { Description = "the file with the token; default: standard input" };
    private static readonly Option<string?> TokenOut = new("--write-token") { Description = "write the token to this file, mode 0600, and do not print it" };

    public static Command Describe() => new("session", "Make, narrow, revoke and explain tokens of sessions.")
    {
        Verbs.Guard(New()), Verbs.Guard(Child()), Verbs.Guard(Revoke()), Verbs.Guard(Show()),
    };

    private static Command New()
    {
        var entry = new Option<string?>("--session") { Description = "the entry of 'sessions' that it is by; default: the only one that the gateway's own key signs for" };
        var id = new Option<string?>("--id") { Description = "what is behind the slash of the session's id; default: a new unique one" };
        var lifetime = new Option<string?>("--lifetime") { Description = "how long it lasts: 90s, 15m, 4h, 7d; default: 4h" };
        var claims = new Option<string[]>("--claim") { Description = "another claim, NAME=VALUE; may stand several times", DefaultValueFactory = _ => [] };
        var gateway = new Option<string?>("--gateway") { Description = "the gateway's address as the container reaches it; default: 'listen' of the configuration" };
        var command = new Command("new", "Make a session: prints its token, and the environment that the container is given.") { Config, entry, id, lifetime, claims, gateway, TokenOut, Json };
        command.SetAction(parsed =>
        {
            var options = ConfigFile.LoadForReview(parsed.GetRequiredValue(Config));
            var asked = new SessionRequest(
                parsed.GetValue(entry), parsed.GetValue(id), SessionRequest.TimeOf(parsed.GetValue(lifetime), "--lifetime"), ReadClaims(parsed.GetRequiredValue(claims)), parsed.GetValue(gateway));
            foreach (var key in options.SessionSet.Issuers.Select(i => i.KeyFile).OfType<string>())
            {
                if (SigningKey.CreateIfMissing(key)) Console.Error.WriteLine($"fairlead-gateway: there was no key, so a new one was made in {key}");
            }

            var session = SessionMint.Make(options, asked, DefaultLifetime, TimeProvider.System.GetUtcNow());
            Print(session, parsed.GetValue(gateway) ?? options.Listen.Url, parsed.GetValue(TokenOut), parsed.GetValue(Json));
            return 0;
        });
        return command;
    }

    private static Command Child()
    {
        var allow = new Option<string[]>("--allow") { Description = "what the child may, of what its parent may: 'METHODS host[:port][/path]'; may stand several times", Required = true };
        var lifetime = new Option<string?>("--lifetime") { Description = "how long it lasts; default: 15m. It never outlives its parent" };
        var parentId = new Option<string?>("--session-id") { Description = "the parent's session id, to print the child's" };
        var command = new Command("child", "Make a narrower token of one you hold. Asks nobody: the gateway verifies it when it comes.") { allow, lifetime, TokenIn, parentId, TokenOut, Json };
        command.SetAction(parsed =>
        {
            var token = ReadToken(parsed.GetValue(TokenIn));
            var rules = parsed.GetRequiredValue(allow).Select(text =>
                Rule.TryParse($"allow {text}", new Dictionary<string, IReadOnlyList<HostPattern>>(), out var rule, out var problem) ? rule.Text : throw new InvalidDataException($"--allow '{HostPort.Printable(text)}': {problem}")).ToArray();
            var now = TimeProvider.System.GetUtcNow();
            var expires = now + (SessionRequest.TimeOf(parsed.GetValue(lifetime), "--lifetime") ?? DefaultChildLifetime);
            var narrowed = token.Narrow(rules, expires, now, out var id);
            var session = parsed.GetValue(parentId) is { } parent ? $"{parent}~{id}" : null;
            if (Write(narrowed, parsed.GetValue(TokenOut))) return 0;
            Console.WriteLine(parsed.GetValue(Json) ? new JsonObject { ["session"] = session, ["token"] = narrowed }.ToJsonString(Indented) : narrowed);
            return 0;
        });
        return command;
    }

    private static Command Revoke()
    {
        var id = new Argument<string>("id") { Description = "a session's id, as the audit has it, or the 'jti' of a token. Children of it are revoked, too" };
        var file = new Option<string?>("--file") { Description = "the file of revoked sessions itself, when the configuration does not load" };
        var command = new Command("revoke", "End a session: writes it to the file that 'revocations' names, which running gateways read within a second.") { id, Config, file };
        command.SetAction(parsed =>
        {
            if (parsed.GetValue(file) is { } given)
            {
                Write(given, parsed.GetRequiredValue(id), null);
                return 0;
            }

            var options = ConfigFile.LoadForReview(parsed.GetRequiredValue(Config));
            Write(options.RevocationsFile!, parsed.GetRequiredValue(id), SessionMint.WhyNotRevocable(options, parsed.GetRequiredValue(id)));
            return 0;

            static void Write(string file, string id, string? problem)
            {
                if (problem is not null) throw new ConfigException(problem);
                Revocations.Add(file, id, TimeProvider.System.GetUtcNow());
                Console.WriteLine($"revoked {id} in {file}");
            }
        });
        return command;
    }

    private static Command Show()
    {
        var command = new Command("show", "What a token says, whether it holds, and which entry of the configuration it is for. Exit code 0 when a gateway would take it, 1 when not.") { Config, TokenIn };
        command.SetAction(parsed =>
        {
            // With keys: those of issuers are read, or fetched, as a gateway would.
            var options = ConfigFile.LoadIdentities(parsed.GetRequiredValue(Config));
            var text = ReadText(parsed.GetValue(TokenIn));
            using var registry = new SessionRegistry(options.SessionSet with { Fixed = [] }, TimeProvider.System);
            if (SessionToken.TryParse(text, out var token) && SessionToken.ClaimsOf(token.Root) is { } claims) Console.WriteLine($"claims    {claims.GetRawText()}");
            var (lease, why) = registry.AuthenticateAsync($"Bearer {text}", CancellationToken.None).AsTask().GetAwaiter().GetResult();
            if (lease is null)
            {
                // Tokens that stand in the configuration are secrets, and this command reads none.
                Console.WriteLine($"refused   {why}");
                return 1;
            }

            Console.WriteLine($"session   {lease.Current.Id}\npolicy    {lease.Current.Policy.Name}\nexpires   {lease.Expires:u}");
            foreach (var rule in lease.Current.Narrowed.SelectMany(n => n.Rules)) Console.WriteLine($"narrowed  {rule.Text}");
            return 0;
        });
        return command;
    }

    private static Dictionary<string, string> ReadClaims(string[] given)
    {
        var claims = new Dictionary<string, string>();
        foreach (var text in given)
        {
            if (text.Split('=', 2) is not [{ Length: > 0 } name, var value]) throw new InvalidDataException($"--claim: expected NAME=VALUE, got '{HostPort.Printable(text)}'");
            claims[name] = value;
        }

        return claims;
    }

    private static SessionToken ReadToken(string? file) =>
        SessionToken.TryParse(ReadText(file), out var token) ? token : throw new InvalidDataException("expected the token of a session: a JWT, with '~' and its key behind it");

    private static string ReadText(string? file) => (file is null ? Console.In.ReadToEnd() : File.ReadAllText(file)).Trim();

    private static bool Write(string token, string? path)
    {
        if (path is null) return false;
        using var file = new FileStream(path, new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write, UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite });
        file.Write(System.Text.Encoding.ASCII.GetBytes(token));
        return true;
    }

    private static void Print(MintedSession session, string gateway, string? tokenFile, bool isJson)
    {
        var isWritten = Write(session.Token, tokenFile);
        if (isJson)
        {
            var json = session.ToJson(gateway);
            if (isWritten) json.Remove("token");
            Console.WriteLine(json.ToJsonString(Indented));
            return;
        }

        Console.WriteLine($"# session {session.Id}, until {session.Expires:u}");
        Console.WriteLine(isWritten ? $"# its token is in {tokenFile}" : $"# the token file: {MintedSession.TokenFile} in the container, mode 0600, owned by the user of the relay\n{session.Token}");
        Console.WriteLine("# the container's environment");
        foreach (var (name, value) in session.EnvironmentFor(gateway)) Console.WriteLine($"{name}={value}");
    }
}
