using System.CommandLine;
using System.Globalization;
using System.Text;
using System.Text.Json;
using Fairlead.Gateway.Audit;
using Fairlead.Gateway.Configuration;
using Fairlead.Gateway.Export;

namespace Fairlead.Gateway;

/// <summary><c>fairlead-gateway audit …</c>: is an audit what the gateway wrote, and what does it say? Works beside a gateway that runs or none, and on copies.</summary>
internal static class AuditVerb
{
    private static readonly Argument<string[]> Files = new("file") { Description = "audits: the file that the gateway writes, for all of its audit; a closed file; or a directory of them", Arity = ArgumentArity.OneOrMore };

    public static Command Describe() => new("audit", "Verify an audit, search it, and export it.") { Verbs.Guard(Verify()), Verbs.Guard(Query()), Verbs.Guard(Export()) };

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
            using var audit = AuditReading.OpenWithHead(parsed.GetRequiredValue(Files), parsed.GetValue(head));
            var verification = new AuditVerification([.. (given.Length > 0 ? given : [AuditOptions.PublicKeyOf(audit.Active)]).Select(AuditKey.ReadPublic)], audit.Head);
            var broken = audit.Files.Select(file => verification.Read(file.Name, file.Stream)).FirstOrDefault(finding => finding is not null) ?? verification.End(parsed.GetValue(part));
            if (broken is null && parsed.GetValue(closed) && verification.Last != CheckpointKind.Closed) broken = new AuditFinding(audit.Files[^1].Name, Math.Max(verification.LastLine, 1), "expected the closing checkpoint at the end: lines were removed or added there, or the gateway was killed or still runs");
            if (broken is not null)
            {
                Console.WriteLine($"{broken}\nbroken: nothing behind that place can be relied on");
                return 1;
            }

            Tell(verification, audit.Head is not null);
            return 0;
        });
        return command;
    }

    private static void Tell(AuditVerification found, bool hasHead)
    {
        void Say(FormattableString text) => Console.WriteLine(text.ToString(CultureInfo.InvariantCulture));
        if (found.IsTorn) Say($"note: the last line is torn: a gateway is writing it, or a crash tore it, which the gateway marks when it starts again");
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
        var filter = new AuditFilter();
        var json = new Option<bool>("--json") { Description = "print the lines as they are" };
        var command = new Command("query", "Prints the requests and tunnels that match. Exit code 0 when there are some, 1 when not.") { Files, json };
        filter.AddTo(command);
        command.SetAction(parsed =>
        {
            var (found, skipped) = (0, 0);
            using var audit = AuditReading.Open(parsed.GetRequiredValue(Files));
            foreach (var (line, record) in filter.Read(parsed).Find(audit.Files.Select(f => f.Stream), () => skipped++))
            {
                Console.WriteLine(parsed.GetValue(json) ? Encoding.UTF8.GetString(line) : AuditQuery.Describe(record));
                found++;
            }

            TellSkipped(skipped);
            return found > 0 ? 0 : 1;
        });
        return command;
    }

    private static Command Export()
    {
        var filter = new AuditFilter();
        var har = new Option<bool>("--har") { Description = "an HTTP Archive 1.2, with what was captured" };
        var ocsf = new Option<bool>("--ocsf") { Description = "events of OCSF 1.3, HTTP Activity, one a line" };
        var command = new Command("export", "Prints the requests that match in a form of others. Exit code 0 when there are some, 1 when not.") { Files, har, ocsf };
        filter.AddTo(command);
        command.SetAction(parsed =>
        {
            if (parsed.GetValue(har) == parsed.GetValue(ocsf)) throw new ConfigException("expected --har or --ocsf");
            var skipped = 0;
            using var audit = AuditReading.Open(parsed.GetRequiredValue(Files));
            var records = filter.Read(parsed).Find(audit.Files.Select(f => f.Stream), () => skipped++).Select(f => f.Record).Where(r => AuditLine.TextOf(r, "type") == "request");
            using var output = new BufferedStream(Console.OpenStandardOutput());
            var count = parsed.GetValue(har) ? ExportHar(output, audit, records) : ExportOcsf(output, records);
            output.Write("\n"u8);
            TellSkipped(skipped);
            return count > 0 ? 0 : 1;
        });
        return command;
    }

    private static int ExportHar(Stream output, AuditReading audit, IEnumerable<JsonElement> records)
    {
        using var captures = new CaptureIndex(audit.Files.Select(f => f.Name));
        using var json = new Utf8JsonWriter(output, new JsonWriterOptions { Indented = true });
        return new HarExport(captures).Write(json, GatewayApp.Version, records);
    }

    private static int ExportOcsf(Stream output, IEnumerable<JsonElement> records)
    {
        var count = 0;
        foreach (var record in records)
        {
            if (count++ > 0) output.Write("\n"u8);
            using var json = new Utf8JsonWriter(output);
            OcsfExport.Write(json, GatewayApp.Version, record);
        }

        return count;
    }

    private static void TellSkipped(int skipped)
    {
        if (skipped > 0) Console.Error.WriteLine($"fairlead-gateway: {skipped} lines are no records of an audit and were passed over");
    }
}
