using System.CommandLine;
using System.Globalization;
using Fairlead.Gateway.Audit;
using Fairlead.Gateway.Configuration;

namespace Fairlead.Gateway;

/// <summary>The options that say which records of an audit are wanted.</summary>
internal sealed class AuditFilter
{
    private readonly Option<string?> _session = new("--session") { Description = "a session, with those derived from it" };
    private readonly Option<string?> _host = new("--host") { Description = "a host, or *.example.com for those below it" };
    private readonly Option<string?> _decision = new("--decision") { Description = "allow, deny or observe" };
    private readonly Option<string?> _outcome = new("--outcome") { Description = $"an outcome of docs/audit.md; '{AuditQuery.Unknown}' for what was intended and has none" };
    private readonly Option<string?> _since = new("--since") { Description = "began at this moment or later: 2027-01-31T08:00:00Z, or 90s, 15m, 4h, 7d ago" };
    private readonly Option<string?> _until = new("--until") { Description = "began before this moment" };

    public void AddTo(Command command)
    {
        foreach (var option in (Option[])[_session, _host, _decision, _outcome, _since, _until]) command.Options.Add(option);
    }

    /// <exception cref="ConfigException">A moment is none.</exception>
    public AuditQuery Read(ParseResult parsed) => new()
    {
        Session = parsed.GetValue(_session),
        Host = parsed.GetValue(_host),
        Decision = parsed.GetValue(_decision),
        Outcome = parsed.GetValue(_outcome),
        Since = TimeOf(parsed.GetValue(_since), "--since"),
        Until = TimeOf(parsed.GetValue(_until), "--until"),
    };

    private static DateTimeOffset? TimeOf(string? text, string option)
    {
        if (text is null) return null;
        if (Units.TryReadTime(text, out var ago)) return TimeProvider.System.GetUtcNow() - ago;
        return DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var time)
            ? time
            : throw new ConfigException($"{option}: expected a moment such as 2027-01-31T08:00:00Z, or a time ago such as 15m or 7d, got '{Wire.HostPort.Printable(text)}'");
    }
}
