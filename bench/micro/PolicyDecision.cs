using BenchmarkDotNet.Attributes;
using Fairlead.Gateway.Policy;
using Fairlead.Wire;

namespace Fairlead.Bench;

/// <summary>One decision. The rules are of all shapes: exact hosts with paths, wildcards in hosts and paths, denials, hosts with hundreds of rules.</summary>
public class PolicyDecision
{
    private static readonly RequestFacts[] Requests =
    [
        Facts("GET", "h77.example.com", "/v1/projects/77/files/a"),
        Facts("POST", "api.github.com", "/repos/acme/r41/issues"),
        Facts("DELETE", "api.github.com", "/repos/acme/r41"),
        Facts("GET", "a.cdn.example.net", "/assets/css/site.css"),
        Facts("GET", "nowhere.example.org", "/"),
    ];

    private RuleSet _policy = null!;
    private int _next;

    /// <summary>How many rules the policy has.</summary>
    [Params(10, 10_000)]
    public int Rules { get; set; }

    /// <summary>Makes the policy.</summary>
    [GlobalSetup]
    public void Setup() => _policy = new RuleSet("bench", PolicyMode.Enforce, Verdict.Deny, [.. Enumerable.Range(0, Rules).Select(Line).Select(Parse)]);

    /// <summary>A request of each kind in turn.</summary>
    [Benchmark]
    public bool Decide() => _policy.Decide(Requests[_next++ % Requests.Length]).LetsPass;

    private static string Line(int i) => (i % 5) switch
    {
        0 => $"allow GET,POST h{i}.example.com/v1/projects/*/files/**",
        1 => $"allow * api.github.com/repos/acme/r{i}/**",
        2 => $"deny DELETE api.github.com/repos/acme/r{i - 1}/**",
        3 => $"allow GET *.cdn{i}.example.net/assets/**",
        _ => $"deny * **.internal{i}.example.com/secret-*/**",
    };

    private static Rule Parse(string line) => Rule.TryParse(line, new Dictionary<string, IReadOnlyList<HostPattern>>(), out var rule, out var problem) ? rule : throw new InvalidOperationException(problem);

    private static RequestFacts Facts(string method, string host, string path) =>
        new(method, HostPort.TryParse(host + ":443", out var destination, out var problem) ? destination : throw new InvalidOperationException(problem), path);
}
