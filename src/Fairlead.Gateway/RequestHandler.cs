using System.Runtime.CompilerServices;
using Fairlead.Gateway.Audit;
using Fairlead.Gateway.Capture;
using Fairlead.Gateway.Credentials;
using Fairlead.Gateway.Policy;
using Fairlead.Gateway.Telemetry;
using Fairlead.Gateway.Tunnels;
using Fairlead.Gateway.Upstream;
using Fairlead.Wire;
using Microsoft.AspNetCore.Http.Features;

namespace Fairlead.Gateway;

/// <summary>
/// STORY 2: one decrypted request of a tunnel.
/// <code>1 check   2 decide   3 inject   4 forward   5 explain what went wrong   6 audit, on every path</code>
/// </summary>
internal sealed class RequestHandler(Forwarder forwarder, IAudit audit, GatewayMetrics metrics, Traces? traces, TimeProvider time, ILogger<RequestHandler> logger)
{
    // To some frameworks they are the method or the path of the request.
    private static readonly string[] OverrideHeaders = ["X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override", "X-Original-URL", "X-Rewrite-URL"];

    public async Task HandleAsync(HttpContext context)
    {
        var tunnel = context.Features.GetRequiredFeature<Tunnel>();
        tunnel.CountRequest();
        var session = tunnel.Session;
        var now = time.GetUtcNow();
        var exchange = new Exchange();
        var span = traces?.Begin(context.Request);
        var target = RequestTarget.Parse(context.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget);
        var record = new RequestRecord
        {
            Time = now,
            Request = Guid.CreateVersion7(now).ToString("N"),
            Tunnel = tunnel.Id,
            Session = session.Id,
            Protocol = context.Request.Protocol switch { "HTTP/1.1" => "http/1.1", "HTTP/2" => "h2", var other => other.ToLowerInvariant() },
            // RFC 8441: an extended CONNECT is what a GET with Upgrade is in HTTP/1.1, and policy judges it as that.
            Method = UpgradeRequest.Of(context) is null ? context.Request.Method : "GET",
            Host = tunnel.Destination.Host,
            Port = tunnel.Destination.Port,
            Path = target?.Path ?? "",
            QueryNames = target?.QueryNames ?? [],
            Policy = session.Policy.Name,
            PolicyHash = session.Policy.Hash,
        };
        var capture = RequestCapture.Begin(session.Capture, context, record.Request, target?.PathAndQuery ?? "", hasBodies: UpgradeRequest.Of(context) is null);
        var isRefused = false;
        try
        {
            var answer = await ServeAsync(context, tunnel, target, record, exchange, capture);
            isRefused = answer is not null;
            // 5. What went wrong is explained where the tool can read it.
            if (Notices.Of(tunnel, record, answer) is { } notice) tunnel.Notify(notice);
            if (answer is not null) await answer.WriteAsync(context, record.Request, $"{record.Method} https://{Authority(tunnel.Destination)}{record.Path}");
        }
        catch (OperationCanceledException e) when (e is WorkloadLeftException || context.RequestAborted.IsCancellationRequested)
        {
            // A verdict stands, whether or not the workload waited for it.
            if (!isRefused) record.Outcome = Outcome.ClientAborted;
        }
        catch (Exception e)
        {
            logger.RequestFailed(record.Request, e);
            record.Outcome = Outcome.InternalError;
            throw;
        }
        finally
        {
            // 6. One record, made of the values above. What was cut with its session is neither side's doing.
            // (A connection that is cut takes what is written to it and drops it, so that an answer may seem complete.)
            if ((tunnel.WhyCut is not null && record.Outcome is Outcome.ClientAborted or Outcome.UpstreamAborted) || (tunnel.IsSpent && record.Outcome == Outcome.Completed)) record.Outcome = tunnel.IsRevoked ? Outcome.SessionRevoked : Outcome.Limited;
            record.Status = context.Response.HasStarted || record.Outcome is not (Outcome.ClientAborted or Outcome.InternalError) ? context.Response.StatusCode : null;
            record.BytesIn = exchange.BytesIn;
            record.BytesOut = exchange.BytesOut;
            record.Queue = exchange.Queue;
            record.Dial = exchange.Dial;
            record.FirstByte = exchange.FirstByte;
            record.Total = exchange.Total;
            if (exchange.Redacted.Count > 0) record.Redacted = [.. exchange.Redacted];
            if (record.Redacted.Count > 0) logger.SecretCameBack(tunnel.Destination.ToString(), session.Id, string.Join(", ", record.Redacted), record.Request);
            record.Capture = capture?.End(logger);
            metrics.Count(record);
            Traces.End(span, record);
            await audit.WriteAsync(record);
        }
    }

    /// <returns>What to say in place of the upstream, or null when the upstream's answer was passed on.</returns>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<Answer?> ServeAsync(HttpContext context, Tunnel tunnel, RequestTarget? target, RequestRecord record, Exchange exchange, RequestCapture? capture)
    {
        // 1. Check: one destination, a target of it, a method that stays with it. Host as it was sent: Request.Host decodes punycode, or throws at it.
        var host = context.Request.Headers.Host.ToString();
        if (!RequestTarget.IsFor(tunnel.Destination, host))
            return Refused(record, Outcome.Misdirected, 421, $"the Host '{HostPort.Printable(host)}' is not the destination of this tunnel, {tunnel.Destination}.", "Open a connection of its own for each host.");
        // Rules compare methods as they are (RFC 9110 §9.1), HttpClient sends those it knows in capitals: "delete" must not pass as something else than DELETE.
        if (!Rule.IsMethod(record.Method))
            return Refused(record, Outcome.BadRequest, 400, "the method is not in capitals.", "Methods are case-sensitive, and a rule can name letters, '-' and '_': write GET, POST and so on.");
        if (record.Method is "CONNECT" or "TRACE")
            return Refused(record, Outcome.BadRequest, 405, $"{record.Method} is not forwarded.", "Use another method; a tunnel within a tunnel cannot be inspected.");
        if (target is null)
            return Refused(record, Outcome.BadRequest, 400, "the target of the request is not a path of the destination.", "Ask for a path that begins with '/', in visible ASCII, without '#'.");
        if ((RequestHead.FirstOf(OverrideHeaders, context.Request) ?? target.OverridingParameter) is { } overriding)
            return Refused(record, Outcome.BadRequest, 400, $"{overriding} asks the upstream for another method or path than policy can judge.", "Send the request that is meant, without that header or parameter.");

        if (RequestHead.FaultOf(context.Request) is { } fault)
        {
            // Where a head has two readings, so have the bytes behind it.
            if (!HttpProtocol.IsHttp2(context.Request.Protocol)) context.Response.Headers.Connection = "close";
            return Refused(record, Outcome.BadRequest, 400, $"the head of the request is malformed: {fault}.", "Look at how the tool writes its requests.");
        }

        if (SelfTestAnswer.IsFor(tunnel.Destination)) return await SelfTestAsync(context, record);

        // What a session may take is no question of policy, and is asked before it: a refused request is one, too.
        if (tunnel.TryTakeRequest(out var wait) is { } limit)
        {
            record.Outcome = Outcome.Limited;
            record.Detail = limit;
            return new Answer(429, "limited", $"{limit}.") { RetryAfter = wait > TimeSpan.Zero ? wait : null, Remedy = wait > TimeSpan.Zero ? "Wait as long as Retry-After says." : "Ask the owner of the gateway's configuration for more." };
        }

        if (LimitBody(context, tunnel.Session.Limits.MaxBody)) return TooLarge(record, tunnel.Session.Limits.MaxBody!.Value);

        // 2. Decide.
        var details = new HttpRequestDetails(context.Request, target.PathAndQuery.Length > target.Path.Length + 1);
        var facts = new RequestFacts(record.Method, tunnel.Destination, target.Path, details);
        if (tunnel.Session.Policy.NeedsBodyOf(facts) && await ReadBodyAsync(details, context) is { } broken)
            return Malformed(broken, tunnel, record);
        // Read once, and not before: the configuration that is in force now judges all of the request.
        var session = tunnel.Session;
        (record.Policy, record.PolicyHash) = (session.Policy.Name, session.Policy.Hash);
        var decision = session.Decide(facts);
        record.Decision = decision;
        if (!decision.LetsPass)
        {
            record.Outcome = Outcome.Denied;
            return new Answer(403, "denied", $"policy '{session.Policy.Name}' refuses this request. {decision.Reason}")
            {
                Rule = decision.Rule,
                Remedy = $"If the session '{session.Id}' needs it, ask the owner of the policy for: allow {record.Method} {Authority(tunnel.Destination)}{record.Path}",
            };
        }

        // Closed on doubt: what cannot be recorded is not sent.
        if (!audit.IsWritable) return Unrecordable(record);

        // 3. Inject. What a credential needs may take time; without it nothing is sent.
        var injection = await Injector.ApplyAsync(session.Credentials, tunnel.Destination, target.PathAndQuery, context.Request);
        if (injection.Refusal is { } refusal) return NotInjected(refusal, tunnel, record);
        record.Credentials = injection.Credentials;
        capture?.Injected(injection);

        // What is to be on record before the upstream sees a byte of it is on the disk now, or nothing is sent.
        if (!await audit.IntendAsync(record, context.RequestAborted)) return Unrecordable(record);

        // 4. Forward.
        var result = await forwarder.ForwardAsync(context, session.Id, session.Policy.Addresses, session.Credentials.Certificates, tunnel.Destination, injection, exchange);
        if (result.End == ForwardEnd.ClientTooLarge) return TooLarge(record, session.Limits.MaxBody ?? 0) is var tooLarge && context.Response.HasStarted ? null : tooLarge;
        return Conclude(result, record, hasAnswered: context.Response.HasStarted);
    }

    /// <returns>True when the body is announced to be longer than it may; one that is not announced is cut where it gets too long.</returns>
    private static bool LimitBody(HttpContext context, long? most)
    {
        if (most is null || UpgradeRequest.Of(context) is not null) return false;
        if (context.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } size) size.MaxRequestBodySize = most;
        return context.Request.ContentLength > most;
    }

    private static Answer TooLarge(RequestRecord record, long most) =>
        Refused(record, Outcome.Limited, 413, string.Create(System.Globalization.CultureInfo.InvariantCulture, $"the body of the request is longer than the session may send: {most} bytes."), "Send less at once, or ask the owner of the gateway's configuration for more.");

    /// <returns>What is wrong with the body, or null.</returns>
    private static async Task<BadHttpRequestException?> ReadBodyAsync(HttpRequestDetails details, HttpContext context)
    {
        try
        {
            await details.ReadBodyAsync(context.RequestAborted);
            return null;
        }
        catch (BadHttpRequestException e)
        {
            return e;
        }
        catch (IOException e)
        {
            throw new WorkloadLeftException(e);
        }
    }

    private static Answer Malformed(BadHttpRequestException broken, Tunnel tunnel, RequestRecord record) => broken.StatusCode == StatusCodes.Status413PayloadTooLarge
        ? TooLarge(record, tunnel.Session.Limits.MaxBody ?? 0)
        : Refused(record, Outcome.BadRequest, 400, $"the body of the request is malformed: {broken.Message}", "Look at how the tool frames its body.");

    private Answer NotInjected(InjectionRefusal refusal, Tunnel tunnel, RequestRecord record)
    {
        if (refusal.Cause is BadHttpRequestException broken) return Malformed(broken, tunnel, record);
        if (refusal.Cause is not null) throw new WorkloadLeftException(refusal.Cause);
        if (refusal.Fault == InjectionFault.Misplaced) logger.PlaceholderMisused(record.Session, refusal.Credential, tunnel.Destination.ToString(), record.Request);
        var (outcome, status, remedy) = InjectionOutcome.Of(refusal.Fault);
        metrics.CountFailure(refusal.Credential, outcome);
        return Refused(record, outcome, status, refusal.Explanation, remedy);
    }

    private async Task<Answer?> SelfTestAsync(HttpContext context, RequestRecord record)
    {
        if (!audit.IsWritable) return Unrecordable(record);
        if (record.Method is not ("GET" or "HEAD"))
            return Refused(record, Outcome.BadRequest, 405, $"{Protocol.SelfTestHost} is the gateway's self-test, which answers GET and HEAD.", "Ask for it with GET or HEAD.");
        record.Outcome = Outcome.SelfTest;
        await SelfTestAnswer.WriteAsync(context, record.Session, record.Protocol, record.Request, time.GetUtcNow());
        return null;
    }

    private static Answer Unrecordable(RequestRecord record) =>
        Refused(record, Outcome.AuditUnavailable, 503, "the audit cannot be written, so nothing is forwarded.", "Tell the operator of the gateway; its log says why.");

    /// <summary>The workload's connection broke within the body that was being judged.</summary>
    private sealed class WorkloadLeftException(Exception cause) : OperationCanceledException("the workload left within its body", cause);

    private static Answer? Conclude(ForwardResult result, RequestRecord record, bool hasAnswered)
    {
        switch (result.End)
        {
            case ForwardEnd.Completed: record.Outcome = Outcome.Completed; return null;
            case ForwardEnd.Upgraded: record.Outcome = Outcome.Upgraded; return null;
            case ForwardEnd.ClientAborted: record.Outcome = Outcome.ClientAborted; return null;
            case ForwardEnd.ClientMalformed:
                var malformed = Refused(record, Outcome.BadRequest, 400, $"the body of the request is malformed: {result.Explanation}", "Look at how the tool frames its body.");
                return hasAnswered ? null : malformed;
        }

        var (outcome, status, hop) = UpstreamOutcome.Of(result.Failure);
        record.Outcome = outcome;
        record.Detail = result.Explanation;
        if (hasAnswered) return null;
        return new Answer(status, outcome.Name, $"the upstream could not be reached ({hop}): {result.Explanation}.")
        {
            Remedy = UpstreamOutcome.RemedyFor(outcome),
        };
    }

    private static Answer Refused(RequestRecord record, Outcome outcome, int status, string message, string remedy)
    {
        record.Outcome = outcome;
        record.Detail = message;
        return new Answer(status, outcome.Name, message) { Remedy = remedy };
    }


    private static string Authority(HostPort destination) => destination.Port == 443 ? destination.UriHost : destination.ToString();
}
