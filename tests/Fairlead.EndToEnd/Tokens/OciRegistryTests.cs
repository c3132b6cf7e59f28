using System.IO.Compression;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using System.Web;
using Fairlead.EndToEnd.Harness;
using Fairlead.EndToEnd.Origins;

namespace Fairlead.EndToEnd.Tokens;

/// <summary>skopeo against a real registry with token authentication: the client has no credential, and is never asked for one.</summary>
public sealed class OciRegistryTests
{
    private const string Session = "FAKE-registry-session";

    [Fact]
    public async Task An_image_is_pushed_and_pulled_by_a_client_that_has_no_credential()
    {
        await using var registry = await ImageRegistry.StartAsync();
        await using var site = await Site.StartAsync(new SiteOptions
        {
            Files = new Dictionary<string, string> { ["realm-ca.pem"] = registry.Realm.RootPem, ["registry.password"] = ImageRegistry.Password, ["registry.token"] = Session },
            Secrets = ["registry: { from: file, path: registry.password }"],
            Credentials = [$"registry: {{ use: oci-registry, username: {ImageRegistry.User}, password: registry, token_url: \"{registry.Realm.Url}token\", service: {ImageRegistry.Name}, token_ca: realm-ca.pem, hosts: [{ImageRegistry.Name}] }}"],
            Rules = [$"allow * {ImageRegistry.Name}/v2/**", $"allow GET,HEAD {ImageRegistry.BlobHost}/**"],
            Sessions = ["{ id: images, token: { from: file, path: registry.token }, policy: default, credentials: [registry] }"],
            Resolve = new Dictionary<string, string> { [ImageRegistry.Name] = registry.Address, [ImageRegistry.BlobHost] = SiteOptions.TheOrigin },
            ExtraCa = registry.RootPem,
        });
        Directory.CreateSymbolicLink(Path.Combine(site.Origin.Files.Folder(ImageRegistry.BlobHost), "docker"), Path.Combine(registry.Storage, "docker"));
        var relay = await site.StartRelayAsync("images", Session);
        var layer = WriteImage(site.Folder.Folder("image"));

        (await site.RunAsync(relay, "skopeo", "copy", "--insecure-policy", $"oci:{site.Folder.File("image")}:1", $"docker://{ImageRegistry.Name}/acme/app:1")).Succeeded();
        var pushed = registry.Realm.Questions.Count;
        (await site.RunAsync(relay, "skopeo", "copy", "--insecure-policy", $"docker://{ImageRegistry.Name}/acme/app:1", $"dir:{site.Folder.File("pulled")}")).Succeeded();

        Assert.True(File.Exists(site.Folder.File($"pulled/{layer}")));
        var asked = registry.Realm.Questions.Select(q => string.Join(' ', HttpUtility.ParseQueryString(new Uri(registry.Realm.Url, q.Target).Query).GetValues("scope") ?? [])).ToArray();
        Assert.Equal(["", "repository:acme/app:pull", "repository:acme/app:pull,push"], asked.Order(StringComparer.Ordinal));
        // What the pull needed was there from the push.
        Assert.Equal(pushed, asked.Length);
        var blobs = site.Origin.Requests.To(ImageRegistry.BlobHost);
        Assert.InRange(blobs.Count, 1, 10);
        Assert.All(blobs, r => Assert.Empty(r.Values("Authorization")));
        Assert.DoesNotContain(ImageRegistry.Password, File.ReadAllText(site.Audit.File) + site.Gateway.Program.Stderr.Text, StringComparison.Ordinal);
    }

    /// <summary>An image of one layer as an OCI layout.</summary>
    /// <returns>The digest of the layer.</returns>
    private static string WriteImage(string folder)
    {
        var blobs = Directory.CreateDirectory(Path.Combine(folder, "blobs", "sha256")).FullName;
        using var tar = new MemoryStream();
        using (var writer = new System.Formats.Tar.TarWriter(tar, leaveOpen: true))
        {
            writer.WriteEntry(new System.Formats.Tar.PaxTarEntry(System.Formats.Tar.TarEntryType.RegularFile, "file") { DataStream = new MemoryStream(RandomNumberGenerator.GetBytes(300_000)) });
        }

        using var packed = new MemoryStream();
        using (var gzip = new GZipStream(packed, CompressionLevel.Fastest, leaveOpen: true)) gzip.Write(tar.ToArray());
        var layer = Write(packed.ToArray());
        var config = Write(Encoding.UTF8.GetBytes(new JsonObject
        {
            ["architecture"] = "amd64",
            ["os"] = "linux",
            ["config"] = new JsonObject(),
            ["rootfs"] = new JsonObject { ["type"] = "layers", ["diff_ids"] = new JsonArray("sha256:" + Convert.ToHexStringLower(SHA256.HashData(tar.ToArray()))) },
        }.ToJsonString()));
        var manifest = Write(Encoding.UTF8.GetBytes(new JsonObject
        {
            ["schemaVersion"] = 2,
            ["mediaType"] = "application/vnd.oci.image.manifest.v1+json",
            ["config"] = Describe("application/vnd.oci.image.config.v1+json", config),
            ["layers"] = new JsonArray(Describe("application/vnd.oci.image.layer.v1.tar+gzip", layer)),
        }.ToJsonString()));
        var entry = Describe("application/vnd.oci.image.manifest.v1+json", manifest);
        entry["annotations"] = new JsonObject { ["org.opencontainers.image.ref.name"] = "1" };
        File.WriteAllText(Path.Combine(folder, "index.json"), new JsonObject { ["schemaVersion"] = 2, ["manifests"] = new JsonArray(entry) }.ToJsonString());
        File.WriteAllText(Path.Combine(folder, "oci-layout"), "{\"imageLayoutVersion\":\"1.0.0\"}");
        return layer.Digest;

        (string Digest, int Length) Write(byte[] blob)
        {
            var digest = Convert.ToHexStringLower(SHA256.HashData(blob));
            File.WriteAllBytes(Path.Combine(blobs, digest), blob);
            return (digest, blob.Length);
        }

        static JsonObject Describe(string type, (string Digest, int Length) blob) => new() { ["mediaType"] = type, ["digest"] = "sha256:" + blob.Digest, ["size"] = blob.Length };
    }
}
