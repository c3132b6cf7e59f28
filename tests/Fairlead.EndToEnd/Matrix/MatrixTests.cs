namespace Fairlead.EndToEnd.Matrix;

public sealed class CommandLineMatrixTests(ToolSite site)
{
    public static TheoryData<string> Names => Rows.Names(CommandLineRows.All);

    [Theory]
    [MemberData(nameof(Names))]
    public Task A_tool_that_nobody_configured_does_its_job(string tool) => ToolRun.CheckAsync(site, CommandLineRows.All.Single(row => row.Name == tool));
}

public sealed class PackageManagerMatrixTests(ToolSite site)
{
    public static TheoryData<string> Names => Rows.Names(PackageManagerRows.All);

    [Theory]
    [MemberData(nameof(Names))]
    public Task A_tool_that_nobody_configured_does_its_job(string tool) => ToolRun.CheckAsync(site, PackageManagerRows.All.Single(row => row.Name == tool));
}

public sealed class ClientLibraryMatrixTests(ToolSite site)
{
    public static TheoryData<string> Names => Rows.Names(ClientLibraryRows.All);

    [Theory]
    [MemberData(nameof(Names))]
    public Task A_tool_that_nobody_configured_does_its_job(string tool) => ToolRun.CheckAsync(site, ClientLibraryRows.All.Single(row => row.Name == tool));
}
