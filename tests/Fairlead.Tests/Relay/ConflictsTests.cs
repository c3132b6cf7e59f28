using Fairlead.Relay.Trust;

namespace Fairlead.Tests.Relay;

public sealed class ConflictsTests : IDisposable
{
    private readonly TempDirectory _home = new();

    public void Dispose() => _home.Dispose();

    [Theory]
    [InlineData("curl", ".curlrc", "# mine\nproxy = http://FAKE@old.test\n", 2, "proxy")]
    [InlineData("curl", ".curlrc", "--proxy http://old.test\n", 1, "proxy")]
    [InlineData("curl", ".curlrc", "-x http://old.test\n", 1, "-x")]
    [InlineData("curl", ".curlrc", "silent\ninsecure\n", 2, "insecure")]
    [InlineData("curl", ".curlrc", "cacert=\"/old.pem\"", 1, "cacert")]
    [InlineData("wget", ".wgetrc", "check_certificate = off\n", 1, "check_certificate")]
    [InlineData("git", ".gitconfig", "[user]\n\tname = a\n[http]\n\tproxy = http://old.test\n", 4, "http.proxy")]
    [InlineData("git", ".gitconfig", "[http \"https://a.test\"]\n  sslVerify = false\n", 2, "http.https://a.test.sslVerify")]
    [InlineData("git", ".config/git/config", "[remote \"origin\"]\nproxy=http://old.test\n", 2, "remote.origin.proxy")]
    [InlineData("npm", ".npmrc", "; mine\nstrict-ssl=false\n", 2, "strict-ssl")]
    [InlineData("npm", ".npmrc", "ca=\"-----BEGIN\"\n", 1, "ca")]
    [InlineData("npm", ".npmrc", "//npm.test/:cafile=/old.pem\n", 1, "//npm.test/:cafile")]
    [InlineData("yarn", ".yarnrc", "cafile \"/old.pem\"\n", 1, "cafile")]
    [InlineData("yarn", ".yarnrc.yml", "enableStrictSsl: false\n", 1, "enableStrictSsl")]
    [InlineData("pip", ".config/pip/pip.conf", "[global]\nproxy = http://old.test\n", 2, "global.proxy")]
    [InlineData("pip", ".config/pip/pip.conf", "[install]\ntrusted-host = a.test\n", 2, "install.trusted-host")]
    [InlineData("conda", ".condarc", "channels:\n  - defaults\nproxy_servers:\n  https: http://old.test\n", 3, "proxy_servers")]
    [InlineData("cargo", ".cargo/config.toml", "[http]\nproxy = \"http://old.test\"\n", 2, "http.proxy")]
    [InlineData("cargo", ".cargo/config.toml", "http.proxy = \"http://old.test\"\n", 1, "http.proxy")]
    [InlineData("Gradle", ".gradle/gradle.properties", "systemProp.https.proxyHost=old.test\n", 1, "systemProp.https.proxyHost")]
    [InlineData("Gradle", ".gradle/gradle.properties", "org.gradle.jvmargs=-Xmx1g -Djavax.net.ssl.trustStore=/old\n", 1, "org.gradle.jvmargs")]
    [InlineData("Gradle", ".gradle/gradle.properties", "systemProp.https.proxyPassword:FAKE-password\n", 1, "systemProp.https.proxyPassword")]
    [InlineData("git", ".gitconfig", "[http \"https://bob:FAKE-password@git.test\"]\n\tproxy = http://old.test\n", 2, "http.https://***@git.test.proxy")]
    [InlineData("Maven", ".m2/settings.xml", "<settings>\n  <proxies>\n    <proxy>\n", 3, "<proxy>")]
    [InlineData(".NET and NuGet", ".nuget/NuGet/NuGet.Config", "<configuration>\n<config>\n<add key=\"http_proxy\" value=\"http://FAKE@old.test\" />\n", 3, "<add key=\"http_proxy\"")]
    [InlineData("Docker", ".docker/config.json", "{ \"proxies\": {\n  \"default\": {\n    \"httpsProxy\": \"http://old.test\"\n", 3, "httpsProxy")]
    [InlineData("Composer", ".config/composer/config.json", "{ \"config\": {\n\"disable-tls\": true,\n", 2, "disable-tls")]
    [InlineData("gcloud", ".config/gcloud/configurations/config_default", "[core]\nproject = a\n[proxy]\naddress = old.test\n", 4, "proxy.address")]
    [InlineData("Ruby and gem", ".gemrc", ":sources:\n- https://a.test\n:http_proxy: http://old.test\n", 3, ":http_proxy")]
    public void A_line_that_wins_over_the_relay_is_named_with_its_place(string tool, string file, string content, int line, string key)
    {
        var path = _home.PathOf(file);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllText(path, content);

        var conflict = Assert.Single(Find(), conflict => conflict.Tool == tool);

        Assert.Equal(($"{path}:{line}", key), (conflict.Place, conflict.Key));
        Assert.DoesNotContain("FAKE", conflict.ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("/dev/zero")]
    [InlineData("/dev/stdin")]
    public void A_link_to_a_device_is_no_configuration(string device)
    {
        File.CreateSymbolicLink(_home.PathOf(".curlrc"), device);
        File.CreateSymbolicLink(_home.PathOf(".wgetrc"), device);

        Assert.DoesNotContain(Find(), conflict => conflict.Tool == "curl");
        Assert.False(WrittenFiles.HasWgetRc(new TrustFacts { Port = 1, NoProxy = "", CaBundle = "/b", Home = Path.GetDirectoryName(_home.PathOf(".curlrc"))!, Environment = new Dictionary<string, string>() }));
    }

    [Theory]
    [InlineData(".curlrc", "# proxy = x\nuser-agent = proxy\n")]
    [InlineData(".gitconfig", "[http]\n\tsslVerify = true\n\tpostBuffer = 1\n[credential]\nhelper = proxy\n")]
    [InlineData(".npmrc", "cafile=/old.pem\nhttps-proxy=http://old.test\nstrict-ssl=true\n")] // our variables win over these
    [InlineData(".config/pip/pip.conf", "[global]\ncert = /old.pem\n")]
    [InlineData(".m2/settings.xml", "<settings>\n<!-- an example:\n  <proxy>\n-->\n<!-- one --><mirrors>\n")]
    [InlineData(".cargo/config.toml", "[http]\ncainfo = \"/old.pem\"\n[net]\nproxy = 1\n")]
    public void What_the_relay_wins_over_is_no_conflict(string file, string content)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(_home.PathOf(file))!);
        File.WriteAllText(_home.PathOf(file), content);

        Assert.Empty(Find());
    }

    [Theory]
    [InlineData("ALL_PROXY", "socks5://old.test", true)]
    [InlineData("GIT_SSL_NO_VERIFY", "1", true)]
    [InlineData("NODE_TLS_REJECT_UNAUTHORIZED", "0", true)]
    [InlineData("NODE_TLS_REJECT_UNAUTHORIZED", "1", false)]
    [InlineData("PYTHONHTTPSVERIFY", "0", true)]
    [InlineData("JAVA_TOOL_OPTIONS", "-Xmx1g -Dhttps.proxyHost=old.test", true)]
    [InlineData("JAVA_TOOL_OPTIONS", "-Xmx1g", false)]
    [InlineData("SSL_CERT_FILE", "/old.pem", false)]
    public void A_variable_that_wins_over_the_relay_is_named(string name, string value, bool isConflict)
    {
        var found = Find((name, value));

        Assert.Equal(isConflict ? [name] : [], found.Select(conflict => conflict.Key));
        Assert.All(found, conflict => Assert.Equal("environment", conflict.Place));
    }

    [Fact]
    public void What_another_relay_set_is_no_conflict()
    {
        var outer = ChildEnvironment.For(new TrustFacts { Port = 1, NoProxy = "localhost", CaBundle = "/b", Files = new Dictionary<string, string> { ["java-trust.p12"] = "/t" } });

        Assert.Empty(Find([.. outer]));
    }

    [Fact]
    public void A_file_that_a_variable_names_is_read_too()
    {
        var file = _home.Write("pip.ini", "[global]\nproxy = http://old.test\n");

        Assert.Equal($"{file}:2", Assert.Single(Find(("PIP_CONFIG_FILE", file))).Place);
    }

    [Fact]
    public void A_file_that_cannot_be_read_is_passed_over()
    {
        Directory.CreateDirectory(_home.PathOf(".curlrc"));
        File.WriteAllBytes(_home.PathOf(".npmrc"), new byte[2 * 1024 * 1024]);

        Assert.Empty(Find());
    }

    private Conflict[] Find(params (string Name, string Value)[] environment) => Conflicts
        .Find(new TrustFacts { Port = 4321, NoProxy = "", CaBundle = "/b.crt", Home = _home.PathOf(""), Environment = environment.ToDictionary(v => v.Name, v => v.Value) })
        .Where(conflict => conflict.Place == "environment" || conflict.Place.StartsWith(_home.PathOf(""), StringComparison.Ordinal)).ToArray();
}
