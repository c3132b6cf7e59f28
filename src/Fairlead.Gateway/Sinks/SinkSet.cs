using Fairlead.Gateway.Audit;

namespace Fairlead.Gateway.Sinks;

/// <summary>All places besides the file. Their progress is there before the audit is opened, so that nothing is deleted that they do not have.</summary>
internal sealed class SinkSet(IReadOnlyList<SinkOptions> options, TimeProvider time) : IAsyncDisposable
{
    private readonly List<SinkFeed> _feeds = [];

    public IReadOnlyList<SinkProgress> Progress { get; } = [.. options.Select(o => new SinkProgress(o.Name, o.Required, time))];

    /// <summary>Begins to deliver.</summary>
    public void Start(string auditFile, string chain, ILogger logger)
    {
        foreach (var (sink, progress) in options.Zip(Progress)) _feeds.Add(new SinkFeed(Open(sink, new CursorFile($"{auditFile}.{sink.Name}.cursor"), logger), progress, auditFile, chain, time, logger));
    }

    public async ValueTask DisposeAsync()
    {
        await Task.WhenAll(_feeds.Select(f => f.DisposeAsync().AsTask()));
        foreach (var progress in Progress) progress.Dispose();
    }

    private IAuditSink Open(SinkOptions sink, CursorFile cursor, ILogger logger) => sink switch
    {
        SinkOptions.PostgreSql postgres => new PostgreSqlSink(postgres),
        SinkOptions.Otlp otlp => new OtlpSink(otlp, cursor, time, logger),
        _ => new StandardOutputSink(Console.OpenStandardOutput(), cursor),
    };
}
