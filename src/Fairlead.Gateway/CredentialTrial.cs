using System.Diagnostics;
using System.Globalization;
using System.Text;
using Fairlead.Gateway.Configuration;
using Fairlead.Gateway.Credentials;
using Fairlead.Gateway.Policy;
using Fairlead.Gateway.Upstream;

namespace Fairlead.Gateway;

/// <summary>One request with a credential, made as the gateway makes it: the same injection, guard and verified TLS. What is said of it holds no value.</summary>
internal sealed class CredentialTrial(GatewayOptions options, TimeProvider time)
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(30);

    /// <summary>What a credential does, in lines.</summary>
    public static string Describe(Credential credential)
    {
        var sets = SetBy(credential, credential.Headers);
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"  hosts     {string.Join(", ", credential.Hosts.Select(h => h.Text))}\n");
        text.Append(CultureInfo.InvariantCulture, $"  sets      {(sets.Length == 0 ? "nothing of itself: the workload sends the placeholder" : string.Join("; or ", sets))}\n");
        text.Append(CultureInfo.InvariantCulture, $"  from      {string.Join("; ", credential.Sources)}\n");
        return text.ToString();
    }

    private static string[] SetBy(Credential credential, IReadOnlyList<InjectedHeader> headers) =>
    [
        .. headers.Select(h => h.Shape),
        .. credential.Parameters.Select(p => p.ToString()),
        .. (credential.Signer?.Headers ?? []).Select(h => $"{h}: ***"),
        .. credential.Certificate is null ? (string[])[] : ["a client certificate"],
    ];

    /// <returns>True when the host answered and did not refuse, and what is to be said.</returns>
    public async Task<(bool IsGood, string Text)> RunAsync(Credential credential, RequestLine line)
    {
        if (credential.ForGatewayOnly is { } only) return (false, Failed($"not tried: {only}"));
        var context = new DefaultHttpContext();
        (context.Request.Method, context.Request.Protocol) = (line.Method, "HTTP/1.1");
        using var limit = new CancellationTokenSource(Limit);
        context.RequestAborted = limit.Token;
        var injection = await Injector.ApplyAsync(new CredentialSet([credential]), line.Destination, line.Target, context.Request);
        if (injection.Refusal is { } refusal) return (false, Failed(refusal.Explanation));
        var text = new StringBuilder();
        foreach (var token in credential.Headers.SelectMany(h => h.Secrets).OfType<IFetched>().Distinct())
            text.Append(CultureInfo.InvariantCulture, $"  fetched   {token.Name}: it lives {Remaining(token.Expires - time.GetUtcNow())}\n");
        var sent = SetBy(credential, injection.Headers);
        if (sent.Length == 0) return (true, $"{text}  result    not asked: only a workload knows where the placeholder belongs\n");
        foreach (var what in sent) text.Append(CultureInfo.InvariantCulture, $"  sent      {what}\n");
        var (isGood, result) = await AskAsync(context, credential, line, injection, limit.Token);
        return (isGood, $"{text}  result    {result}\n");
    }

    private async Task<(bool IsGood, string Text)> AskAsync(HttpContext context, Credential credential, RequestLine line, Injection injection, CancellationToken limit)
    {
        // As one of the sessions that have it: private addresses are for the policy of a session to allow.
        var exceptions = options.Sessions.FirstOrDefault(s => s.Credentials.All.Contains(credential))?.Policy.Addresses ?? AddressExceptions.None;
        using var clients = new UpstreamClients(new UpstreamDialer(options.Upstream, new OwnListeners(), time).DialAsync);
        using var request = UpstreamRequest.Create(context, line.Destination, upgrade: null, body: null, injection, isSearched: false);
        var began = Stopwatch.GetTimestamp();
        try
        {
            using var response = await clients.For("credentials test", exceptions, new CredentialSet([credential]).Certificates).SendAsync(request, limit);
            return Judge((int)response.StatusCode, Stopwatch.GetElapsedTime(began));
        }
        catch (Exception e) when (UpstreamException.In(e) is { } failed)
        {
            return (false, $"{UpstreamOutcome.Of(failed.Failure).Hop}: {failed.Message}");
        }
        catch (Exception e) when (e is HttpRequestException or OperationCanceledException)
        {
            // No word of it: a client's message may repeat what it sent.
            return (false, e is HttpRequestException ? "the host broke HTTP, or ended the connection before it answered" : $"the host did not answer within {Limit.TotalSeconds} s");
        }
    }

    private static (bool IsGood, string Text) Judge(int status, TimeSpan took)
    {
        var (isGood, meaning) = status switch
        {
            401 => (false, "the host does not take the credential: look at the secret, and whether it expired"),
            403 => (false, "the host knows the credential or not, and does not let it do this: look at its rights, or ask for something else (--url)"),
            407 => (false, "a proxy wants to know who asks: look at upstream.proxies"),
            429 => (false, "the host was asked too often"),
            >= 500 => (false, "the host has a fault, which says nothing about the credential"),
            >= 400 => (true, "the host did not refuse the credential; ask for something that is there (--url)"),
            >= 300 => (true, "a redirect, which is not followed"),
            _ => (true, "ok"),
        };
        return (isGood, string.Create(CultureInfo.InvariantCulture, $"{status} in {took.TotalMilliseconds:0} ms: {meaning}"));
    }

    private static string Failed(string explanation) => $"  result    {explanation}\n";

    private static string Remaining(TimeSpan? time) => time switch
    {
        null => "as long as it does",
        { TotalMinutes: >= 120 } => string.Create(CultureInfo.InvariantCulture, $"{time.Value.TotalHours:0} h"),
        { TotalMinutes: >= 2 } => string.Create(CultureInfo.InvariantCulture, $"{time.Value.TotalMinutes:0} m"),
        _ => string.Create(CultureInfo.InvariantCulture, $"{time.Value.TotalSeconds:0} s"),
    };
}
