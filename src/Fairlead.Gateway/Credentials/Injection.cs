using Fairlead.Gateway.Policy;

namespace Fairlead.Gateway.Credentials;

/// <summary>What the credentials of a session make of one request.</summary>
/// <param name="Target">Path and query, with their parameters.</param>
/// <param name="Headers">The headers to set; the workload's own of these names are dropped.</param>
internal sealed record Injection(string Target, IReadOnlyList<InjectedHeader> Headers)
{
    /// <summary>The credentials that were used.</summary>
    public IReadOnlyList<string> Credentials { get; init; } = [];

    /// <summary>
    /// What may not come back: the name of a credential, and a value of it that the upstream gets now or may have got before. <see cref="Injector"/> fills it with what the
    /// secrets of all credentials for the destination hold (<see cref="ISecret.Held"/>). A kind whose value is made for one request, and is in no <see cref="ISecret"/>, adds
    /// that value here, unless the credential's <see cref="Credential.IsScrubbed"/> is false. A key that signs and never travels need not be here.
    /// </summary>
    public IReadOnlyList<(string Credential, Secret Value)> Secrets { get; init; } = [];

    /// <summary>What is swapped in the headers that the workload sent, or null.</summary>
    public PlaceholderSwap? Swap { get; init; }

    /// <summary>The body in place of the workload's, which was read, or null.</summary>
    public byte[]? Body { get; init; }

    /// <summary>What signs the request once its head is known, or null.</summary>
    public ISignature? Signature { get; init; }

    /// <summary>Why nothing may be sent, or null.</summary>
    public InjectionRefusal? Refusal { get; init; }

    /// <summary>True for a header that the workload's own give way to. Servers that hand headers on as variables do not tell '-' from '_', so neither does this.</summary>
    public bool Sets(string name)
    {
        for (var i = 0; i < Headers.Count; i++)
        {
            if (Headers[i].IsNamed(name)) return true;
        }

        for (var i = 0; i < Signature?.Headers.Count; i++)
        {
            if (HeaderName.IsOneVariable(Signature.Headers[i], name)) return true;
        }

        return false;
    }

    /// <summary>A request without credentials.</summary>
    public static Injection None(string target) => new(target, []);

    public static Injection Refused(string target, InjectionFault fault, string credential, string explanation) => new(target, []) { Refusal = new(fault, credential, explanation) };

    // A record would print the target, and with it what a credential put there.
    public override string ToString() => $"{string.Join(", ", Credentials)}: ***";
}
