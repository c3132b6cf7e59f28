namespace Fairlead.Gateway.Audit;

/// <summary>A record on its way to the file.</summary>
/// <param name="Record">Its JSON.</param>
/// <param name="IsDurable">Is told whether it is on the disk; null when nobody waits for that.</param>
/// <param name="Capture">What goes into the file beside it, or null.</param>
internal sealed record AuditEntry(byte[] Record, TaskCompletionSource<bool>? IsDurable, byte[]? Capture = null);
