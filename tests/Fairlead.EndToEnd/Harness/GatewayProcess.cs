using System.Text.RegularExpressions;

namespace Fairlead.EndToEnd.Harness;

/// <summary>A gateway that listens.</summary>
internal sealed partial class GatewayProcess : IAsyncDisposable
{
    private GatewayProcess(RunningProgram program, Uri address)
    {
        Program = program;
        Address = address;
    }

    public RunningProgram Program { get; }

    /// <summary>What a relay needs as FAIRLEAD_GATEWAY.</summary>
    public Uri Address { get; }

    public static async Task<GatewayProcess> StartAsync(
        string config, TempFolder folder, string prefix, CancellationToken cancellationToken, NetworkNamespace? place = null)
    {
        var environment = ToolEnvironment.ForProduct(folder.Folder("gateway-home"));
        foreach (var (name, value) in Secrets) environment[name] = value;
        string[] arguments = ["serve", "--config", config];
        var program = place?.Start(Repository.Gateway, arguments, environment, folder.Path)
            ?? RunningProgram.Start(Repository.Gateway, arguments, environment, folder.Path);
        try
        {
            var address = await program.Stdout.WaitForAsync(text => Listening().Match(text) is { Success: true } match ? match.Groups[1].Value : null, cancellationToken);
            return new GatewayProcess(program, new Uri(new Uri(address).GetLeftPart(UriPartial.Authority) + prefix));
        }
        catch (Exception e) when (e is EndOfStreamException or OperationCanceledException)
        {
            await program.DisposeAsync();
            throw new InvalidOperationException($"expected the gateway to say where it listens\nstdout:\n{program.Stdout.Text}\nstderr:\n{program.Stderr.Text}", e);
        }
    }

    /// <summary>The variables that the configuration names.</summary>
    public static IReadOnlyDictionary<string, string> Secrets { get; } = new Dictionary<string, string>
    {
        ["DD_API_KEY"] = TestSecrets.Datadog,
        ["OTHER_DD_API_KEY"] = TestSecrets.OtherDatadog,
        ["FAIRLEAD_TOKEN"] = TestSecrets.Token,
        ["OTHER_TOKEN"] = TestSecrets.OtherToken,
        ["TOOLS_KEY"] = TestSecrets.Tools,
    };

    public async Task StopAsync(CancellationToken cancellationToken)
    {
        Program.Terminate();
        await Program.WaitAsync(cancellationToken);
    }

    public ValueTask DisposeAsync() => Program.DisposeAsync();

    [GeneratedRegex(@"listening on (https?://\S+)\s")]
    private static partial Regex Listening();
}
