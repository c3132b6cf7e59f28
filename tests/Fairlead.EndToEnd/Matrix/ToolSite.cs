using System.Collections.Concurrent;
using Fairlead.EndToEnd.Harness;

namespace Fairlead.EndToEnd.Matrix;

/// <summary>The topology that all tools of the matrix share, started when the first one needs it; and what they showed.</summary>
public sealed class ToolSite : IAsyncLifetime
{
    private readonly ConcurrentDictionary<string, string> _versions = new();
    private readonly Lazy<Task<Topology>> _topology = new(() => Harness.Topology.StartAsync(new TopologyOptions
    {
        EgressWantsCredentials = true,
        Hosts = [.. Rows.All.Select(tool => tool.Host)],
        Presets = [.. Rows.All.Where(tool => tool.Preset is not null).Select(tool => tool.Filled(tool.Preset!))],
    }));

    internal Task<Topology> Topology => _topology.Value;

    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    internal void Passed(MatrixTool tool, string version) => _versions[tool.Name] = version;

    /// <summary>Writes the page when the run was asked to, and every tool did as its row says.</summary>
    public async ValueTask DisposeAsync()
    {
        if (!_topology.IsValueCreated) return;
        await (await _topology.Value).DisposeAsync();
        if (ToolsPage.IsWanted && Rows.All.All(tool => _versions.ContainsKey(tool.Name))) await ToolsPage.WriteAsync(tool => _versions[tool.Name]);
    }
}
