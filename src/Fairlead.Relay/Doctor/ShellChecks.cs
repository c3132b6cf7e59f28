using Fairlead.Relay.Status;
using Fairlead.Relay.Trust;
using Fairlead.Relay.Tunnel;
using Fairlead.Wire;

namespace Fairlead.Relay.Doctor;

/// <summary>This shell: does it use the relay, and what of the user's wins over it.</summary>
/// <param name="environment">The shell's environment, which tools get.</param>
/// <param name="status">The relay.</param>
/// <param name="home">The home directory.</param>
internal sealed class ShellChecks(IReadOnlyDictionary<string, string> environment, RelaySnapshot status, string home)
{
    private static readonly string[] Bundles = ["SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"];

    /// <summary>True when HTTPS_PROXY names the relay: only then is it worth the while to try tools.</summary>
    public bool UsesRelay => StatusClient.PortIn(environment) == status.Port;

    /// <summary>HTTPS_PROXY.</summary>
    public Check Proxy()
    {
        const string Remedy = "In this shell: eval \"$(fairlead env)\". For one command: fairlead run -- command.";
        if (UsesRelay) return Check.Ok("HTTPS_PROXY", $"names the relay, 127.0.0.1:{status.Port}");
        return Value("HTTPS_PROXY") is null && Value("https_proxy") is null
            ? Check.Failed("HTTPS_PROXY", "is not set in this shell: tools do not go through the relay", Remedy)
            : Check.Failed("HTTPS_PROXY", $"names another proxy than the relay, which is http://127.0.0.1:{status.Port}", Remedy);
    }

    /// <summary>NO_PROXY, in both spellings.</summary>
    public Check Direct()
    {
        var target = HostPort.TryCreate(Protocol.SelfTestHost, 443, out var host, out _) ? host : throw new InvalidOperationException("the self-test host is a name");
        foreach (var name in (string[])["NO_PROXY", "no_proxy"])
        {
            if (Value(name) is not { } list || !EgressProxy.IsExempt(list, target)) continue;
            var what = list.Split(',', StringSplitOptions.TrimEntries).Contains("*") ? "every host ('*')" : $"{Protocol.SelfTestHost}";
            return Check.Failed(name, $"exempts {what}: tools reach it directly, past policy, credentials and audit", $"Take the entry out of {name}, or eval \"$(fairlead env)\".");
        }

        var direct = (Value("NO_PROXY") ?? Value("no_proxy") ?? "").Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
        return Check.Ok("NO_PROXY", $"{direct.Length} entries are reached directly, neither inspected nor audited: {HostPort.PrintableUpTo(string.Join(',', direct), 300)}");
    }

    /// <summary>The variables that name the bundle.</summary>
    public Check BundleVariables()
    {
        var wrong = Bundles.Where(name => Value(name) != status.Trust.CaBundle).ToArray();
        return wrong.Length == 0
            ? Check.Ok("CA variables", "name the bundle")
            : Check.Failed("CA variables", $"{string.Join(", ", wrong)}: not set to the bundle {HostPort.Printable(status.Trust.CaBundle)}", "In this shell: eval \"$(fairlead env)\".");
    }

    /// <summary>The user's settings that win, as they are now; those that the relay's own variables hide now are as it found them.</summary>
    public IReadOnlyList<Conflict> Conflicts()
    {
        var facts = new TrustFacts { Port = status.Port, NoProxy = status.Trust.NoProxy, CaBundle = status.Trust.CaBundle, Files = status.Trust.Stores, Home = home };
        var ours = ChildEnvironment.For(facts).Select(variable => variable.Name).ToHashSet();
        var theirs = environment.Where(variable => !ours.Contains(variable.Key)).ToDictionary();
        var hidden = status.Trust.Conflicts.Where(conflict => ours.Contains(conflict.Key));
        return [.. Trust.Conflicts.Find(facts with { Environment = theirs }).Concat(hidden).Distinct()];
    }

    private string? Value(string name) => environment.TryGetValue(name, out var value) && value.Length > 0 ? value : null;
}
