using Fairlead.EndToEnd.Harness;

namespace Fairlead.EndToEnd.Tools;

public sealed class JavaTests(SharedSite shared)
{
    [Fact]
    public async Task Both_of_Javas_clients_get_through_without_a_word_of_a_proxy_or_a_trust_store()
    {
        var result = await shared.Site.RunAsync("java", Repository.Script("JavaClient.java"), "https://origin.test/echo/java");

        var answers = result.Succeeded().Stdout.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(2, answers.Length);
        Assert.All(answers, answer => Assert.Contains("\"/echo/java\"", answer, StringComparison.Ordinal));
    }

    [Fact]
    public async Task The_trust_store_is_one_that_keytool_reads()
    {
        var store = shared.Site.Relay.Variables["JAVA_TOOL_OPTIONS"].Split(' ').Single(option => option.StartsWith("-Djavax.net.ssl.trustStore=", StringComparison.Ordinal)).Split('=')[1];

        var result = await shared.Site.RunAsync("keytool", "-list", "-keystore", store, "-storepass", "");

        var bundle = await File.ReadAllTextAsync(shared.Site.Relay.Variables["SSL_CERT_FILE"], Limits.Token());
        var certificates = bundle.Split("-----BEGIN CERTIFICATE-----").Length - 1;
        Assert.Contains($"contains {certificates} entries", result.Succeeded().Stdout, StringComparison.Ordinal);
        Assert.Equal(certificates, result.Stdout.Split("trustedCertEntry").Length - 1);
    }

    [Fact]
    public async Task What_the_user_set_is_kept_and_wins()
    {
        var environment = shared.Site.RunEnvironment();
        environment["JAVA_TOOL_OPTIONS"] = "-Dhttps.proxyPort=1";

        var result = await RunCommand.RunAsync(shared.Site, environment, "--", "java", "-XshowSettings:properties", "-version");

        Assert.Matches(@"https\.proxyHost = 127\.0\.0\.1\n", result.Succeeded().Stderr);
        Assert.Matches(@"https\.proxyPort = 1\n", result.Stderr);
    }

    [Fact]
    public async Task Maven_downloads_what_a_project_needs()
    {
        var project = shared.Site.Folder.Folder("maven");
        await File.WriteAllTextAsync(Path.Combine(project, "pom.xml"), """
            <project>
              <modelVersion>4.0.0</modelVersion>
              <parent><groupId>test.fairlead</groupId><artifactId>parent</artifactId><version>1.0</version><relativePath/></parent>
              <artifactId>child</artifactId>
              <packaging>pom</packaging>
              <repositories><repository><id>test</id><url>https://origin.test/maven/</url></repository></repositories>
            </project>
            """, Limits.Token());

        var result = await shared.Site.RunAsync("mvn", "-B", "-f", Path.Combine(project, "pom.xml"), $"-Dmaven.repo.local={Path.Combine(project, "local")}", "validate");

        Assert.Contains("BUILD SUCCESS", result.Succeeded().Stdout, StringComparison.Ordinal);
        shared.Site.Origin.Requests.Single("/maven/test/fairlead/parent/1.0/parent-1.0.pom");
    }
}
