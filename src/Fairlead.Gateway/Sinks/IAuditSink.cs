using Fairlead.Gateway.Audit;

namespace Fairlead.Gateway.Sinks;

/// <summary>A place besides the file that gets every record, in order.</summary>
internal interface IAuditSink : IAsyncDisposable
{
    /// <summary>The number of the last record of a chain that it has; 0 for none.</summary>
    Task<long> FindLastAsync(string chain, CancellationToken cancellationToken);

    /// <summary>Delivers records, all or none of which it has when this fails.</summary>
    Task DeliverAsync(string chain, IReadOnlyList<(AuditLine Line, byte[] Bytes)> records, CancellationToken cancellationToken);
}
