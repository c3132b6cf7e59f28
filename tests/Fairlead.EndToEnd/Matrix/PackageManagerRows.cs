using Fairlead.EndToEnd.Harness;
using Fairlead.EndToEnd.Origins;
using Fairlead.EndToEnd.Origins.Registries;

namespace Fairlead.EndToEnd.Matrix;

/// <summary>Package managers, each with a registry of its own kind at the origin.</summary>
internal static class PackageManagerRows
{
    public static IReadOnlyList<MatrixTool> All { get; } =
    [
        Npm("npm", "npm --version", "npm", "install", "--no-audit", "--no-fund", "sample"),
        Npm("pnpm", "pnpm --version", "pnpm", "add", "sample"),
        Npm("yarn", "yarn --version", "yarn", "add", "--non-interactive", "sample"),
        new("pip")
        {
            Preset = "{ use: pypi, index: HOST }",
            Job = "installs a wheel from an index",
            Version = "pip --version",
            Command = ["pip", "install", "--quiet", "--target", "site", "--index-url", "https://HOST/simple/", PythonIndex.Package],
            Makes = "site/fairlead_sample.py",
        },
        new("cargo")
        {
            Preset = "{ use: crates, index: HOST }",
            Job = "fetches a crate from a sparse index",
            Version = "cargo --version",
            Command = ["cargo", "fetch", "--quiet"],
            Files = new Dictionary<string, string>
            {
                [".cargo/config.toml"] = "[registries.local]\nindex = \"sparse+https://HOST/\"\n",
                ["Cargo.toml"] = "[package]\nname = \"user\"\nversion = \"0.1.0\"\nedition = \"2021\"\n[dependencies]\nfairlead-sample = { version = \"1\", registry = \"local\" }\n",
                ["src/lib.rs"] = "",
            },
            Prepare = (site, _) => FillAsync(site, CompiledRegistries.WriteCargo, "cargo"),
            Makes = "Cargo.lock",
        },
        new("go get")
        {
            Preset = "{ use: go-modules, proxy: HOST }",
            Job = "adds a module from a module proxy",
            Version = "go version",
            Command = ["go", "get", "fairlead.test/sample@v1.0.0"],
            Files = new Dictionary<string, string> { ["go.mod"] = "module user\n\ngo 1.18\n" },
            Variables = new Dictionary<string, string> { ["GOPROXY"] = "https://HOST", ["GONOSUMDB"] = "*", ["GOFLAGS"] = "-modcacherw" },
            Prepare = (site, _) => FillAsync(site, CompiledRegistries.WriteGo, "go-get"),
            Makes = "go.sum",
        },
        new("Maven")
        {
            Job = "resolves a parent POM and a jar from a repository",
            Version = "mvn --version",
            Command = ["mvn", "--batch-mode", "--quiet", "validate"],
            Files = new Dictionary<string, string>
            {
                ["pom.xml"] = """
                    <project xmlns="http://maven.apache.org/POM/4.0.0">
                      <modelVersion>4.0.0</modelVersion>
                      <parent><groupId>test.fairlead</groupId><artifactId>parent</artifactId><version>1.0.0</version><relativePath/></parent>
                      <artifactId>user</artifactId><packaging>pom</packaging>
                      <repositories><repository><id>central</id><url>https://HOST/</url></repository></repositories>
                      <pluginRepositories><pluginRepository><id>central</id><url>https://HOST/</url></pluginRepository></pluginRepositories>
                      <build><extensions><extension><groupId>test.fairlead</groupId><artifactId>sample</artifactId><version>1.0.0</version></extension></extensions></build>
                    </project>
                    """,
            },
            Prepare = (site, _) => FillAsync(site, CompiledRegistries.WriteMaven, "maven"),
            Makes = ".m2/repository/test/fairlead/sample/1.0.0/sample-1.0.0.jar",
        },
        new("Gradle")
        {
            Job = "resolves a jar from a Maven repository",
            Version = "gradle --version | grep ^Gradle",
            Command = ["gradle", "--no-daemon", "--quiet", "show"],
            Files = new Dictionary<string, string>
            {
                ["build.gradle"] = """
                    configurations { wanted }
                    repositories { maven { url 'https://HOST/' } }
                    dependencies { wanted 'test.fairlead:sample:1.0.0' }
                    task show { doLast { configurations.wanted.files.each { println it.name } } }
                    """,
                ["settings.gradle"] = "rootProject.name = 'user'\n",
            },
            Prepare = (site, _) => FillAsync(site, CompiledRegistries.WriteMaven, "gradle"),
            Prints = "sample-1.0.0.jar",
        },
        new("NuGet")
        {
            Preset = "{ use: nuget, feed: HOST }",
            Job = "`dotnet restore` of a package from a v3 feed",
            Version = "dotnet --version",
            Command = ["dotnet", "restore", "--verbosity", "quiet"],
            Files = new Dictionary<string, string>
            {
                ["nuget.config"] = "<configuration><packageSources><clear/><add key=\"local\" value=\"https://HOST/v3/index.json\"/></packageSources></configuration>",
                ["user.csproj"] = """
                    <Project Sdk="Microsoft.NET.Sdk">
                      <PropertyGroup><TargetFramework>net10.0</TargetFramework><NuGetAudit>false</NuGetAudit></PropertyGroup>
                      <ItemGroup><PackageReference Include="Fairlead.Sample" Version="1.0.0"/></ItemGroup>
                    </Project>
                    """,
            },
            Variables = new Dictionary<string, string> { ["DOTNET_CLI_TELEMETRY_OPTOUT"] = "1", ["DOTNET_NOLOGO"] = "1", ["MSBUILDDISABLENODEREUSE"] = "1" },
            Prepare = (site, _) => FillAsync(site, CompiledRegistries.WriteNuGet, "nuget"),
            Makes = ".nuget/packages/fairlead.sample/1.0.0/content/sample.txt",
        },
        new("gem")
        {
            Job = "installs a gem from a gem server",
            Version = "gem --version",
            Command = ["gem", "install", "--no-document", "--install-dir", "gems", "--clear-sources", "--source", "https://HOST/", "fairlead-sample"],
            Prepare = async (site, _) => await ScriptingRegistries.WriteGemsAsync((await site.Topology).Origin.Files, "gem.tools.test"),
            Makes = "gems/specifications/fairlead-sample-1.0.0.gemspec",
        },
        new("bundler")
        {
            Job = "installs a gem from a gem server's compact index",
            Version = "bundle --version",
            Command = ["bundle", "install", "--quiet"],
            Files = new Dictionary<string, string> { ["Gemfile"] = "source 'https://HOST/'\ngem 'fairlead-sample'\n" },
            Variables = new Dictionary<string, string> { ["BUNDLE_PATH"] = "gems", ["BUNDLE_SILENCE_ROOT_WARNING"] = "1" },
            Prepare = async (site, _) => await ScriptingRegistries.WriteGemsAsync((await site.Topology).Origin.Files, "bundler.tools.test"),
            Makes = "Gemfile.lock",
        },
        new("composer")
        {
            Job = "installs a package from a repository",
            Version = "composer --version",
            Command = ["composer", "update", "--quiet", "--no-interaction"],
            Files = new Dictionary<string, string>
            {
                ["composer.json"] = """
                    { "repositories": [{ "type": "composer", "url": "https://HOST" }, { "packagist.org": false }], "require": { "fairlead/sample": "1.0.0" } }
                    """,
            },
            Variables = new Dictionary<string, string> { ["COMPOSER_ALLOW_SUPERUSER"] = "1" },
            Prepare = (site, _) => FillAsync(site, ScriptingRegistries.WriteComposer, "composer"),
            Makes = "vendor/fairlead/sample/sample.php",
        },
        new("apt")
        {
            Preset = "{ use: debian, mirror: HOST }",
            Job = "`apt-get update` and `download` from an https repository",
            Version = "apt-get --version",
            Command = ["sh", "-c", "apt-get -qq update && apt-get -qq download fairlead-sample"],
            Prepare = async (site, _) => await DebianRepository.WriteAsync((await site.Topology).Origin.Files, NetworkNamespace.AptHost),
            Makes = "fairlead-sample_1.0_all.deb",
        },
    ];

    private static MatrixTool Npm(string name, string version, params string[] command) => new(name)
    {
        Preset = "{ use: npm, registry: HOST }",
        Job = "installs a package from a registry",
        Version = version,
        Command = command,
        Files = new Dictionary<string, string>
        {
            [".npmrc"] = "registry=https://HOST/\nupdate-notifier=false\n",
            // As root, yarn would keep its cache outside the home.
            [".yarnrc"] = "registry \"https://HOST/\"\ncache-folder \"./cache\"\n",
            ["package.json"] = """{ "name": "user", "version": "1.0.0", "license": "MIT" }""",
        },
        Prepare = (site, _) => FillAsync(site, ScriptingRegistries.WriteNpm, name),
        Makes = "node_modules/sample/index.js",
    };

    private static async Task FillAsync(ToolSite site, Action<FileTree, string> write, string name) =>
        write((await site.Topology).Origin.Files, $"{name}.{FileTree.Domain}");
}
