using System.Diagnostics;
using Microsoft.AspNetCore.Http.Features;

namespace Fairlead.Gateway.Tunnels;

/// <summary>Notes on a tunnel what the server refused as no HTTP before it became a request, so that probing does not go unseen.</summary>
internal sealed class MalformedRequests : IObserver<KeyValuePair<string, object?>>
{
    private const string Event = "Microsoft.AspNetCore.Server.Kestrel.BadRequest";

    /// <summary>Listens to a server for as long as it lives.</summary>
    public static void Watch(DiagnosticListener server) => server.Subscribe(new MalformedRequests(), static name => name == Event);

    public void OnNext(KeyValuePair<string, object?> value)
    {
        if (value.Value is IFeatureCollection features && features.Get<Tunnel>() is { } tunnel)
            tunnel.MalformedRequest = features.Get<IBadRequestExceptionFeature>()?.Error?.Message ?? "a request that is not HTTP";
    }

    public void OnCompleted() { }

    public void OnError(Exception error) { }
}
