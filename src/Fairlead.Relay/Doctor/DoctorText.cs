using System.Text;

namespace Fairlead.Relay.Doctor;

/// <summary>A report as a person reads it.</summary>
internal static class DoctorText
{
    public static string Of(DoctorReport report)
    {
        var text = new StringBuilder();
        var width = report.Checks.Max(check => check.Name.Length);
        foreach (var check in report.Checks)
        {
            text.Append($"{Word(check.Result)}  {check.Name.PadRight(width)}  {check.Detail}\n");
            if (check.Remedy is not null) text.Append($"{new string(' ', width + 10)}{check.Remedy}\n");
        }

        if (report.Tools.Count > 0) text.Append("\ntools, each asked for https://fairlead.test/\n");
        width = report.Tools.Count == 0 ? 0 : report.Tools.Max(tool => tool.Tool.Length);
        foreach (var tool in report.Tools)
        {
            text.Append($"{Word(tool.Result)}  {tool.Tool.PadRight(width)}  {tool.Path ?? tool.Detail}{(tool.Version is null ? "" : $"  ({tool.Version})")}\n");
            if (tool.Remedy is not null) text.Append($"{new string(' ', width + 10)}{tool.Remedy}\n");
        }

        var failed = report.Checks.Count(check => check.Result == CheckResult.Failed) + report.Tools.Count(tool => tool.Result == CheckResult.Failed);
        return text.Append(failed == 0 ? "\nall is well\n" : $"\n{failed} failed\n").ToString();
    }

    private static string Word(CheckResult result) => result switch
    {
        CheckResult.Ok => "ok    ",
        CheckResult.Warning => "warn  ",
        CheckResult.Failed => "FAIL  ",
        _ => "-     ",
    };
}
