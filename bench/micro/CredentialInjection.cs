using BenchmarkDotNet.Attributes;
using Fairlead.Gateway.Credentials;
using Fairlead.Gateway.Policy;
using Fairlead.Gateway.Signing;
using Fairlead.Gateway.Upstream;
using Fairlead.Wire;
using Microsoft.AspNetCore.Http;

namespace Fairlead.Bench;

/// <summary>What a session's credentials make of a request as tools send it, from what is bound to its host to the request for the upstream.</summary>
public class CredentialInjection
{
    private const string PlaceholderText = "FAKE-placeholder-0001";

    private readonly HostPort _destination = HostPort.TryParse("api.example.com:443", out var destination, out var problem) ? destination : throw new InvalidOperationException(problem);
    private CredentialSet _set = null!;
    private HttpContext _context = null!;

    /// <summary>A header of its own, a placeholder that is swapped, or a signature of AWS (Version 4). None: the request alone.</summary>
    [Params("none", "header", "placeholder", "aws")]
    public string Kind { get; set; } = "";

    /// <summary>Makes the credential, and the request.</summary>
    [GlobalSetup]
    public void Setup()
    {
        var secret = Secret.TryCreate("key", "FAKE-key-of-a-benchmark-0000000000", out var made, out _, out var problem) ? made : throw new InvalidOperationException(problem);
        var hosts = HostPattern.TryParse("api.example.com", out var host, out problem) ? new[] { host } : throw new InvalidOperationException(problem);
        _set = new CredentialSet(Kind switch
        {
            "header" => [new Credential("c", [Header(secret)], hosts)],
            "placeholder" => [new Credential("c", [], hosts) { Placeholder = new Placeholder(PlaceholderText, secret, SwapSurfaces.Header | SwapSurfaces.Basic | SwapSurfaces.Query) }],
            "aws" => [new Credential("c", [], hosts) { Signer = new AwsSigner(new(Text("FAKE-key-id"), secret, "eu-central-1", "execute-api", TextBody.MaxBytes), TimeProvider.System) }],
            _ => [],
        });
        _context = new DefaultHttpContext();
        _context.Request.Method = "GET";
        _context.Request.Protocol = "HTTP/1.1";
        _context.Request.Headers.Host = "api.example.com";
        _context.Request.Headers.UserAgent = "tool/1.0";
        _context.Request.Headers.Accept = "application/json";
        _context.Request.Headers.AcceptEncoding = "gzip, deflate";
        _context.Request.Headers["X-Request-Id"] = "0123456789abcdef";
        if (Kind == "placeholder") _context.Request.Headers.Authorization = $"Bearer {PlaceholderText}";
    }

    /// <summary>What the credentials of the session make of it, and the request that goes to the upstream.</summary>
    [Benchmark]
    public async ValueTask<int> Inject()
    {
        var injection = await Injector.ApplyAsync(_set, _destination, "/v1/things/17?page=2", _context.Request);
        if (injection.Refusal is { } refusal) throw new InvalidOperationException(refusal.Explanation);
        using var request = UpstreamRequest.Create(_context, _destination, upgrade: null, body: null, injection, isSearched: injection.Secrets.Count > 0);
        return request.Headers.NonValidated.Count;
    }

    private static InjectedHeader Header(Secret secret) =>
        InjectedHeader.TryCreate("Authorization", "Bearer {key}", new Dictionary<string, ISecret> { ["key"] = secret }, out var header) is { } problem ? throw new InvalidOperationException(problem) : header!;

    private static SecretText Text(string text) =>
        SecretText.TryParse("id", text, new Dictionary<string, ISecret>(), out var made, isConstantAllowed: true) is { } problem ? throw new InvalidOperationException(problem) : made!;
}
