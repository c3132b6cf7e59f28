using System.Globalization;
using System.Security.Cryptography.X509Certificates;
using Fairlead.EndToEnd.Harness;
using Fairlead.EndToEnd.Origins;

namespace Fairlead.EndToEnd.Tools;

/// <summary>A gRPC server of its own, for what only gRPC does: both ways at once, and the status in trailers.</summary>
public sealed class GrpcTests : IAsyncLifetime
{
    private readonly TempFolder _folder = new();
    private RunningProgram _server = null!;
    private Site _site = null!;

    public async ValueTask InitializeAsync()
    {
        using var authority = new TestAuthority("gRPC Test CA");
        using var leaf = authority.Issue(["grpc.test"], []);
        using var key = leaf.GetECDsaPrivateKey()!;
        var certificateFile = _folder.Write("grpc.pem", leaf.ExportCertificatePem());
        var keyFile = _folder.Write("grpc.key", key.ExportPkcs8PrivateKeyPem());
        _server = RunningProgram.Start(
            "node", [Repository.Script("grpc-server.mjs"), certificateFile, keyFile], ToolEnvironment.Clean(_folder.Path), _folder.Path);
        var port = await _server.Stdout.WaitForAsync(text => text.Contains('\n', StringComparison.Ordinal) ? text.Trim() : null, Limits.Token());
        _site = await Site.StartAsync(new SiteOptions
        {
            Rules = ["allow POST grpc.test/**"],
            Resolve = new Dictionary<string, string> { ["grpc.test"] = string.Create(CultureInfo.InvariantCulture, $"127.0.0.1:{port}") },
            ExtraCa = authority.Pem,
        });
    }

    [Fact]
    public async Task A_unary_call_is_answered_with_trailers() => await CallAsync("unary");

    [Fact]
    public async Task A_failed_call_keeps_its_status_and_message() => await CallAsync("failure");

    [Fact]
    public async Task A_bidirectional_stream_plays_ping_pong() => await CallAsync("ping-pong");

    public async ValueTask DisposeAsync()
    {
        if (_site is not null) await _site.DisposeAsync();
        if (_server is not null) await _server.DisposeAsync();
        _folder.Dispose();
    }

    private async Task CallAsync(string call)
    {
        var result = await _site.RunAsync("node", Repository.Script("grpc-client.mjs"), "grpc.test:443", call);

        Assert.Equal("ok", result.Succeeded().Stdout.Trim());
    }
}
