using Fairlead.Gateway.Credentials;
using YamlDotNet.RepresentationModel;

namespace Fairlead.Gateway.Configuration;

/// <summary><c>from: exec</c>: a program gives the secret.</summary>
internal static class ExecOrigin
{
    public static readonly SecretOrigin Origin = new("exec", ["command"], input =>
    {
        var node = input.Fields.Required("command");
        List<string> command = [.. node.Items().Select(i => i.Text())];
        if (command.Count == 0 && node.Node is YamlSequenceNode) node.Fail("it names no program");
        // As everywhere, relative paths begin at the file; a bare name is looked for where programs are.
        if (command.Count > 0 && command[0].Contains('/', StringComparison.Ordinal)) command[0] = input.Context.ExistingFile(node.Items()[0]);
        if (command.Count > 0) input.Context.Sources.Add($"program {command[0]}");
        return command.Count == 0 || command.Contains("") ? null : new SecretCommand(input.Name, command, input.Context.SecretVariables, input.Freshness, TimeProvider.System).FetchAsync;
    });
}
