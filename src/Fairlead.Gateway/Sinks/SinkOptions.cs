using Fairlead.Gateway.Credentials;

namespace Fairlead.Gateway.Sinks;

/// <summary>A place besides the file, as it is configured.</summary>
/// <param name="Name">What it is called.</param>
/// <param name="Required">How long it may take nothing before nothing new is forwarded; null for ever.</param>
internal abstract record SinkOptions(string Name, TimeSpan? Required)
{
    /// <summary>Standard output, a line each.</summary>
    internal sealed record StandardOutput(string Name, TimeSpan? Required) : SinkOptions(Name, Required);

    /// <summary>OTLP logs over HTTP (protobuf).</summary>
    /// <param name="Name">As above.</param>
    /// <param name="Required">As above.</param>
    /// <param name="Url">Where records are posted.</param>
    /// <param name="CaFile">Roots in place of the system's, or null.</param>
    internal sealed record Otlp(string Name, TimeSpan? Required, Uri Url, string? CaFile) : SinkOptions(Name, Required)
    {
        /// <summary>Headers with secrets. They are no part of what is compared: a start reads them.</summary>
        public SinkSecrets Headers { get; init; } = new(new Dictionary<string, Secret>());
    }

    /// <summary>A table of PostgreSQL.</summary>
    /// <param name="Name">As above.</param>
    /// <param name="Required">As above.</param>
    /// <param name="Host">A name, an address, or the directory of a Unix socket.</param>
    /// <param name="Port">Its port.</param>
    /// <param name="Database">The database.</param>
    /// <param name="User">The role.</param>
    /// <param name="CaFile">Roots in place of the system's, or null.</param>
    /// <param name="Table">The table, with its schema or without.</param>
    /// <param name="CreatesTable">Makes it when it is not there.</param>
    internal sealed record PostgreSql(string Name, TimeSpan? Required, string Host, int Port, string Database, string User, string? CaFile, string Table, bool CreatesTable) : SinkOptions(Name, Required)
    {
        /// <summary>The role's password, or none.</summary>
        public SinkSecrets Password { get; init; } = new(new Dictionary<string, Secret>());
    }

    /// <summary>Secrets of a sink by name. Two of them are the same when their names are.</summary>
    internal sealed class SinkSecrets(IReadOnlyDictionary<string, Secret> values)
    {
        public IReadOnlyDictionary<string, Secret> Values => values;

        public override bool Equals(object? other) => other is SinkSecrets same && same.Values.Keys.Order().SequenceEqual(values.Keys.Order());

        public override int GetHashCode() => values.Count;
    }
}
