using System.Text.Json.Serialization;

namespace Fairlead.Relay.Doctor;

/// <summary>How a check ended.</summary>
internal enum CheckResult
{
    /// <summary>As it should be.</summary>
    Ok,

    /// <summary>Something to know; tools work.</summary>
    Warning,

    /// <summary>Something does not work, or is not safe.</summary>
    Failed,

    /// <summary>Not tried: something before it failed, or it is not there.</summary>
    Skipped,
}

/// <summary>One thing that was looked at.</summary>
/// <param name="Name">What: "gateway".</param>
/// <param name="Result">How it is.</param>
/// <param name="Detail">What was found.</param>
/// <param name="Remedy">What helps; null where nothing need be done.</param>
internal sealed record Check(string Name, CheckResult Result, string Detail, string? Remedy = null)
{
    public static Check Ok(string name, string detail) => new(name, CheckResult.Ok, detail);

    public static Check Warning(string name, string detail, string remedy) => new(name, CheckResult.Warning, detail, remedy);

    public static Check Failed(string name, string detail, string remedy) => new(name, CheckResult.Failed, detail, remedy);

    public static Check Skipped(string name, string detail) => new(name, CheckResult.Skipped, detail);
}

/// <summary>A tool that was tried.</summary>
/// <param name="Tool">As people call it.</param>
/// <param name="Version">The first line of what it says of its version; null when it is not installed or says nothing.</param>
/// <param name="Path">How it reached the gateway: "through the relay, session demo"; null when it did not.</param>
/// <param name="Result">How it went.</param>
/// <param name="Detail">Why it failed or was not tried; null when it passed.</param>
/// <param name="Remedy">What helps, or null.</param>
internal sealed record ToolCheck(string Tool, string? Version, string? Path, CheckResult Result, string? Detail, string? Remedy);

/// <summary>All that the doctor found: the JSON of <c>fairlead doctor --json</c>, which docs/relay.md describes.</summary>
/// <param name="Checks">What was looked at, in order.</param>
/// <param name="Tools">The tools of the table that can be tried.</param>
internal sealed record DoctorReport(IReadOnlyList<Check> Checks, IReadOnlyList<ToolCheck> Tools)
{
    /// <summary>True when nothing failed.</summary>
    public bool Healthy => Checks.All(check => check.Result != CheckResult.Failed) && Tools.All(tool => tool.Result != CheckResult.Failed);
}

/// <summary>Writes the report without reflection.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, WriteIndented = true, Converters = [typeof(CheckResultJson)])]
[JsonSerializable(typeof(DoctorReport))]
internal sealed partial class DoctorJson : JsonSerializerContext;

/// <summary><c>ok</c>, <c>warning</c>, <c>failed</c>, <c>skipped</c>.</summary>
internal sealed class CheckResultJson() : JsonStringEnumConverter<CheckResult>(System.Text.Json.JsonNamingPolicy.SnakeCaseLower);
