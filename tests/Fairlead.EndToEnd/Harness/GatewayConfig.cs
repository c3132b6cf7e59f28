using System.Globalization;
using System.Text;
using Fairlead.EndToEnd.Origins;

namespace Fairlead.EndToEnd.Harness;

/// <summary>The gateway's configuration file for a site.</summary>
internal static class GatewayConfig
{
    public static string Write(TempFolder folder, Origin origin, SiteOptions options)
    {
        folder.Folder("state");
        folder.Write("github.token", TestSecrets.Github + "\n");
        folder.Write("git.token", TestSecrets.Git + "\n");
        folder.Write("print-git-token.sh", "#!/bin/sh\nexec cat \"$(dirname \"$0\")/git.token\"\n");
        File.SetUnixFileMode(folder.File("print-git-token.sh"), UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        folder.Write("state/origin-ca.pem", origin.Certificates.RootPem + options.ExtraCa);
        foreach (var (name, content) in options.Files) folder.Write(name, content);
        options.Prepare(folder);
        return folder.Write("fairlead.yaml", Text(origin, options));
    }

    private static string Text(Origin origin, SiteOptions options)
    {
        var text = new StringBuilder();
        text.AppendLine("version: 1");
        text.AppendLine(CultureInfo.InvariantCulture, $"listen: {(options.GatewayOverTls ? "https" : "http")}://127.0.0.1:{options.GatewayPort}{options.Prefix}");
        if (options.GatewayOverTls) text.AppendLine("tls: { certificate: gw.pem, key: gw.key }");
        text.AppendLine(CultureInfo.InvariantCulture, $"ca: {options.Ca}");
        text.AppendLine("""
            secrets:
              datadog: { from: env, name: DD_API_KEY }
              datadog-other: { from: env, name: OTHER_DD_API_KEY }
              github: { from: file, path: ./github.token }
              tools: { from: env, name: TOOLS_KEY }
              git: { from: exec, command: [./print-git-token.sh] }
            """);
        foreach (var secret in options.Secrets) text.AppendLine(CultureInfo.InvariantCulture, $"  {secret}");
        text.AppendLine("""
            credentials:
              datadog: { use: header, set: { DD-API-KEY: "{datadog}" }, hosts: [api.datadoghq.com] }
              datadog-other: { use: header, set: { DD-API-KEY: "{datadog-other}" }, hosts: [api.datadoghq.com] }
              github: { use: bearer, secret: github, hosts: [api.github.com] }
              tools: { use: header, set: { X-Tools-Key: "{tools}" }, hosts: ["*.tools.test"] }
              swapped: { use: placeholder, secret: github, placeholder: ghp_PLACEHOLDER-for-tests, swap: [header, basic, query, body], hosts: [api.github.com] }
              git: { use: basic, username: x-access-token, password: git, hosts: [git.test] }
            """);
        foreach (var credential in options.Credentials) text.AppendLine(CultureInfo.InvariantCulture, $"  {credential}");
        text.AppendLine("""
            policies:
              default:
                mode: enforce
                default: deny
            """);
        foreach (var line in options.Policy) text.AppendLine(CultureInfo.InvariantCulture, $"    {line}");
        text.AppendLine("    rules:");
        foreach (var rule in (options.UsualRules ?? Rules).Concat(options.Rules)) text.AppendLine(CultureInfo.InvariantCulture, $"      - {rule}");
        text.AppendLine("""
            sessions:
              - { id: demo, token: { from: env, name: FAIRLEAD_TOKEN }, policy: default, credentials: [datadog, github, tools, git, swapped] }
              - { id: other, token: { from: env, name: OTHER_TOKEN }, policy: default, credentials: [datadog-other] }
            """);
        foreach (var session in options.Sessions) text.AppendLine(CultureInfo.InvariantCulture, $"  - {session}");
        if (options.Sections.Length > 0) text.AppendLine(options.Sections);
        text.AppendLine(CultureInfo.InvariantCulture, $"audit: {{ file: ./state/audit.jsonl{options.Audit} }}");
        text.AppendLine("""
            upstream:
              extra_ca: ./state/origin-ca.pem
            """);
        foreach (var line in options.Upstream) text.AppendLine(CultureInfo.InvariantCulture, $"  {line}");
        text.AppendLine("  resolve:");
        foreach (var name in OriginCertificates.AllNames) text.AppendLine(CultureInfo.InvariantCulture, $"    \"{name}\": \"{origin.Address}:{origin.Port}\"");
        // Nothing listens on port 1.
        text.AppendLine("    dead.test: \"127.0.0.1:1\"");
        foreach (var (name, address) in options.Resolve) text.AppendLine(CultureInfo.InvariantCulture, $"    \"{name}\": \"{(address == SiteOptions.TheOrigin ? $"{origin.Address}:{origin.Port}" : address)}\"");
        return text.ToString();
    }

    private static readonly string[] Rules =
    [
        "allow * origin.test/**",
        "deny * origin.test/echo/forbidden/**",
        "allow GET,POST api.datadoghq.com/**",
        "allow * api.github.com/**",
        "deny DELETE api.github.com/**",
        "allow * git.test/**",
        "allow * npm.test/**",
        "allow * pypi.test/**",
        "allow * 192.0.2.7/**",
        "allow * expired.test/**",
        "allow * wrong-name.test/**",
        "allow * untrusted.test/**",
        "allow * dead.test/**",
        "allow * nowhere.invalid/**",
    ];
}
