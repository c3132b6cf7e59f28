using Fairlead.EndToEnd.Harness;
using Fairlead.EndToEnd.Origins;

namespace Fairlead.EndToEnd.Tools;

/// <summary>Tools of AWS with a fake key behind the relay, and a server that verifies what arrives by the gateway's key.</summary>
public sealed class AwsSignatureTests : IAsyncLifetime
{
    private const string Fake = "export AWS_ACCESS_KEY_ID=FAIRLEADPLACEHOLDER0 AWS_SECRET_ACCESS_KEY=fairlead AWS_SESSION_TOKEN=fairlead AWS_DEFAULT_REGION=eu-central-1 AWS_EC2_METADATA_DISABLED=true; aws() { /usr/bin/aws \"$@\"; };";
    private const string S3 = "--endpoint-url https://s3.aws.test";

    private readonly TempFolder _folder = new();
    private readonly TestAuthority _authority = new("AWS Test CA");
    private AwsServer _server = null!;
    private Site _site = null!;
    private RelayProcess _relay = null!;

    public async ValueTask InitializeAsync()
    {
        _server = await AwsServer.StartAsync(_folder, _authority, "s3.aws.test", "dynamodb.aws.test");
        _site = await Site.StartAsync(new SiteOptions
        {
            ExtraCa = _authority.Pem,
            Resolve = new Dictionary<string, string> { ["s3.aws.test"] = _server.Address, ["dynamodb.aws.test"] = _server.Address },
            Rules = ["allow * s3.aws.test/**", "allow POST dynamodb.aws.test/"],
            Files = new Dictionary<string, string> { ["aws.key"] = AwsServer.Secret, ["aws.session"] = AwsServer.SessionToken, ["aws.token"] = "FAKE-token-of-the-aws-session" },
            Secrets = ["aws-key: { from: file, path: aws.key }", "aws-session: { from: file, path: aws.session }"],
            Credentials = [$"aws: {{ use: aws-sigv4, access_key_id: {AwsServer.KeyId}, secret_access_key: aws-key, session_token: aws-session, hosts: [s3.aws.test, dynamodb.aws.test] }}"],
            Sessions = ["{ id: aws, token: { from: file, path: aws.token }, policy: default, credentials: [aws] }"],
        });
        _relay = await _site.StartRelayAsync("aws", "FAKE-token-of-the-aws-session");
    }

    public async ValueTask DisposeAsync()
    {
        await _site.DisposeAsync();
        await _server.DisposeAsync();
        _authority.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public async Task Objects_are_put_in_parts_listed_got_and_removed()
    {
        var result = await ShellAsync($"""
            head -c 9000000 /dev/urandom > big
            aws s3 cp {S3} big "s3://bucket/dir/a b+c~é=1.bin"
            aws s3 ls {S3} s3://bucket/dir/
            aws s3 cp {S3} "s3://bucket/dir/a b+c~é=1.bin" back && cmp big back && echo same
            aws s3 rm {S3} "s3://bucket/dir/a b+c~é=1.bin"
            aws s3 ls {S3} s3://bucket/dir/ || echo none
            """);

        Assert.Contains("9000000 a b+c~é=1.bin", result.Succeeded().Stdout, StringComparison.Ordinal);
        Assert.EndsWith("none\n", result.Stdout, StringComparison.Ordinal);
        Assert.Contains("same", result.Stdout, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_presigned_URL_works_and_another_service_does_too()
    {
        var result = await ShellAsync($$"""
            echo 'what is stored' | aws s3 cp {{S3}} - s3://bucket/small
            curl -sSf "$(aws s3 presign {{S3}} s3://bucket/small)"
            aws dynamodb list-tables --endpoint-url https://dynamodb.aws.test --max-items 5 --query TableNames --output text
            """);

        Assert.Equal("what is stored\nDynamoDB_20120810.ListTables", result.Succeeded().Stdout.Trim().Replace('\t', '\n'));
    }

    [Theory]
    [InlineData("")]
    [InlineData("-TRAILER")]
    public async Task A_body_that_is_signed_in_chunks_arrives(string kind)
    {
        var result = await _site.RunAsync(_relay, "/usr/bin/python3", Repository.Script("aws-chunks.py"), kind, "https://s3.aws.test/bucket/chunks");

        Assert.Equal("200 True", result.Succeeded().Stdout.Trim());
    }

    [Fact]
    public async Task The_key_is_nowhere_but_in_the_gateway()
    {
        var result = await ShellAsync($"env; aws s3 ls {S3} s3://bucket/ --debug 2>&1");
        await _site.Gateway.StopAsync(Limits.Token());

        var everything = result.Stdout + result.Stderr + _site.Gateway.Program.Stderr.Text + await File.ReadAllTextAsync(_site.Audit.File, Limits.Token());
        Assert.DoesNotContain(AwsServer.Secret, everything, StringComparison.Ordinal);
        Assert.DoesNotContain(AwsServer.SessionToken, everything, StringComparison.Ordinal);
        Assert.Contains("\"credentials\":[\"aws\"]", everything, StringComparison.Ordinal);
    }

    private Task<ToolResult> ShellAsync(string script) => _site.RunAsync(_relay, "bash", "-ec", Fake + "\n" + script);
}
