using Fairlead.EndToEnd.Harness;

namespace Fairlead.EndToEnd.Policy;

/// <summary><c>fairlead-gateway policy</c> as a person or a CI job runs it: with no secret, in an empty environment.</summary>
public sealed class PolicyVerbTests : IDisposable
{
    private const string Config = """
        version: 1
        listen: http://127.0.0.1:8080
        ca: { directory: state/ca }
        secrets: { key: { from: env, name: NOT_SET_ANYWHERE } }
        credentials: { key: { use: bearer, secret: key, hosts: [api.example.com] } }
        policies: { default: { rules: ["allow GET api.example.com/v1/**"] } }
        sessions: [{ id: demo, token: { from: file, path: not-there }, policy: default, credentials: [key] }]
        audit: { file: state/audit.jsonl }
        """;

    private readonly TempFolder _folder = new();

    public PolicyVerbTests()
    {
        _folder.Write("fairlead.yaml", Config);
        _folder.Write("cases.yaml", "cases: [{ session: demo, request: GET https://api.example.com/v1, expect: allow }]");
        _folder.Write("wrong.yaml", "cases: [{ session: demo, request: GET https://api.example.com/v1, expect: deny }]");
        _folder.Write("broken.yaml", Config.Replace("allow GET", "permit GET", StringComparison.Ordinal));
        _folder.Write(
            "audit.jsonl",
            """
            {"version":1,"type":"request","session":"demo","method":"GET","host":"api.example.com","port":443,"path":"/v1/a","decision":"allow","rule":"r"}
            {"version":2,"seq":2,"type":"intent","session":"demo","method":"PUT","host":"api.example.com","port":443,"path":"/v1/17","decision":"observe","rule":"default: deny"}
            {"version":2,"seq":3,"type":"checkpoint"}
            {"version":1,"type":"request","session":"demo","method":"PUT","host":"api.example.com","port":443,"path":"/v1/17","decision":"observe","rule":"default: deny"}

            """);
        _folder.Write("denied.jsonl", File.ReadAllText(_folder.File("audit.jsonl")).Replace("\"observe\"", "\"allow\"", StringComparison.Ordinal));
    }

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("check fairlead.yaml", 0, "fairlead.yaml: ok: 1 policies, 1 rules, 1 sessions, 0 notes")]
    [InlineData("check broken.yaml", 78, "broken.yaml:6:32: policies.default.rules[0]: expected 'allow' or 'deny', got 'permit'")]
    [InlineData("check nowhere.yaml", 78, "nowhere.yaml: the file cannot be read")]
    [InlineData("explain GET https://api.example.com/v1/x", 0, "injected  Authorization (credential key)")]
    [InlineData("explain PUT https://api.example.com/v1/x --session demo", 1, "nearest   allow GET api.example.com/v1/**  (another method)")]
    [InlineData("explain PUT https://api.example.com/v1/x --session nobody", 78, "there is no session 'nobody'; there are: demo")]
    [InlineData("explain PUT api.example.com", 78, "expected a URL that begins with https://")]
    [InlineData("test cases.yaml", 0, "1 passed, 0 failed")]
    [InlineData("test wrong.yaml", 1, "wrong.yaml:1: GET https://api.example.com/v1 (session demo): expected deny, got allow")]
    [InlineData("replay audit.jsonl --against fairlead.yaml", 0, "2 requests: 0 newly denied, 0 newly allowed, 2 as before")]
    [InlineData("replay denied.jsonl --against fairlead.yaml", 1, "newly denied        1 x PUT https://api.example.com/v1/17  (session demo; then 'default: deny', now 'default: deny')")]
    [InlineData("replay nowhere.jsonl --against fairlead.yaml", 66, "nowhere.jsonl")]
    [InlineData("learn audit.jsonl", 0, "      - \"allow PUT api.example.com/v1/*\"")]
    [InlineData("learn audit.jsonl --session other", 78, "nothing to learn from")]
    public async Task A_verb_answers_and_its_exit_code_says_how(string arguments, int exitCode, string said)
    {
        await using var program = RunningProgram.Start(Repository.Gateway, ["policy", .. arguments.Split(' ')], ToolEnvironment.ForProduct(_folder.Folder("home")), _folder.Path);

        var result = await program.WaitAsync(Limits.Token());

        Assert.Contains(said, result.Stdout + result.Stderr, StringComparison.Ordinal);
        Assert.Equal(exitCode, result.ExitCode);
    }
}
