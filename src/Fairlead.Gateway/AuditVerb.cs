using System.CommandLine;
using System.Globalization;
using System.Text;
using Fairlead.Gateway.Audit;
using Fairlead.Gateway.Configuration;

namespace Fairlead.Gateway;

/// <summary><c>fairlead-gateway audit …</c>: is an audit what the gateway wrote, and what does it say? Works beside a gateway that runs or none, and on copies.</summary>
internal static class AuditVerb
{
    private static readonly Argument<string[]> Files = new("file") { Description = "audits: the file that the gateway writes, for all of its audit; a closed file; or a directory of them", Arity = ArgumentArity.OneOrMore };

    public static Command Describe() => new("audit", "Verify an audit, and search it.") { Verbs.Guard(Verify()), Verbs.Guard(Query()) };

    private static Command Verify()
    {
        var keys = new Option<string[]>("--key") { Description = "the public key of the checkpoints, PEM; several where it was changed. Default: the file's name with .pub behind it. Keep a copy elsewhere", DefaultValueFactory = _ => [] };
        var head = new Option<string?>("--head") { Description = "a checkpoint line that was kept elsewhere and must be in there. Default: the file's name with .head behind it, if it is there" };
        var closed = new Option<bool>("--closed") { Description = "the gateway was stopped in order, so that nothing may be missing at the end" };
        var part = new Option<bool>("--part") { Description = "files before these are somewhere else: the first record need not be the first of all" };
        var command = new Command("verify", "Is this what the gateway wrote? Names the first line that is not. Exit code 0 when it is, 1 when not.") { Files, keys, head, closed, part };
        command.SetAction(parsed =>
        {
            var given = parsed.GetRequiredValue(keys);
            var active = AuditFiles.ActiveOf(AuditFiles.Expand(parsed.GetRequiredValue(Files))[^1]);
            // Before the files: a gateway that runs writes it after them.
            var kept = parsed.GetValue(head) is { } named ? File.ReadAllBytes(named) : File.Exists(AuditOptions.HeadOf(active)) ? File.ReadAllBytes(AuditOptions.HeadOf(active)) : null;
            using var audit = AuditReading.Open(parsed.GetRequiredValue(Files));
            var verification = new AuditVerification([.. (given.Length > 0 ? given : [AuditOptions.PublicKeyOf(active)]).Select(AuditKey.ReadPublic)], kept?.AsSpan().TrimEnd((byte)'\n').ToArray());
            var broken = audit.Files.Select(file => verification.Read(file.Name, file.Stream)).FirstOrDefault(finding => finding is not null) ?? verification.End(parsed.GetValue(part));
            if (broken is null && parsed.GetValue(closed) && verification.Last != CheckpointKind.Closed) broken = new AuditFinding(audit.Files[^1].Name, Math.Max(verification.LastLine, 1), "expected the closing checkpoint at the end: lines were removed or added there, or the gateway was killed or still runs");
            if (broken is not null)
            {
                Console.WriteLine($"{broken}\nbroken: nothing behind that place can be relied on");
                return 1;
            }

            Tell(verification, kept is not null);
            return 0;
        });
        return command;
    }

    private static void Tell(AuditVerification found, bool hasHead)
    {
        void Say(FormattableString text) => Console.WriteLine(text.ToString(CultureInfo.InvariantCulture));
        if (found.IsTorn) Say($"note: the last line is torn, as by a crash; the gateway marks that when it starts again");
        if (found.Repairs > 0) Say($"note: {found.Repairs} times the end was torn by a crash, and was marked");
        if (found.Expired > 0) Say($"note: it begins with record {found.Expired + 1}: {(found.IsExpiryTold ? "those before it were deleted, as audit.keep says and a record tells" : "those before it are somewhere else")}");
        if (found.Lost > 0) Say($"note: {found.Lost} records could not be written in their time; 'gap' says where");
        if (found.Unanswered > 0) Say($"note: {found.Unanswered} intents have no outcome: the gateway was killed, or is at it; audit query --outcome {AuditQuery.Unknown} lists them");
        if (found.Last == CheckpointKind.Continued) Say($"note: it goes on in a file that is not here: there is one, or the gateway was killed before it made it");
        if (found.Unsigned > 0) Say($"note: {found.Unsigned} records are behind the last checkpoint: who can write to the file could have changed those");
        if (!hasHead) Say($"note: there is no checkpoint from elsewhere to compare with (--head), so that an end that was cut off is not seen");
        Say($"ok: {found.Records} records, {found.Checkpoints} checkpoints");
    }

    private static Command Query()
    {
        var session = new Option<string?>("--session") { Description = "a session, with those derived from it" };
        var host = new Option<string?>("--host") { Description = "a host, or *.example.com for those below it" };
        var decision = new Option<string?>("--decision") { Description = "allow, deny or observe" };
        var outcome = new Option<string?>("--outcome") { Description = $"an outcome of docs/audit.md; '{AuditQuery.Unknown}' for what was intended and has none" };
        var since = new Option<string?>("--since") { Description = "began at this moment or later: 2027-01-31T08:00:00Z, or 90s, 15m, 4h, 7d ago" };
        var until = new Option<string?>("--until") { Description = "began before this moment" };
        var json = new Option<bool>("--json") { Description = "print the lines as they are" };
        var command = new Command("query", "Prints the requests and tunnels that match. Exit code 0 when there are some, 1 when not.") { Files, session, host, decision, outcome, since, until, json };
        command.SetAction(parsed =>
        {
            var query = new AuditQuery
            {
                Session = parsed.GetValue(session),
                Host = parsed.GetValue(host),
                Decision = parsed.GetValue(decision),
                Outcome = parsed.GetValue(outcome),
                Since = TimeOf(parsed.GetValue(since), "--since"),
                Until = TimeOf(parsed.GetValue(until), "--until"),
            };
            var (found, skipped) = (0, 0);
            using var audit = AuditReading.Open(parsed.GetRequiredValue(Files));
            foreach (var (line, record) in query.Find(audit.Files.Select(f => f.Stream), () => skipped++))
            {
                Console.WriteLine(parsed.GetValue(json) ? Encoding.UTF8.GetString(line) : AuditQuery.Describe(record));
                found++;
            }

            if (skipped > 0) Console.Error.WriteLine($"fairlead-gateway: {skipped} lines are no records of an audit and were passed over");

            return found > 0 ? 0 : 1;
        });
        return command;
    }

    private static DateTimeOffset? TimeOf(string? text, string option)
    {
        if (text is null) return null;
        if (Units.TryReadTime(text, out var ago)) return TimeProvider.System.GetUtcNow() - ago;
        return DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var time)
            ? time
            : throw new ConfigException($"{option}: expected a moment such as 2027-01-31T08:00:00Z, or a time ago such as 15m or 7d, got '{Wire.HostPort.Printable(text)}'");
    }
}
