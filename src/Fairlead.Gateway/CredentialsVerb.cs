using System.CommandLine;
using Fairlead.Gateway.Configuration;
using Fairlead.Gateway.Credentials;
using Fairlead.Gateway.Policy;

namespace Fairlead.Gateway;

/// <summary><c>fairlead-gateway credentials …</c>: what a configuration adds to requests, and whether it is taken.</summary>
internal static class CredentialsVerb
{
    private static readonly Option<string> Config = new("--config", "-c") { Description = "the configuration file", DefaultValueFactory = _ => "fairlead.yaml" };

    public static Command Describe() => new("credentials", "What a configuration adds to requests, and whether it is taken.") { Verbs.Guard(List()), Verbs.Guard(Test()) };

    private static Command List()
    {
        var command = new Command("list", "Lists the credentials: hosts, what they set, where that comes from, whose they are. No secret is read.") { Config };
        command.SetAction(parsed =>
        {
            var options = ConfigFile.LoadForReview(parsed.GetRequiredValue(Config));
            foreach (var credential in options.Credentials)
            {
                var sessions = options.Sessions.Where(s => s.Credentials.All.Contains(credential)).Select(s => s.Id).ToArray();
                Console.Write($"{credential.Name}\n{CredentialTrial.Describe(credential)}  sessions  {(sessions.Length == 0 ? "none" : string.Join(", ", sessions))}\n");
            }

            return 0;
        });
        return command;
    }

    private static Command Test()
    {
        var name = new Argument<string>("name") { Description = "the credential" };
        var url = new Option<string?>("--url") { Description = "what to ask for, at one of the credential's hosts; default: / of the first" };
        var head = new Option<bool>("--head") { Description = "ask with HEAD in place of GET" };
        var isDry = new Option<bool>("--dry-run") { Description = "say what would be sent; nothing is read, asked or sent" };
        var command = new Command(
            "test",
            "Gets the credential as the gateway would, and asks its host for something with it. Prints what was set and what came of it, and no secret. Exit code 0 when the host answered and did not refuse, 1 when not.") { name, Config, url, head, isDry };
        command.SetAction(parsed =>
        {
            var file = parsed.GetRequiredValue(Config);
            var options = parsed.GetValue(isDry) ? ConfigFile.LoadForReview(file) : ConfigFile.Load(file, local: null, isFirst: false);
            var credential = options.Credentials.FirstOrDefault(c => c.Name == parsed.GetRequiredValue(name))
                ?? throw new ConfigException($"there is no credential '{Wire.HostPort.Printable(parsed.GetRequiredValue(name))}'; there are: {string.Join(", ", options.Credentials.Select(c => c.Name))}");
            var line = LineOf(credential, parsed.GetValue(head) ? "HEAD" : "GET", parsed.GetValue(url));
            Console.Write($"{credential.Name}\n{CredentialTrial.Describe(credential)}  request   {line.Method} https://{line.Destination}{line.Path}\n");
            if (parsed.GetValue(isDry)) return 0;
            var (isGood, text) = new CredentialTrial(options, TimeProvider.System).RunAsync(credential, line).GetAwaiter().GetResult();
            Console.Write(text);
            return isGood ? 0 : 1;
        });
        return command;
    }

    private static RequestLine LineOf(Credential credential, string method, string? url)
    {
        if (url is null && credential.Hosts[0].Wildcard != HostWildcard.None) throw new ConfigException($"--url is needed: '{credential.Hosts[0].Text}' is no host by itself");
        url ??= $"https://{credential.Hosts[0].Text}/";
        if (!Review.AskedRequest.TryParse(method, url, [], null, out var facts, out var problem)) throw new ConfigException($"--url: {problem}");
        if (!credential.IsBoundTo(facts.Destination)) throw new ConfigException($"--url: {facts.Destination} is none of the credential's hosts: {string.Join(", ", credential.Hosts.Select(h => h.Text))}");
        var query = url.IndexOf('?', StringComparison.Ordinal);
        return new RequestLine(method, facts.Destination, facts.Path + (query < 0 ? "" : url[query..].Split('#')[0]));
    }
}
