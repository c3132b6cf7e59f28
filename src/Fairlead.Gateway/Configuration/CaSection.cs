using System.Globalization;
using Fairlead.Gateway.Interception;
using Fairlead.Wire;

namespace Fairlead.Gateway.Configuration;

/// <summary><c>ca</c>: the CA that signs leaves; its keys are in a directory, or with programs that sign.</summary>
internal static class CaSection
{
    private static readonly string[] OfDirectory = ["directory", "permitted_names", "per_session"];
    private static readonly string[] OfSigner = ["certificate", "signer"];

    public static CaOptions Read(ConfigNode node, ConfigContext context)
    {
        var fields = node.Closed([.. OfDirectory, .. OfSigner, "next"]);
        if (!fields.Has("signer", out _))
        {
            foreach (var key in (string[])["certificate", "next"])
            {
                if (fields.Has(key, out var foreign)) foreign.Fail($"'{key}' is for a CA whose key is with a 'signer'; without one the directory has both");
            }

            return ReadDirectory(fields, context);
        }

        foreach (var key in OfDirectory)
        {
            if (fields.Has(key, out var foreign)) foreign.Fail($"'{key}' is for a CA whose key is in the directory; with a 'signer' the certificate says what it may sign");
        }

        List<CaOptions.HeldRoot> held = [ReadHeld(fields, DateTimeOffset.MinValue, context)];
        if (fields.Has("next", out var next))
        {
            var following = next.Closed([.. OfSigner, "leaves_from"]);
            held.Add(ReadHeld(following, ReadTime(following.Required("leaves_from")), context));
        }

        return new CaOptions { Held = held };
    }

    private static CaOptions ReadDirectory(ConfigNode.Fields fields, ConfigContext context)
    {
        NameConstraints? permitted = null;
        if (fields.Has("permitted_names", out var names))
        {
            var texts = names.Items();
            if (texts.Count == 0 && names.Node is YamlDotNet.RepresentationModel.YamlSequenceNode) names.Fail("it names nothing, so the CA could sign nothing; leave it away for a CA that may sign for every name");
            foreach (var text in texts)
            {
                if (text.Text() is { Length: > 0 } given && !NameConstraints.TryCreate([given], out _, out var problem)) text.Fail(problem);
            }

            _ = NameConstraints.TryCreate(texts.Select(t => t.Text()), out permitted, out _);
        }

        return new CaOptions
        {
            Directory = context.PathOf(fields.Required("directory")),
            Permitted = permitted,
            PerSession = fields.Has("per_session", out var perSession) && perSession.OneOf("true", "false") == "true",
        };
    }

    private static CaOptions.HeldRoot ReadHeld(ConfigNode.Fields fields, DateTimeOffset leavesFrom, ConfigContext context)
    {
        var certificate = context.ExistingFile(fields.Required("certificate"));
        var signer = fields.Required("signer").Closed("exec", "input");
        var exec = signer.Required("exec");
        List<string> command = [.. exec.Items().Select(i => i.Text())];
        if (command.Count == 0 && exec.Node is YamlDotNet.RepresentationModel.YamlSequenceNode) exec.Fail("it names no program");
        // As everywhere, relative paths begin at the file; a bare name is looked for where programs are.
        if (command.Count > 0 && command[0].Contains('/', StringComparison.Ordinal)) command[0] = context.ExistingFile(exec.Items()[0]);
        var wantsDigest = signer.Has("input", out var input) && input.OneOf("message", "digest") == "digest";
        return new CaOptions.HeldRoot(certificate, command, wantsDigest, leavesFrom, [.. context.SecretVariables.Distinct()]);
    }

    private static DateTimeOffset ReadTime(ConfigNode node)
    {
        var text = node.Text();
        if (DateTimeOffset.TryParseExact(text, ["yyyy-MM-dd'T'HH:mm:ssK", "yyyy-MM-dd'T'HH:mmK"], CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var time)) return time;
        if (text.Length > 0) node.Fail($"expected a moment such as 2027-01-31T08:00:00Z, got '{HostPort.Printable(text)}'");
        return DateTimeOffset.MaxValue;
    }
}
