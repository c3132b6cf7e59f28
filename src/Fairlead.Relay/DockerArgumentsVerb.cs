using System.Text.RegularExpressions;
using Fairlead.Relay.Trust;

namespace Fairlead.Relay;

/// <summary>`fairlead docker-args`: options for docker, by which containers and builds use the relay around it.</summary>
/// <param name="environment">Ours: in a child of `fairlead run` it names the relay.</param>
internal sealed partial class DockerArgumentsVerb(IReadOnlyDictionary<string, string> environment)
{
    public const string Description = """
        Prints options with which `docker build` or `docker run` uses the relay.

          docker build $(fairlead docker-args build) .
          docker run $(fairlead docker-args run) IMAGE

        A build gets the CA as a secret that is in no layer; a Dockerfile uses it where it needs it:

          RUN --mount=type=secret,id=fairlead-ca,target=/run/fairlead-ca.crt,mode=0444 \
              SSL_CERT_FILE=/run/fairlead-ca.crt NODE_EXTRA_CA_CERTS=/run/fairlead-ca.crt npm ci

        The engine must run on this machine and in this network: the relay listens on 127.0.0.1.
        """;

    /// <summary>The options on one line, for a shell to split at blanks.</summary>
    /// <param name="isBuild">True for <c>docker build</c>, false for <c>docker run</c>.</param>
    /// <param name="stateDirectory">Where `fairlead relay` leaves its environment, for when ours names no relay.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>The line, or why there is none.</returns>
    public async Task<(string? Arguments, string? Problem)> ArgumentsAsync(bool isBuild, string stateDirectory, CancellationToken cancellationToken)
    {
        if (Facts(environment) is not { } facts)
        {
            var (lines, problem) = await StateFile.ReadAsync(stateDirectory, cancellationToken);
            if (lines is null) return (null, problem);
            facts = Facts(ExportLine().Matches(lines).ToDictionary(line => line.Groups[1].Value, line => line.Groups[2].Value))!;
        }

        var arguments = isBuild ? DockerArguments.Build(facts) : DockerArguments.Run(facts);
        return arguments.FirstOrDefault(argument => argument.Any(char.IsWhiteSpace)) is { } unusable
            ? (null, $"expected no blank in what docker gets, got '{unusable}'; name another file with --ca-bundle, or another list with --no-proxy-set")
            : (string.Join(' ', arguments), null);
    }

    private static TrustFacts? Facts(IReadOnlyDictionary<string, string> variables)
    {
        // FAIRLEAD_HELP: somebody else's proxy may be on this machine, too.
        if (!variables.ContainsKey("FAIRLEAD_HELP") || !variables.TryGetValue("SSL_CERT_FILE", out var bundle)) return null;
        return Uri.TryCreate(variables.GetValueOrDefault("HTTPS_PROXY"), UriKind.Absolute, out var proxy) && proxy.Host == "127.0.0.1"
            ? new TrustFacts { Port = proxy.Port, NoProxy = variables.GetValueOrDefault("NO_PROXY", ""), CaBundle = bundle }
            : null;
    }

    [GeneratedRegex("^export (\\w+)='(.*)'$", RegexOptions.Multiline)]
    private static partial Regex ExportLine();
}
