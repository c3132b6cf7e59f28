using System.Net.Http.Headers;
using System.Net.Security;
using System.Security.Cryptography.X509Certificates;
using Fairlead.Gateway.Audit;

namespace Fairlead.Gateway.Sinks;

/// <summary>A collector that takes OTLP logs over HTTP. What it drops itself (partial success) must not be sent again (OTLP, "Partial success"), and is told.</summary>
internal sealed class OtlpSink : IAuditSink
{
    private const int MaxAnswerBytes = 64 * 1024;
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(30);

    private readonly SinkOptions.Otlp _options;
    private readonly CursorFile _cursor;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly HttpClient _client;

    public OtlpSink(SinkOptions.Otlp options, CursorFile cursor, TimeProvider time, ILogger logger)
    {
        (_options, _cursor, _time, _logger) = (options, cursor, time, logger);
        // The operator named this host, no workload did: it is not the guard's business. Proxies and redirects are not followed.
        _client = new HttpClient(new SocketsHttpHandler
        {
            UseProxy = false,
            AllowAutoRedirect = false,
            UseCookies = false,
            ActivityHeadersPropagator = null,
            ConnectTimeout = Limit,
            PooledConnectionLifetime = TimeSpan.FromMinutes(5),
            SslOptions = new SslClientAuthenticationOptions { CertificateChainPolicy = Trust(options.CaFile) },
        })
        { Timeout = Limit, MaxResponseContentBufferSize = MaxAnswerBytes };
    }

    public Task<long> FindLastAsync(string chain, CancellationToken cancellationToken) => Task.FromResult(_cursor.Read(chain));

    public async Task DeliverAsync(string chain, IReadOnlyList<(AuditLine Line, byte[] Bytes)> records, CancellationToken cancellationToken)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, _options.Url) { Content = new ByteArrayContent(OtlpLogs.Of(chain, records, _time.GetUtcNow())) };
        request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/x-protobuf");
        // As they are: what a parser of theirs refuses, its message quotes. A secret is visible ASCII already.
        foreach (var (name, secret) in _options.Headers.Values) request.Headers.TryAddWithoutValidation(name, secret.Reveal());
        using var response = await _client.SendAsync(request, cancellationToken);
        // Its body is a stranger's text: the status says enough.
        if (!response.IsSuccessStatusCode) throw new InvalidDataException($"{_options.Url.Authority} answered {(int)response.StatusCode}");
        var (rejected, why) = await ReadAnswerAsync(response, cancellationToken);
        if (rejected > 0) _logger.SinkRejected(_options.Name, rejected, Wire.HostPort.Printable(why));
        _cursor.Write(chain, records[^1].Line.Seq);
    }

    // 200 has taken them, whatever is in the answer: many receivers say '{}' or nothing. Sent again, they would come for ever.
    private static async Task<(long Rejected, string Why)> ReadAnswerAsync(HttpResponseMessage response, CancellationToken cancellationToken)
    {
        try
        {
            return OtlpLogs.ReadResponse(await response.Content.ReadAsByteArrayAsync(cancellationToken));
        }
        catch (InvalidDataException)
        {
            return (0, "");
        }
    }

    public ValueTask DisposeAsync()
    {
        _client.Dispose();
        return ValueTask.CompletedTask;
    }

    private static X509ChainPolicy? Trust(string? file)
    {
        if (file is null) return null;
        var policy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
        policy.CustomTrustStore.ImportFromPemFile(file);
        return policy;
    }
}
