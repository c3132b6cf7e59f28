namespace Fairlead.Gateway.Audit;

/// <summary>What tunnels and requests need of the audit. <see cref="AuditLog"/> is the one that a gateway has.</summary>
internal interface IAudit
{
    /// <summary>False while the last record could not be written, or a sink that is required takes none; true again when that is over.</summary>
    bool IsWritable { get; }

    /// <summary>Records that a request is about to be sent, where the guarantee wants it.</summary>
    /// <returns>True when it may be sent: what is to be on the disk is there. False when it must not be.</returns>
    ValueTask<bool> IntendAsync(RequestRecord record, CancellationToken cancellationToken);

    /// <summary>Records that a tunnel is about to be passed through, where the guarantee wants it.</summary>
    /// <returns>As above.</returns>
    ValueTask<bool> IntendAsync(TunnelRecord record, PassthroughRecord passthrough, CancellationToken cancellationToken);

    /// <summary>Records how a request ended, and keeps what was captured of it, unless too much of that waits already.</summary>
    ValueTask WriteAsync(RequestRecord record);

    /// <summary>Records how a tunnel ended. Returns when the record has its place in the queue.</summary>
    ValueTask WriteAsync(TunnelRecord record);
}
