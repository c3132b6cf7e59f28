using System.Collections.Concurrent;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Fairlead.EndToEnd.Origins;

/// <summary>Every request that reached the origin.</summary>
internal sealed class RequestLog
{
    private readonly ConcurrentQueue<ReceivedRequest> _requests = new();

    public IEnumerable<ReceivedRequest> For(string target) => _requests.Where(r => r.Target == target);

    public IReadOnlyList<ReceivedRequest> To(string host) => [.. _requests.Where(r => r.Host == host)];

    public ReceivedRequest Single(string target) => Assert.Single(For(target));

    public ReceivedRequest Add(HttpContext context)
    {
        var request = new ReceivedRequest(
            context.Connection.Id,
            context.Request.Protocol,
            context.Request.Method,
            context.Request.Host.Value ?? "",
            context.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget,
            [.. context.Request.Headers.SelectMany(h => h.Value.Select(v => KeyValuePair.Create(h.Key, v ?? "")))]);
        _requests.Enqueue(request);
        return request;
    }
}
