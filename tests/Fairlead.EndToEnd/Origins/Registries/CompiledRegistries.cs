using System.Security.Cryptography;

namespace Fairlead.EndToEnd.Origins.Registries;

/// <summary>The registries of compiled languages, each with one package, as the files that a static mirror has.</summary>
internal static class CompiledRegistries
{
    /// <summary>A sparse index (Cargo book, "Index Format") and its download folder.</summary>
    public static void WriteCargo(FileTree files, string host)
    {
        var crate = Archives.TarGz(
            ("fairlead-sample-1.0.0/Cargo.toml", "[package]\nname = \"fairlead-sample\"\nversion = \"1.0.0\"\nedition = \"2021\"\n"),
            ("fairlead-sample-1.0.0/src/lib.rs", "pub const ANSWER: u32 = 42;\n"));
        files.Write(host, "config.json", $$"""{ "dl": "https://{{host}}/crates/{crate}/{version}" }""");
        files.Write(host, "fa/ir/fairlead-sample", $$"""{"name":"fairlead-sample","vers":"1.0.0","deps":[],"cksum":"{{Archives.Sha256(crate)}}","features":{},"yanked":false}""" + "\n");
        files.Write(host, "crates/fairlead-sample/1.0.0", crate);
    }

    /// <summary>A module proxy (Go Modules Reference, "GOPROXY protocol").</summary>
    public static void WriteGo(FileTree files, string host)
    {
        const string Module = "module fairlead.test/sample\n\ngo 1.18\n";
        var folder = "fairlead.test/sample/@v/";
        files.Write(host, folder + "list", "v1.0.0\n");
        files.Write(host, folder + "v1.0.0.info", """{"Version":"v1.0.0","Time":"2024-01-01T00:00:00Z"}""");
        files.Write(host, folder + "v1.0.0.mod", Module);
        files.Write(host, folder + "v1.0.0.zip", Archives.Zip(
            ("fairlead.test/sample@v1.0.0/go.mod", Module),
            ("fairlead.test/sample@v1.0.0/sample.go", "package sample\n\nconst Answer = 42\n")));
    }

    /// <summary>A Maven 2 repository: POMs, a jar, and the SHA-1 of each.</summary>
    public static void WriteMaven(FileTree files, string host)
    {
        Add("test.fairlead", "parent", "1.0.0", "pom");
        Add("test.fairlead", "sample", "1.0.0", "jar");
        // Maven itself wants this one for any build extension.
        Add("org.codehaus.plexus", "plexus-utils", "1.1", "jar");

        void Add(string group, string name, string version, string packaging)
        {
            Write(group, name, version, "pom", System.Text.Encoding.UTF8.GetBytes($"""
                <project xmlns="http://maven.apache.org/POM/4.0.0">
                  <modelVersion>4.0.0</modelVersion><groupId>{group}</groupId><artifactId>{name}</artifactId><version>{version}</version><packaging>{packaging}</packaging>
                </project>
                """));
            if (packaging == "jar") Write(group, name, version, "jar", Archives.Zip(("META-INF/MANIFEST.MF", "Manifest-Version: 1.0\n\n"), ("sample.txt", "42\n")));
        }

        void Write(string group, string name, string version, string extension, byte[] content)
        {
            var path = $"{group.Replace('.', '/')}/{name}/{version}/{name}-{version}.{extension}";
            files.Write(host, path, content);
#pragma warning disable CA5350 // the repository layout's checksum
            files.Write(host, path + ".sha1", Convert.ToHexStringLower(SHA1.HashData(content)));
#pragma warning restore CA5350
        }
    }

    /// <summary>A NuGet v3 feed: its service index and the package base address ("flat container").</summary>
    public static void WriteNuGet(FileTree files, string host)
    {
        const string Specification = """
            <package xmlns="http://schemas.microsoft.com/packaging/2013/05/nuspec.xsd">
              <metadata><id>Fairlead.Sample</id><version>1.0.0</version><authors>tests</authors><description>A sample.</description></metadata>
            </package>
            """;
        files.Write(host, "v3/index.json", $$"""
            { "version": "3.0.0", "resources": [{ "@id": "https://{{host}}/flat/", "@type": "PackageBaseAddress/3.0.0" }] }
            """);
        files.Write(host, "flat/fairlead.sample/index.json", """{ "versions": ["1.0.0"] }""");
        files.Write(host, "flat/fairlead.sample/1.0.0/fairlead.sample.nuspec", Specification);
        files.Write(host, "flat/fairlead.sample/1.0.0/fairlead.sample.1.0.0.nupkg", Archives.Zip(("Fairlead.Sample.nuspec", Specification), ("content/sample.txt", "42\n")));
    }
}
