using System.Globalization;
using Fairlead.Wire;

namespace Fairlead.Relay;

/// <summary>What the relay is to do: flags, which beat FAIRLEAD_* variables, which beat the names that cloud containers set.</summary>
internal sealed record RelayOptions
{
    /// <summary>The gateway's URL, not checked yet; null when nothing names one.</summary>
    public string? Gateway { get; init; }

    /// <summary>True when --gateway or FAIRLEAD_GATEWAY named it, which stands for gates 1 and 2.</summary>
    public bool IsGatewayNeutral { get; init; }

    /// <summary>PEM file of the roots that alone are trusted for an https gateway; null for the system's store.</summary>
    public string? GatewayCa { get; init; }

    /// <summary>The session's id, not checked yet; null when nothing names one.</summary>
    public string? SessionId { get; init; }

    /// <summary>Where the token waits. Default /run/ccr/session_token.</summary>
    public string TokenFile { get; init; } = "/run/ccr/session_token";

    /// <summary>Where the CA bundle is written. Default ~/.ccr/ca-bundle.crt.</summary>
    public required string CaBundle { get; init; }

    /// <summary>The port on 127.0.0.1. Default 0: a free one.</summary>
    public int Port { get; init; }

    /// <summary>Hosts on top of the NO_PROXY list, or null.</summary>
    public string? NoProxyAdd { get; init; }

    /// <summary>Hosts instead of the NO_PROXY list, or null.</summary>
    public string? NoProxySet { get; init; }

    /// <summary>True to start nothing when the proxy cannot be had. Default false: the command runs without it.</summary>
    public bool FailsClosed { get; init; }

    /// <summary>Where `fairlead relay` leaves its environment for `fairlead env`. Default ~/.fairlead.</summary>
    public required string StateDirectory { get; init; }

    /// <summary>The home directory, where tools have their settings.</summary>
    public string Home { get; init; } = "/";

    /// <summary>Hosts for which git is to use https in place of ssh. Default none.</summary>
    public IReadOnlyList<string> GitHttpsHosts { get; init; } = [];

    /// <summary>True to put the gateway's CA into the system's store while the relay runs. Default false.</summary>
    public bool SystemTrust { get; init; }

    /// <summary>True to put the gateway's CA into the browsers' databases while the relay runs. Default false.</summary>
    public bool BrowserTrust { get; init; }

    /// <summary>Tunnels open at a time, 1 or more. Default 1024.</summary>
    public int MaxTunnels { get; init; } = 1024;

    /// <summary>How long a tunnel may take to open, all attempts included. Default 10 s.</summary>
    public TimeSpan OpenTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>How long a tunnel may carry no byte before it is cut; keepalives do not count. Default 1 h.</summary>
    public TimeSpan IdleTimeout { get; init; } = TimeSpan.FromHours(1);

    /// <summary>True to open a WebSocket for each tunnel, and close it with the tunnel. Default false.</summary>
    public bool NoReuse { get; init; }

    /// <summary>The users that may connect, or null for any.</summary>
    public IReadOnlySet<uint>? OnlyUsers { get; init; }

    /// <summary>True when only what the command of `run` started may connect.</summary>
    public bool OnlyDescendants { get; init; }

    /// <summary>What is wrong with a FAIRLEAD_* variable, or null. Unlike a wrong flag it may be nobody's typing here, so it only costs the proxy.</summary>
    public string? VariableProblem { get; init; }

    /// <summary>Where the system's CA bundle is looked for, in order.</summary>
    public IReadOnlyList<string> SystemBundles { get; init; } = Startup.CaBundle.SystemBundles;

    /// <summary>Brings flags and environment together.</summary>
    /// <exception cref="OptionException">A flag, FAIRLEAD_FAIL or FAIRLEAD_ONLY_* has a value that cannot be meant.</exception>
    public static RelayOptions From(RelayFlags flags, IReadOnlyDictionary<string, string> environment)
    {
        string? problem = null;
        string? Variable(string name) => environment.TryGetValue(name, out var value) && value.Length > 0 ? value : null;
        string? Text(string? flag, string name) => flag ?? Variable(name);
        T? Parsed<T>(string? flag, string name, Func<string?, T> parse)
        {
            try
            {
                return parse(Text(flag, name));
            }
            catch (OptionException e) when (flag is null)
            {
                problem ??= e.Message;
                return default;
            }
        }

        var neutralGateway = Text(flags.Gateway, "FAIRLEAD_GATEWAY");
        var home = HomeOf(environment);
        var options = new RelayOptions
        {
            Gateway = neutralGateway ?? Variable("ANTHROPIC_BASE_URL"),
            IsGatewayNeutral = neutralGateway is not null,
            GatewayCa = Text(flags.GatewayCa, "FAIRLEAD_GATEWAY_CA"),
            SessionId = Text(flags.SessionId, "FAIRLEAD_SESSION_ID") ?? Variable("CLAUDE_CODE_REMOTE_SESSION_ID"),
            Home = home,
            GitHttpsHosts = Parsed(flags.GitHttps, "FAIRLEAD_GIT_HTTPS", ParseHosts) ?? [],
            CaBundle = FullPath(Text(flags.CaBundle, "FAIRLEAD_CA_BUNDLE") ?? Path.Combine(home, ".ccr", "ca-bundle.crt"), "--ca-bundle (FAIRLEAD_CA_BUNDLE)"),
            Port = Parsed(flags.Port, "FAIRLEAD_PORT", ParsePort),
            NoProxyAdd = Parsed(flags.NoProxyAdd, "FAIRLEAD_NO_PROXY_ADD", text => ParseList(text, "--no-proxy-add (FAIRLEAD_NO_PROXY_ADD)")),
            NoProxySet = Parsed(flags.NoProxySet, "FAIRLEAD_NO_PROXY_SET", text => ParseList(text, "--no-proxy-set (FAIRLEAD_NO_PROXY_SET)")),
            FailsClosed = ParseFail(Text(flags.Fail, "FAIRLEAD_FAIL")),
            StateDirectory = StateDirectoryFrom(flags.StateDirectory, environment),
            SystemTrust = flags.SystemTrust,
            BrowserTrust = flags.BrowserTrust,
            MaxTunnels = flags.MaxTunnels ?? 1024,
            OpenTimeout = Parsed(flags.OpenTimeout, "FAIRLEAD_OPEN_TIMEOUT", text => ParseSeconds(text, 10, 600, "--open-timeout (FAIRLEAD_OPEN_TIMEOUT)")),
            IdleTimeout = Parsed(flags.IdleTimeout, "FAIRLEAD_IDLE_TIMEOUT", text => ParseSeconds(text, 3600, 7 * 24 * 3600, "--idle-timeout (FAIRLEAD_IDLE_TIMEOUT)")),
            NoReuse = flags.NoReuse || Parsed(null, "FAIRLEAD_NO_REUSE", text => ParseSwitch(text, "FAIRLEAD_NO_REUSE")),
            OnlyUsers = ParseUsers(Text(flags.OnlyUid, "FAIRLEAD_ONLY_UID")),
            OnlyDescendants = flags.OnlyDescendants || ParseSwitch(Variable("FAIRLEAD_ONLY_DESCENDANTS"), "FAIRLEAD_ONLY_DESCENDANTS"),
        };
        options = options with { VariableProblem = problem };
        if (options.MaxTunnels < 1) throw new OptionException($"--max-tunnels: expected 1 or more, got {options.MaxTunnels}");
        return Text(flags.TokenFile, "FAIRLEAD_TOKEN_FILE") is { } file ? options with { TokenFile = file } : options;
    }

    /// <summary>The state directory: --state-dir, FAIRLEAD_STATE_DIR, ~/.fairlead.</summary>
    public static string StateDirectoryFrom(string? flag, IReadOnlyDictionary<string, string> environment)
    {
        var variable = environment.GetValueOrDefault("FAIRLEAD_STATE_DIR");
        return FullPath(flag ?? (string.IsNullOrEmpty(variable) ? Path.Combine(HomeOf(environment), ".fairlead") : variable), "--state-dir (FAIRLEAD_STATE_DIR)");
    }

    /// <summary>An absolute path.</summary>
    /// <exception cref="OptionException">It is empty, or relative to a working directory that is gone.</exception>
    public static string FullPath(string path, string name)
    {
        try
        {
            return Path.GetFullPath(path);
        }
        catch (Exception e) when (e is ArgumentException or IOException)
        {
            throw new OptionException($"{name}: expected a path, got '{HostPort.Printable(path)}'{(e is IOException ? ", and the working directory is gone" : "")}");
        }
    }

    private static string HomeOf(IReadOnlyDictionary<string, string> environment) =>
        environment.TryGetValue("HOME", out var home) && home.StartsWith('/')
            ? home
            : Environment.GetFolderPath(Environment.SpecialFolder.UserProfile, Environment.SpecialFolderOption.DoNotVerify) is { Length: > 0 } profile ? profile : "/";

    private static int ParsePort(string? text)
    {
        if (text is null) return 0;
        if (int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var port) && port <= 65535) return port;
        throw new OptionException($"--port (FAIRLEAD_PORT): expected 0 to 65535, got '{HostPort.Printable(text)}'");
    }

    private static TimeSpan ParseSeconds(string? text, int standard, int most, string name)
    {
        if (text is null) return TimeSpan.FromSeconds(standard);
        if (int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var seconds) && seconds >= 1 && seconds <= most) return TimeSpan.FromSeconds(seconds);
        throw new OptionException($"{name}: expected 1 to {most} seconds, got '{HostPort.Printable(text)}'");
    }

    private static string[] ParseHosts(string? text)
    {
        var hosts = text?.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries) ?? [];
        return Array.Find(hosts, host => !host.All(c => char.IsAsciiLetterOrDigit(c) || c is '.' or '-')) is { } wrong
            ? throw new OptionException($"--git-https (FAIRLEAD_GIT_HTTPS): expected host names with commas between them, got '{HostPort.Printable(wrong)}'")
            : hosts;
    }

    private static bool ParseFail(string? text) => text switch
    {
        null or "open" => false,
        "closed" => true,
        _ => throw new OptionException($"--fail (FAIRLEAD_FAIL): expected open or closed, got '{HostPort.Printable(text)}'"),
    };

    // A wall that was asked for and cannot be meant is never left away, so these are errors also when they come from a variable.
    private static HashSet<uint>? ParseUsers(string? text)
    {
        if (text is null) return null;
        var users = new HashSet<uint>();
        foreach (var part in text.Split(','))
        {
            if (!uint.TryParse(part, NumberStyles.None, CultureInfo.InvariantCulture, out var user))
                throw new OptionException($"--only-uid (FAIRLEAD_ONLY_UID): expected numbers of users with commas between them, got '{HostPort.Printable(text)}'");
            users.Add(user);
        }

        return users;
    }

    private static bool ParseSwitch(string? text, string name) => text?.ToLowerInvariant() switch
    {
        "1" or "true" or "yes" or "on" => true,
        null or "0" or "false" or "no" or "off" => false,
        _ => throw new OptionException($"{name}: expected 1 or 0, got '{HostPort.Printable(text)}'"),
    };

    private static string? ParseList(string? text, string name)
    {
        if (text is not null && text.Any(c => c is < ' ' or > '~'))
            throw new OptionException($"{name}: expected hosts with commas between them, got '{HostPort.Printable(text)}'");
        return text;
    }
}
