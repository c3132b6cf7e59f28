namespace Fairlead.EndToEnd.Harness;

/// <summary>Environments that owe nothing to the machine: its trust stores, proxies and settings must not make a test pass or fail.</summary>
internal static class ToolEnvironment
{
    /// <summary>A search path, an empty home, a neutral locale.</summary>
    public static Dictionary<string, string> Clean(string home) => new(StringComparer.Ordinal)
    {
        ["PATH"] = Environment.GetEnvironmentVariable("PATH") ?? "/usr/local/bin:/usr/bin:/bin",
        ["HOME"] = home,
        ["LANG"] = "C.UTF-8",
        ["TMPDIR"] = Path.GetTempPath(),
        ["GIT_CONFIG_NOSYSTEM"] = "1",
        ["PIP_CONFIG_FILE"] = "/dev/null",
        ["npm_config_globalconfig"] = Path.Combine(home, "no-npmrc"),
        ["npm_config_update_notifier"] = "false",
    };

    /// <summary>The same for our programs, which must find the .NET runtime that runs the tests.</summary>
    public static Dictionary<string, string> ForProduct(string home)
    {
        var environment = Clean(home);
        var runtime = Path.GetDirectoryName(typeof(object).Assembly.Location)!;
        environment["DOTNET_ROOT"] = Path.GetFullPath(Path.Combine(runtime, "..", "..", ".."));
        return environment;
    }
}
