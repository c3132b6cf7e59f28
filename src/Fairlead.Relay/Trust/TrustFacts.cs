namespace Fairlead.Relay.Trust;

/// <summary>What is known of a relay when tools are told to use it: every value that a tool gets is made of this.</summary>
internal sealed record TrustFacts
{
    /// <summary>The relay's port on 127.0.0.1.</summary>
    public required int Port { get; init; }

    /// <summary>Hosts that tools reach directly, as a NO_PROXY list.</summary>
    public required string NoProxy { get; init; }

    /// <summary>Absolute path of the CA bundle: PEM, the system's roots and the gateway's CA.</summary>
    public required string CaBundle { get; init; }

    /// <summary>The environment as the relay found it, before anything of ours.</summary>
    public IReadOnlyDictionary<string, string> Environment { get; init; } = new Dictionary<string, string>();

    /// <summary>The home directory, where tools keep their settings.</summary>
    public string Home { get; init; } = "/";

    /// <summary>The files that were written for tools: name in the table to absolute path. A file that could not be written is not in it.</summary>
    public IReadOnlyDictionary<string, string> Files { get; init; } = new Dictionary<string, string>();

    /// <summary>Hosts for which git is to use https where ssh was asked for. Default none.</summary>
    public IReadOnlyList<string> GitHttpsHosts { get; init; } = [];

    /// <summary>The relay as a proxy's URL.</summary>
    public string Proxy => $"http://127.0.0.1:{Port}";

    /// <summary>A variable as the user had set it; null when it was not set, or empty.</summary>
    public string? Original(string name) => Environment.TryGetValue(name, out var value) && value.Length > 0 ? value : null;
}
