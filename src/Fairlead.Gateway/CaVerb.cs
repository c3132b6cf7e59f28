using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using System.Security.Cryptography;
using Fairlead.Gateway.Configuration;
using Fairlead.Gateway.Interception;

namespace Fairlead.Gateway;

/// <summary><c>fairlead-gateway ca …</c>: shows and rotates the CA that containers trust. It works on the CA's directory, beside a gateway that runs or none.</summary>
internal static class CaVerb
{
    // sysexits.h: EX_CONFIG, EX_CANTCREAT, EX_TEMPFAIL.
    private const int ConfigurationError = 78;
    private const int CannotWrite = 73;
    private const int UnderWay = 75;

    private static readonly TimeSpan LongestOverlap = TimeSpan.FromDays(90);

    private static readonly Option<string> Config = new("--config", "-c") { Description = "the configuration file", DefaultValueFactory = _ => "fairlead.yaml" };

    public static Command Describe() => new("ca", "Show and rotate the CA that containers trust.") { Verb(Show()), Verb(Rotate()), Verb(Help()) };

    private static Command Show()
    {
        var pem = new Option<bool>("--pem") { Description = "print the certificates, as containers get them" };
        var command = new Command("show", "Prints each root: its part, fingerprint, validity, names, and what happens to it when.") { Config, pem };
        command.SetAction(parsed =>
        {
            var options = ConfigFile.LoadForReview(parsed.GetRequiredValue(Config)).Ca;
            Console.Write(CaText.Of(options, TimeProvider.System.GetUtcNow(), parsed.GetValue(pem)));
            return 0;
        });
        return command;
    }

    private static Command Rotate()
    {
        var after = new Option<TimeSpan>("--after")
        {
            Description = "the longest time that a container lives with the bundle it fetched at its start: 90s, 30m, 24h, 7d; until then leaves come from the old root. 0s is for a key that was stolen: containers that run must be restarted",
            DefaultValueFactory = _ => TimeSpan.FromHours(24),
            CustomParser = ParseDuration,
        };
        var command = new Command("rotate", "Makes the next root, with a new key. A running gateway notices; nothing is restarted.") { Config, after };
        command.SetAction(parsed =>
        {
            var options = ConfigFile.LoadForReview(parsed.GetRequiredValue(Config)).Ca;
            if (options.Held.Count > 0)
                throw new ConfigException("the CA's key is with a signer, so the next one is made there: make it, and name it in the configuration as ca.next: { certificate, signer, leaves_from }");
            if (options.PerSession) throw new ConfigException("each session has a CA of its own, which ends with it; there is nothing to rotate");
            var directory = new CaDirectory(options.Directory, TimeProvider.System);
            if (!directory.Exists) throw new ConfigException($"{options.Directory} has no CA yet; the gateway makes it at its first start");
            var (_, isNew) = directory.Rotate(parsed.GetValue(after), options.Permitted);
            if (!isNew) Console.Error.WriteLine("fairlead-gateway: a rotation is under way already, and nothing was changed");
            Console.Write(CaText.Of(options, TimeProvider.System.GetUtcNow(), wantsPem: false));
            return isNew ? 0 : UnderWay;
        });
        return command;
    }

    private static Command Help()
    {
        var command = new Command("help", "How a rotation goes.");
        command.SetAction(_ =>
        {
            Console.Write("""
                fairlead-gateway ca rotate --config FILE [--after 24h]

                now           the next root is made, with a new key. Containers that start get both certificates.
                +1 x after    every container knows the next root: leaves come from it.
                +2 x after    the old root is no longer served, and its key is destroyed.

                A running gateway notices within two seconds. `ca show` says where a rotation stands.

                """);
            return 0;
        });
        return command;
    }

    private static TimeSpan ParseDuration(ArgumentResult result)
    {
        var text = result.Tokens.Count == 1 ? result.Tokens[0].Value : "";
        if (text.Length > 1 && int.TryParse(text.AsSpan(0, text.Length - 1), NumberStyles.None, CultureInfo.InvariantCulture, out var count))
        {
            double? seconds = text[^1] switch { 's' => count, 'm' => count * 60.0, 'h' => count * 3600.0, 'd' => count * 86400.0, _ => null };
            if (seconds <= LongestOverlap.TotalSeconds) return TimeSpan.FromSeconds(seconds.Value);
        }

        result.AddError($"--after: expected a time up to {LongestOverlap.TotalDays}d, such as 90s, 30m, 24h or 7d, got '{Wire.HostPort.Printable(text)}'");
        return default;
    }

    // What is wrong is told in one line, as `serve` does.
    private static Command Verb(Command command)
    {
        var action = (System.CommandLine.Invocation.SynchronousCommandLineAction)command.Action!;
        command.SetAction(parsed =>
        {
            try
            {
                return action.Invoke(parsed);
            }
            catch (Exception e) when (e is ConfigException or InvalidDataException or CryptographicException)
            {
                Console.Error.WriteLine($"fairlead-gateway: {e.Message}");
                return ConfigurationError;
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                Console.Error.WriteLine($"fairlead-gateway: {e.Message}");
                return CannotWrite;
            }
        });
        return command;
    }
}
