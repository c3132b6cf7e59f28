using System.Buffers;
using System.IO.Pipelines;
using System.Runtime.CompilerServices;
using Fairlead.Gateway.Credentials;
using Fairlead.Gateway.Policy;
using Fairlead.Wire;
using Microsoft.AspNetCore.Http.Features;

namespace Fairlead.Gateway.Upstream;

/// <summary>
/// Carries one request to its upstream and the answer back, both bodies streamed with backpressure.
/// <code>
/// workload ──► 1 request, 2 body ──► upstream
/// workload ◄── 3 head, 5 body, 6 trailers ◄── upstream        4: or both ways, once upgraded
/// </code>
/// What comes back has no secret in it that the session's credentials send there.
/// A failure is a value: the caller explains it while the answer has not begun. After that the answer is cut, never ended as if it were whole.
/// </summary>
internal sealed class Forwarder(UpstreamClients clients, UpstreamOptions options)
{
    private const int CopyBytes = 64 * 1024;

    /// <param name="context">The workload's request.</param>
    /// <param name="sessionId">Whose connections are used.</param>
    /// <param name="exceptions">Which addresses besides public ones may be dialled for it.</param>
    /// <param name="certificates">What upstreams are shown for it.</param>
    /// <param name="destination">Where to.</param>
    /// <param name="injection">Path and query, and what the credentials add.</param>
    /// <param name="exchange">What is measured.</param>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    public async ValueTask<ForwardResult> ForwardAsync(
        HttpContext context, string sessionId, AddressExceptions exceptions, ClientCertificates certificates, HostPort destination, Injection injection, Exchange exchange)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted);
        // 1. The request. 2. Its body streams while the answer is awaited, and may go on while the answer comes.
        var upgrade = UpgradeRequest.Of(context);
        var hasBody = upgrade is null && context.Features.Get<IHttpRequestBodyDetectionFeature>()?.CanHaveBody == true;
        var length = injection.Body?.Length ?? context.Request.ContentLength;
        var reader = injection.Signature?.Body ?? (injection.Body is { } held ? PipeReader.Create(new ReadOnlySequence<byte>(held)) : context.Request.BodyReader);
        using var stopBody = hasBody ? CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted) : null;
        var body = stopBody is null ? null : new RequestBody(reader, length, exchange, stopBody.Token);
        var scrubber = Scrubber.For(injection.Secrets, exchange.Redacted);
        using var request = UpstreamRequest.Create(context, destination, upgrade, body, injection, isSearched: scrubber is not null);
        request.Options.Set(UpstreamClients.ExchangeKey, exchange);
        HttpResponseMessage? response = null;
        try
        {
            response = await SendAsync(clients.For(sessionId, exceptions, certificates), request, exchange, limit, context.RequestAborted);

            // 3. The head of the answer. A switch of protocols that nobody asked for would end what the workload and we take for HTTP.
            if (upgrade is null && response.StatusCode == System.Net.HttpStatusCode.SwitchingProtocols)
                throw new UpstreamException(UpstreamFailure.Protocol, "the upstream switched to another protocol without being asked");
            if (upgrade is { IsExtendedConnect: true } && response.IsSuccessStatusCode)
                throw new UpstreamException(UpstreamFailure.Protocol, "the upstream did not accept the WebSocket");
            ResponseHead.Copy(response, context, scrubber);
            if (body is { HasBegun: false } && request.Headers.ExpectContinue == true && HttpProtocol.IsHttp11(context.Request.Protocol))
            {
                // The workload was never told to send its body, yet may send it: what follows on this connection could not be told apart.
                context.Response.Headers.Connection = "close";
            }

            // 4. An upgraded connection is two streams and no more HTTP.
            if (upgrade is not null && response.StatusCode == System.Net.HttpStatusCode.SwitchingProtocols)
            {
                await using var workload = await upgrade.AcceptAsync(response);
                await using var upstream = await response.Content.ReadAsStreamAsync(context.RequestAborted);
                await using var answer = scrubber is null ? upstream : new ScrubbedStream(upstream, scrubber, keepsLength: true);
                await CopyBothWaysAsync(workload, upstream, answer, exchange, context.RequestAborted);
                return new ForwardResult(ForwardEnd.Upgraded);
            }

            // 5. The body. 6. Trailers come after the last of it.
            await ResponseBody.CopyAsync(response, context, exchange, scrubber);
            ResponseHead.CopyTrailers(response, context, scrubber);
            return new ForwardResult(ForwardEnd.Completed);
        }
        catch (Exception e) when (e is HttpRequestException or IOException or OperationCanceledException or HttpProtocolException or BadHttpRequestException)
        {
            var failed = Failed(context, body, e, hasAnswer: response is not null);
            return failed.Explanation is { } explanation && scrubber is not null ? failed with { Explanation = scrubber.Clean(explanation) } : failed;
        }
        finally
        {
            // Whoever reads the body next (Kestrel, to keep the connection) must find nobody else reading.
            if (stopBody is not null) await stopBody.CancelAsync();
            response?.Dispose();
            if (body is not null) await body.Ended;
        }
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<HttpResponseMessage> SendAsync(
        HttpMessageInvoker client, HttpRequestMessage request, Exchange exchange, CancellationTokenSource limit, CancellationToken clientLeft)
    {
        limit.CancelAfter(options.ResponseTimeout);
        // An upload may take as long as it moves; the wait for the answer begins behind it.
        if (request.Content is RequestBody body)
        {
            body.Progressed = () =>
            {
                if (exchange.FirstByte is null) limit.CancelAfter(options.ResponseTimeout);
            };
        }

        exchange.Sent();
        try
        {
            var response = await client.SendAsync(request, limit.Token);
            exchange.Answered();
            limit.CancelAfter(Timeout.InfiniteTimeSpan);
            return response;
        }
        catch (OperationCanceledException e) when (!clientLeft.IsCancellationRequested && limit.IsCancellationRequested)
        {
            throw new UpstreamException(UpstreamFailure.ResponseTimeout, $"the upstream did not begin to answer within {options.ResponseTimeout.TotalMinutes} minutes", e);
        }
    }

    private static ForwardResult Failed(HttpContext context, RequestBody? body, Exception e, bool hasAnswer)
    {
        if (context.RequestAborted.IsCancellationRequested) return new ForwardResult(ForwardEnd.ClientAborted);
        if ((e as BadHttpRequestException ?? body?.ClientFault as BadHttpRequestException) is { } malformed)
            return new ForwardResult(malformed.StatusCode == StatusCodes.Status413PayloadTooLarge ? ForwardEnd.ClientTooLarge : ForwardEnd.ClientMalformed, Explanation: malformed.Message);
        if (body?.ClientFault is not null) return new ForwardResult(ForwardEnd.ClientAborted);

        // A head that was copied but not sent is taken back, so that the caller can explain; one that was sent is cut.
        if (context.Response.HasStarted) context.Abort();
        else context.Response.Clear();
        if (UpstreamException.In(e) is { } known) return new ForwardResult(ForwardEnd.UpstreamFailed, known.Failure, known.Message);
        var failure = hasAnswer ? UpstreamFailure.Aborted : UpstreamFailure.Protocol;
        return new ForwardResult(ForwardEnd.UpstreamFailed, failure, hasAnswer ? "the upstream broke off its answer" : Explain(e));
    }

    private static string Explain(Exception e) => (e as HttpRequestException)?.HttpRequestError switch
    {
        HttpRequestError.ResponseEnded => "the upstream closed the connection before it answered",
        HttpRequestError.InvalidResponse => "the upstream's answer is not valid HTTP",
        HttpRequestError.ConfigurationLimitExceeded => "the head of the upstream's answer is too large",
        HttpRequestError.HttpProtocolError => "the upstream broke the HTTP/2 protocol or reset the stream",
        HttpRequestError.VersionNegotiationError => "the upstream does not speak the HTTP version of the request",
        _ => "the connection to the upstream broke",
    };

    private static async Task CopyBothWaysAsync(Stream workload, Stream upstream, Stream answer, Exchange exchange, CancellationToken clientLeft)
    {
        using var other = CancellationTokenSource.CreateLinkedTokenSource(clientLeft);
        var up = CopyAsync(workload, upstream, bytes => exchange.BytesIn += bytes, other.Token);
        var down = CopyAsync(answer, workload, bytes => exchange.BytesOut += bytes, other.Token);
        // A WebSocket says by close frames how it ended, and both directions carried them. When one side is gone, in whatever way, the other has nobody to
        // talk to: it sees an end, and whether a close frame came before.
        await Task.WhenAny(up, down);
        await other.CancelAsync();
        await Task.WhenAll(up, down).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    private static async Task CopyAsync(Stream from, Stream to, Action<int> count, CancellationToken cancellationToken)
    {
        while (true)
        {
            _ = await from.ReadAsync(Memory<byte>.Empty, cancellationToken);
            var buffer = ArrayPool<byte>.Shared.Rent(CopyBytes);
            try
            {
                var bytes = await from.ReadAsync(buffer, cancellationToken);
                if (bytes == 0) return;
                count(bytes);
                await to.WriteAsync(buffer.AsMemory(0, bytes), cancellationToken);
                await to.FlushAsync(cancellationToken);
            }
            finally
            {
                ArrayPool<byte>.Shared.Return(buffer);
            }
        }
    }
}
