using Fairlead.Wire;

namespace Fairlead.Gateway.Credentials;

/// <summary>What a credential does that signs requests: its key stays with the gateway, and a signature travels.</summary>
internal interface IRequestSigner
{
    /// <summary>The headers that it sets. The workload's own of these names are dropped.</summary>
    IReadOnlyList<string> Headers { get; }

    /// <summary>Secrets that do travel beside the signature, such as the id of a key.</summary>
    IEnumerable<ISecret> Secrets { get; }

    /// <summary>Gets ready what must be known before the head of the request is written: the keys, and the body where it is signed.</summary>
    /// <param name="credential">The name of the credential.</param>
    /// <param name="injection">What all other credentials made of the request. What they put in its target and its body is signed as it is sent.</param>
    /// <param name="destination">Where the request goes.</param>
    /// <param name="request">The workload's request.</param>
    /// <returns>The injection with a signature, or with the reason why there is none.</returns>
    /// <exception cref="CredentialException">A secret cannot be had.</exception>
    /// <exception cref="IOException">The workload left, or, as <see cref="BadHttpRequestException"/>, its body is malformed.</exception>
    ValueTask<Injection> PrepareAsync(string credential, Injection injection, HostPort destination, HttpRequest request);
}
