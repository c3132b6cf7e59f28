using System.Globalization;
using System.Security.Cryptography.X509Certificates;
using Fairlead.EndToEnd.Harness;

namespace Fairlead.EndToEnd.Origins;

/// <summary>A server that verifies signatures of AWS by botocore (<c>Scripts/aws-server.py</c>).</summary>
internal sealed class AwsServer : IAsyncDisposable
{
    public const string KeyId = "FAKEKEYIDOFTHEGATEWAY";
    public const string Secret = "FAKE/secret+access+key/of-the/gateway";
    public const string SessionToken = "FAKE/session+token==";

    private readonly RunningProgram _program;

    private AwsServer(RunningProgram program, int port) => (_program, Address) = (program, $"127.0.0.1:{port}");

    public string Address { get; }

    /// <param name="folder">For its certificate.</param>
    /// <param name="authority">Issues it.</param>
    /// <param name="names">The names that it answers for.</param>
    public static async Task<AwsServer> StartAsync(TempFolder folder, TestAuthority authority, params string[] names)
    {
        using var certificate = authority.Issue(names, []);
        var file = folder.Write("aws-server.pem", certificate.ExportCertificatePem() + "\n" + Key(certificate));
        var program = RunningProgram.Start("/usr/bin/python3", [Repository.Script("aws-server.py"), file, KeyId, Secret, SessionToken], ToolEnvironment.Clean(folder.Path), folder.Path);
        try
        {
            var port = await program.Stdout.WaitForAsync(text => text.StartsWith("port ", StringComparison.Ordinal) && text.EndsWith('\n') ? text[5..].Trim() : null, Limits.Token());
            return new AwsServer(program, int.Parse(port, CultureInfo.InvariantCulture));
        }
        catch (Exception e) when (e is EndOfStreamException or OperationCanceledException)
        {
            await program.DisposeAsync();
            throw new InvalidOperationException($"expected the server to say its port\n{program.Stderr.Text}", e);
        }
    }

    public ValueTask DisposeAsync() => _program.DisposeAsync();

    private static string Key(X509Certificate2 certificate)
    {
        using var key = certificate.GetECDsaPrivateKey()!;
        return key.ExportPkcs8PrivateKeyPem() + "\n";
    }
}
