using System.Diagnostics.CodeAnalysis;
using System.Text.Json.Nodes;
using BenchmarkDotNet.Attributes;
using Fairlead.Gateway.Credentials;
using Fairlead.Gateway.Identity;
using Fairlead.Gateway.Policy;
using Fairlead.Gateway.Sessions;
using Microsoft.IdentityModel.Tokens;

namespace Fairlead.Bench;

/// <summary>Who calls: what each new tunnel asks. A signed token is verified when it comes for the first time.</summary>
[SuppressMessage("Design", "CA1001", Justification = "A benchmark's cleanup has an attribute of its own.")]
public class SessionAuthentication
{
    private SessionRegistry _registry = null!;
    private TokenIssuer _issuer = null!;
    private SessionToken _token = null!;
    private string _known = "";

    /// <summary>How many sessions have called before.</summary>
    [Params(1, 5_000)]
    public int Sessions { get; set; }

    /// <summary>Makes the sessions and lets each call once.</summary>
    [GlobalSetup]
    public async Task Setup()
    {
        using var key = System.Security.Cryptography.ECDsa.Create(System.Security.Cryptography.ECCurve.NamedCurves.nistP256);
        var signer = new ECDsaSecurityKey(key) { KeyId = "bench" };
        var verifier = new ECDsaSecurityKey(System.Security.Cryptography.ECDsa.Create(key.ExportParameters(false))) { KeyId = "bench" };
        _issuer = new TokenIssuer("bench", "bench", "bench", ["ES256"], new FixedKeys("bench", [verifier]), null);
        var entry = new SessionEntry(new Session("bench", [], new RuleSet("bench", PolicyMode.Enforce, Verdict.Deny, []), new CredentialSet([])), "bench", [], null);
        _registry = new SessionRegistry(new SessionSet([], [entry], [_issuer], new HashSet<string>()), TimeProvider.System);
        var now = TimeProvider.System.GetUtcNow();
        for (var i = 0; i < Sessions; i++)
        {
            var claims = new JsonObject { ["iss"] = "bench", ["aud"] = "bench", ["sub"] = $"s{i}", ["exp"] = now.AddHours(9).ToUnixTimeSeconds() };
            _known = SessionToken.Mint(claims, signer, now);
            if ((await _registry.AuthenticateAsync($"Bearer {_known}", CancellationToken.None)).Lease is null) throw new InvalidOperationException("the token was refused");
        }

        _ = SessionToken.TryParse(_known, out var token);
        _token = token!;
    }

    /// <summary>Ends the sessions.</summary>
    [GlobalCleanup]
    public void End() => _registry.Dispose();

    /// <summary>A token that came before.</summary>
    [Benchmark]
    public async Task<bool> Known() => (await _registry.AuthenticateAsync($"Bearer {_known}", CancellationToken.None)).Lease is not null;

    /// <summary>The signatures and claims of a token.</summary>
    [Benchmark]
    public async Task<bool> Verify() => (await _issuer.VerifyAsync(_token, TimeProvider.System.GetUtcNow(), CancellationToken.None)).Verified is not null;
}
