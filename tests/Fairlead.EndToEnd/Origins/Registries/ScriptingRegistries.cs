using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Fairlead.EndToEnd.Harness;

namespace Fairlead.EndToEnd.Origins.Registries;

/// <summary>The registries of Ruby, PHP and JavaScript, each with one package.</summary>
internal static class ScriptingRegistries
{
    /// <summary>A gem server: RubyGems' own generator makes the old index, and the compact index (`/versions`, `/info/NAME`) is two text files.</summary>
    public static async Task WriteGemsAsync(FileTree files, string host)
    {
        files.Write(host, "gems/sample.gemspec", """
            Gem::Specification.new { |s| s.name = "fairlead-sample"; s.version = "1.0.0"; s.summary = "A sample."; s.authors = ["tests"]; s.files = [] }
            """);
        var folder = files.Folder(host);
        await RunAsync(Path.Combine(folder, "gems"), "gem", "build", "--quiet", "sample.gemspec");
        await RunAsync(folder, "gem", "generate_index", "--quiet", "--directory", folder);
        var gem = await File.ReadAllBytesAsync(Path.Combine(folder, "gems", "fairlead-sample-1.0.0.gem"), Limits.Token());
        var info = $"---\n1.0.0 |checksum:{Archives.Sha256(gem)}\n";
        files.Write(host, "info/fairlead-sample", info);
#pragma warning disable CA5351 // the index's checksum
        var sum = Convert.ToHexStringLower(MD5.HashData(Encoding.UTF8.GetBytes(info)));
#pragma warning restore CA5351
        files.Write(host, "versions", $"created_at: 2024-01-01T00:00:00+00:00\n---\nfairlead-sample 1.0.0 {sum}\n");
        files.Write(host, "names", "---\nfairlead-sample\n");
    }

    /// <summary>A Composer repository: one `packages.json`, and the package's zip.</summary>
    public static void WriteComposer(FileTree files, string host)
    {
        files.Write(host, "sample.zip", Archives.Zip(("composer.json", """{ "name": "fairlead/sample" }"""), ("sample.php", "<?php return 42;\n")));
        files.Write(host, "packages.json", $$"""
            { "packages": { "fairlead/sample": { "1.0.0": {
                "name": "fairlead/sample", "version": "1.0.0", "type": "library",
                "dist": { "type": "zip", "url": "https://{{host}}/sample.zip" } } } } }
            """);
    }

    /// <summary>An npm registry: the package's document, and its tarball.</summary>
    public static void WriteNpm(FileTree files, string host)
    {
        var tarball = Archives.TarGz(
            ("package/package.json", """{ "name": "sample", "version": "1.0.0" }"""),
            ("package/index.js", "module.exports = 42;\n"));
        var document = new JsonObject
        {
            ["name"] = "sample",
            ["dist-tags"] = new JsonObject { ["latest"] = "1.0.0" },
            ["versions"] = new JsonObject
            {
                ["1.0.0"] = new JsonObject
                {
                    ["name"] = "sample",
                    ["version"] = "1.0.0",
                    ["dist"] = new JsonObject
                    {
                        ["tarball"] = $"https://{host}/sample-1.0.0.tgz",
                        ["integrity"] = "sha512-" + Convert.ToBase64String(SHA512.HashData(tarball)),
                    },
                },
            },
        };
        files.Write(host, "sample", document.ToJsonString());
        files.Write(host, "sample-1.0.0.tgz", tarball);
    }

    private static async Task RunAsync(string folder, string program, params string[] arguments)
    {
        await using var running = RunningProgram.Start(program, arguments, ToolEnvironment.Clean(folder), folder);
        (await running.WaitAsync(Limits.Token())).Succeeded();
    }
}
