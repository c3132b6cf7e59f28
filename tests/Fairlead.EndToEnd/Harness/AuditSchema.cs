namespace Fairlead.EndToEnd.Harness;

/// <summary>Checks that every record of an audit file is what docs/audit.schema.json promises, and that no id stands twice.</summary>
internal static class AuditSchema
{
    public static async Task CheckAsync(string file)
    {
        var folder = Path.GetDirectoryName(file)!;
        await using var validator = RunningProgram.Start(
            "node", [Repository.Script("validate-audit.mjs"), Repository.AuditSchema, file], ToolEnvironment.Clean(folder), folder);
        (await validator.WaitAsync(Limits.Token())).Succeeded();
    }
}
