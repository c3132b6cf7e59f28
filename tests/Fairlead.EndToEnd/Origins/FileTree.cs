using System.Security.Cryptography;
using Fairlead.EndToEnd.Harness;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Fairlead.EndToEnd.Origins;

/// <summary>
/// A web server of plain files for every host under tools.test, which is what most package registries are: <c>NAME.tools.test/a/b</c> is the file
/// <c>NAME/a/b</c>, and a path that ends in a slash is that folder's <c>index</c>.
/// </summary>
internal sealed class FileTree : IDisposable
{
    public const string Domain = "tools.test";
    public const string Hello = "hello from the origin\n";
    private readonly TempFolder _folder = new();

    public void Map(WebApplication app) => app.MapMethods("/{**path}", ["GET", "HEAD"], ServeAsync).RequireHost($"*.{Domain}").WithOrder(1);

    /// <summary>The folder that a host serves.</summary>
    public string Folder(string host) => _folder.Folder(host.Split('.')[0]);

    public void Write(string host, string path, byte[] content)
    {
        var file = Path.Combine(Folder(host), path);
        Directory.CreateDirectory(Path.GetDirectoryName(file)!);
        File.WriteAllBytes(file, content);
    }

    public void Write(string host, string path, string content) => Write(host, path, System.Text.Encoding.UTF8.GetBytes(content));

    public void Dispose() => _folder.Dispose();

    private async Task ServeAsync(HttpContext context)
    {
        var path = context.Request.Path.Value!;
        var root = Folder(context.Request.Host.Host);
        var file = Path.GetFullPath(Path.Combine(root, path.EndsWith('/') ? $"{path[1..]}index" : path[1..]));
        byte[]? content = path == "/hello.txt" ? System.Text.Encoding.UTF8.GetBytes(Hello)
            : file.StartsWith(root + "/", StringComparison.Ordinal) && File.Exists(file) ? await File.ReadAllBytesAsync(file, context.RequestAborted) : null;
        if (content is null)
        {
            context.Response.StatusCode = StatusCodes.Status404NotFound;
            return;
        }

        context.Response.ContentType = TypeOf(path);
        context.Response.ContentLength = content.Length;
        // Bundler compares the entity tag with the MD5 of what it got.
#pragma warning disable CA5351 // not for security
        context.Response.Headers.ETag = $"\"{Convert.ToHexStringLower(MD5.HashData(content))}\"";
#pragma warning restore CA5351
        if (context.Request.Method == "GET") await context.Response.Body.WriteAsync(content, context.RequestAborted);
    }

    private static string TypeOf(string path) => Path.GetExtension(path) switch
    {
        ".txt" => "text/plain",
        ".html" => "text/html",
        ".json" => "application/json",
        _ => path.Contains("/manifests/", StringComparison.Ordinal) ? "application/vnd.docker.distribution.manifest.v2+json" : "application/octet-stream",
    };
}
