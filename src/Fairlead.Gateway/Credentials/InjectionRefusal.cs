namespace Fairlead.Gateway.Credentials;

/// <summary>Why a request must not be sent.</summary>
/// <param name="Fault">The kind.</param>
/// <param name="Credential">The credential that it is about.</param>
/// <param name="Explanation">A sentence without any value.</param>
/// <param name="Cause">What broke with the workload's body, or null.</param>
internal sealed record InjectionRefusal(InjectionFault Fault, string Credential, string Explanation, Exception? Cause = null);

/// <summary>The kinds.</summary>
internal enum InjectionFault
{
    /// <summary>A secret cannot be had.</summary>
    Unavailable,

    /// <summary>A placeholder in a request for a host that its credential is not bound to.</summary>
    Misplaced,

    /// <summary>The workload sent a header of its own where only a placeholder may stand.</summary>
    OwnHeader,

    /// <summary>The body, in which a placeholder may be, turned out to be too long to be looked through.</summary>
    BodyTooLong,

    /// <summary>The body, in which a placeholder may be or which is signed, could not be read.</summary>
    Body,

    /// <summary>The body is signed, and too long to be held for that.</summary>
    BodyTooLongToSign,

    /// <summary>The request is of a kind that cannot be signed.</summary>
    Unsignable,
}
