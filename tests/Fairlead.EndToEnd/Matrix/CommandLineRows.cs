using Fairlead.EndToEnd.Harness;
using Fairlead.EndToEnd.Origins;

namespace Fairlead.EndToEnd.Matrix;

/// <summary>Programs that people and scripts call.</summary>
internal static class CommandLineRows
{
    private static readonly Dictionary<string, string> Aws = new()
    {
        ["AWS_ACCESS_KEY_ID"] = S3Stub.AccessKey,
        ["AWS_SECRET_ACCESS_KEY"] = S3Stub.SecretKey,
        ["AWS_DEFAULT_REGION"] = "us-east-1",
    };

    public static IReadOnlyList<MatrixTool> All { get; } =
    [
        Get("curl", "curl --version", "curl", "-sS", "https://HOST/hello.txt"),
        Get("wget", "wget --version", "wget", "-q", "-O", "-", "https://HOST/hello.txt"),
        Get("aria2", "aria2c --version", "aria2c", "--quiet", "-o", "got.txt", "https://HOST/hello.txt") with
        {
            Prints = "",
            Makes = "got.txt",
            Cannot = "built with GnuTLS, it reads no variable for its roots",
            Instead = "aria2c --ca-certificate=$SSL_CERT_FILE --quiet -o got.txt https://HOST/hello.txt",
        },
        Get("axel", "axel --version", "axel", "-q", "-o", "got.txt", "https://HOST/hello.txt") with
        {
            Prints = "",
            Makes = "got.txt",
            Cannot = "it reads `http_proxy` alone, and asks a proxy for an https address without CONNECT",
        },
        Get("HTTPie", "http --version", "http", "--ignore-stdin", "--check-status", "https://HOST/hello.txt"),
        Get("lynx", "lynx -version", "lynx", "-dump", "https://HOST/hello.txt"),
        Get("w3m", "w3m -version", "w3m", "-dump", "https://HOST/hello.txt"),
        Get("lftp", "lftp --version", "lftp", "-c", "cat https://HOST/hello.txt") with
        {
            Cannot = "built with GnuTLS, it reads no variable for its roots",
            Instead = "lftp -c \"set ssl:ca-file $SSL_CERT_FILE; cat https://HOST/hello.txt\"",
        },
        Get("openssl s_client", "openssl version",
            "sh", "-c", "printf 'GET /hello.txt HTTP/1.1\\r\\nHost: HOST\\r\\nConnection: close\\r\\n\\r\\n' | "
                + "openssl s_client -quiet -verify_return_error -servername HOST -connect HOST:443 -proxy \"${HTTPS_PROXY#http://}\"") with
        {
            Job = "GET over its TLS, verified; the proxy by its option `-proxy`, since it reads no variable",
        },
        Get("Chromium", "chromium --version",
            "chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
            "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--user-data-dir=profile", "--dump-dom", "https://HOST/hello.txt") with
        {
            Job = "loads a page and prints its DOM; the CA by `--browser-trust`, since it reads no variable for it",
            RunOptions = ["--browser-trust"],
        },
        new("git clone")
        {
            Job = "clones a repository over https",
            Version = "git --version",
            Command = ["git", "clone", "--quiet", "https://HOST/git-clone.git", "clone"],
            Prepare = (site, _) => GitRepository.CreateAsync(site, "git-clone"),
            Makes = "clone/answer.txt",
        },
        new("git push")
        {
            Job = "pushes a commit over https",
            Version = "git --version",
            Command = ["git", "-C", "work", "push", "https://HOST/git-push.git", "HEAD:refs/heads/pushed"],
            Prepare = async (site, home) =>
            {
                await GitRepository.CreateAsync(site, "git-push");
                await GitRepository.CommitAsync(Directory.CreateDirectory(Path.Combine(home, "work")).FullName);
            },
        },
        new("git ssh")
        {
            Job = "clones `git@HOST:path`, which `--git-https HOST` turns into https",
            Version = "git --version",
            RunOptions = ["--git-https", "HOST"],
            Command = ["git", "clone", "--quiet", "git@HOST:git-ssh.git", "clone"],
            Prepare = (site, _) => GitRepository.CreateAsync(site, "git-ssh"),
            Makes = "clone/answer.txt",
        },
        new("aws")
        {
            Job = "reads an object, with a space in its name, of an S3 server that checks the signature",
            Version = "aws --version",
            Command = ["aws", "s3", "cp", "--endpoint-url", "https://HOST", "s3://sample-bucket/an object", "-"],
            Variables = Aws,
            Prints = S3Stub.Object,
        },
        new("s3cmd")
        {
            Job = "lists the buckets of an S3 server that checks the signature",
            Version = "s3cmd --version",
            Command = ["s3cmd", "ls", "--host=HOST", "--host-bucket=HOST"],
            Variables = Aws,
            Prints = "sample-bucket",
            Cannot = "it reads its proxy from `~/.s3cfg` alone (`proxy_host`, `proxy_port`)",
        },
        new("rclone")
        {
            Job = "copies a file of a web server",
            Version = "rclone --version",
            Command = ["rclone", "copyurl", "https://HOST/hello.txt", "got.txt"],
            Makes = "got.txt",
        },
        new("rclone S3")
        {
            Job = "lists the buckets of an S3 server that checks the signature",
            Version = "rclone --version",
            Command = ["rclone", "lsd", "--s3-provider", "Other", "--s3-env-auth", "--s3-endpoint", "https://HOST", ":s3:"],
            Variables = Aws,
            Prints = "sample-bucket",
            Cannot = "the S3 library it is built with stumbles over AWS_CA_BUNDLE",
            Instead = "env -u AWS_CA_BUNDLE rclone lsd --s3-provider Other --s3-env-auth --s3-endpoint https://HOST :s3:",
        },
        new("kubectl")
        {
            Job = "asks an API server for its version",
            Version = "kubectl version --client",
            Command = ["kubectl", "--server", "https://HOST", "--token", "FAKE-token", "get", "--raw", "/version"],
            Prepare = (site, _) => WriteAsync(site, "kubectl.tools.test", "version", """{ "major": "1", "gitVersion": "v1.30.0-sample" }"""),
            Prints = "v1.30.0-sample",
        },
        new("gh")
        {
            Job = "asks a GitHub server's API for the user",
            Version = "gh --version",
            Command = ["gh", "api", "--hostname", "HOST", "user"],
            Variables = new Dictionary<string, string> { ["GH_ENTERPRISE_TOKEN"] = "FAKE-token" },
            Prepare = (site, _) => WriteAsync(site, "gh.tools.test", "api/v3/user", """{ "login": "sample" }"""),
            Prints = "sample",
        },
        new("skopeo")
        {
            Preset = "{ use: docker-pull, registry: HOST }",
            Job = "reads a manifest of an image registry",
            Version = "skopeo --version",
            Command = ["skopeo", "inspect", "--raw", "docker://HOST/sample:1"],
            Prepare = async (site, _) =>
            {
                await WriteAsync(site, "skopeo.tools.test", "v2/index", "{}");
                await WriteAsync(site, "skopeo.tools.test", "v2/sample/manifests/1", """
                    {"schemaVersion":2,"mediaType":"application/vnd.docker.distribution.manifest.v2+json","config":{"mediaType":"application/vnd.docker.container.image.v1+json","size":2,"digest":"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"},"layers":[]}
                    """);
            },
            Prints = "schemaVersion",
        },
        new("svn")
        {
            Job = "asks a server for its root",
            Version = "svn --version",
            Command = ["svn", "info", "--non-interactive", "https://HOST/sample"],
            Cannot = "it reads proxy and CA from its own file `servers` alone",
        },
    ];

    private static MatrixTool Get(string name, string version, params string[] command) =>
        new(name) { Job = "GET", Version = version, Command = command, Prints = FileTree.Hello.TrimEnd() };

    private static async Task WriteAsync(ToolSite site, string host, string path, string content) =>
        (await site.Topology).Origin.Files.Write(host, path, content);
}
