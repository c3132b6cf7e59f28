using System.IO.Pipelines;

namespace Fairlead.Gateway.Credentials;

/// <summary>A signature of one request, made when its head is known.</summary>
internal interface ISignature
{
    /// <summary>The headers that it sets.</summary>
    IReadOnlyList<string> Headers { get; }

    /// <summary>The body in place of the workload's, which it signs piece by piece and is as long; null where the body goes as it is.</summary>
    PipeReader? Body { get; }

    /// <summary>Signs a request, complete but for the headers above, and sets these.</summary>
    void SignOn(HttpRequestMessage request);
}
