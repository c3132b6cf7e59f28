using System.Text;
using static Fairlead.Relay.Trust.Variables;

namespace Fairlead.Relay.Trust;

/// <summary>Java and what is built on it.</summary>
internal static class JavaTools
{
    private static readonly GeneratedFile TrustStore =
        new("java-trust.p12", "the bundle as a PKCS#12 store without a password", facts => JavaTrustStore.Encode(Encoding.Latin1.GetString(File.ReadAllBytes(facts.CaBundle))));

    // Bazel takes JAVA_TOOL_OPTIONS away from its own server.
    private static readonly GeneratedFile BazelRc = new(
        "bazelrc", "options for Bazel's server", facts => facts.Files.TryGetValue(TrustStore.Name, out var store)
            ? Encoding.UTF8.GetBytes($"startup \"--host_jvm_args=-Djavax.net.ssl.trustStore={store}\" --host_jvm_args=-Djavax.net.ssl.trustStoreType=PKCS12\n")
            : null);

    private static readonly Variable ToolOptions = Variable.Of("JAVA_TOOL_OPTIONS", "proxy, direct hosts and `java-trust.p12`, before the user's own", facts =>
        JavaOptions.Before(facts, "JAVA_TOOL_OPTIONS", [
            .. facts.Files.TryGetValue(TrustStore.Name, out var store) ? (string[])[$"-Djavax.net.ssl.trustStore={store}", "-Djavax.net.ssl.trustStoreType=PKCS12"] : [],
            "-Dhttps.proxyHost=127.0.0.1", $"-Dhttps.proxyPort={facts.Port}", $"-Dhttp.nonProxyHosts={JavaOptions.NonProxyHosts(facts.NoProxy)}",
        ]));

    // Maven 3.9's own transport asks for no system property unless it is told to; 3.8 and earlier always do.
    private static readonly Variable MavenOptions = Variable.Of("MAVEN_OPTS", "`aether.connector.http.useSystemProperties`, before the user's own", facts =>
        JavaOptions.Before(facts, "MAVEN_OPTS", ["-Daether.connector.http.useSystemProperties=true"]));

    private static readonly string[] Properties = ["*javax.net.ssl.truststore*", "*https.proxyhost*", "*https.proxyport*", "*http.nonproxyhosts*"];

    private const string ProbeProgram =
        "class Probe{public static void main(String[] a)throws Exception{new java.net.URL(\"" + Probe.Url + "\").openStream().readAllBytes();}}";

    public static readonly IReadOnlyList<Tool> All =
    [
        new()
        {
            Name = "Java",
            Commands = ["java"],
            VersionArguments = ["-version"],
            Variables = [ToolOptions],
            Files = [TrustStore],
            Conflicts =
            [
                ConflictRule.InEnvironment(
                    ["JAVA_TOOL_OPTIONS=*-Djavax.net.ssl.trustStore*", "JAVA_TOOL_OPTIONS=*-Dhttps.proxy*", "JAVA_TOOL_OPTIONS=*-Dhttp.nonProxyHosts*",
                     "JDK_JAVA_OPTIONS=*-Djavax.net.ssl.trustStore*", "JDK_JAVA_OPTIONS=*-Dhttps.proxy*", "_JAVA_OPTIONS=*-Djavax.net.ssl.trustStore*", "_JAVA_OPTIONS=*-Dhttps.proxy*"],
                    "Java takes your property in place of the relay's.", "Remove the property from the variable."),
            ],
            Probe = new("--source", "11", Probe.InputFile) { Input = ProbeProgram },
            Note = "Every JVM says `Picked up JAVA_TOOL_OPTIONS` on stderr. A program that opens its own trust store (`cacerts`) or builds its client with a proxy of its own is not reached.",
        },
        new()
        {
            Name = "Maven",
            Commands = ["mvn"],
            Variables = [ToolOptions, MavenOptions],
            Conflicts =
            [
                ConflictRule.InFiles(["~/.m2/settings.xml", "/etc/maven/settings.xml"], ["<proxy>*"], "Maven takes this proxy in place of the relay.", "Remove the <proxy> element, or give another file with mvn -s."),
                ConflictRule.InEnvironment(["MAVEN_OPTS=*-Djavax.net.ssl.trustStore*", "MAVEN_OPTS=*-Dhttps.proxy*"], "Maven takes your property in place of the relay's.", "Remove the property from the variable."),
                ConflictRule.InFiles(["./.mvn/jvm.config"], Properties, "Maven takes this property in place of the relay's.", "Remove the property."),
            ],
        },
        new()
        {
            Name = "Gradle",
            Commands = ["gradle"],
            Variables = [ToolOptions],
            Conflicts =
            [
                ConflictRule.InFiles(
                    ["~/.gradle/gradle.properties", "$GRADLE_USER_HOME/gradle.properties", "./gradle.properties"], ["systemprop.https.proxy*", "systemprop.http.nonproxyhosts", "systemprop.javax.net.ssl.truststore*"],
                    "Gradle takes this property in place of the relay's.", "Remove the line, or override it with gradle -D."),
                ConflictRule.InFiles(["~/.gradle/gradle.properties", "./gradle.properties"], ["org.gradle.jvmargs=*trustStore*"], "Gradle's daemon takes this trust store in place of the relay's.", "Remove the property from the line."),
                ConflictRule.InEnvironment(["GRADLE_OPTS=*-Djavax.net.ssl.trustStore*", "GRADLE_OPTS=*-Dhttps.proxy*"], "Gradle takes your property in place of the relay's.", "Remove the property from the variable."),
            ],
            Note = "A daemon that ran before the relay keeps its old settings: `gradle --stop`.",
        },
        new()
        {
            Name = "Bazel",
            Commands = ["bazel", "bazelisk"],
            Variables = ProxyPair,
            Files = [BazelRc],
            Note = "Bazel's server takes `JAVA_TOOL_OPTIONS` away from itself and reads no variable for its options: run `bazel --bazelrc=\"${FAIRLEAD_HELP%/*}/bazelrc\" build`.",
        },
    ];
}
