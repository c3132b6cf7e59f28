using Fairlead.Gateway.Policy;

namespace Fairlead.Gateway.Audit;

/// <summary>What let a tunnel pass without its TLS being opened.</summary>
/// <param name="Policy">The name of the session's policy.</param>
/// <param name="PolicyHash">Which version of it.</param>
/// <param name="Decision">About every request that may be inside.</param>
internal sealed record PassthroughRecord(string Policy, string PolicyHash, Decision Decision);
