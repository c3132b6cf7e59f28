using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Routing;

namespace Fairlead.EndToEnd.Origins;

/// <summary>A package registry behind the name npm.test: a document per package, and its tarball.</summary>
internal sealed class NpmRegistry
{
    private readonly ConcurrentDictionary<string, (JsonNode Document, byte[] Tarball)> _packages = [];

    public void Map(WebApplication app) => app.MapGet("/{**path}", ServeAsync).RequireHost("npm.test").WithOrder(-1);

    public void Add(string name, byte[] tarball)
    {
        var document = JsonNode.Parse($$"""
            {
              "name": "{{name}}",
              "dist-tags": { "latest": "1.0.0" },
              "versions": {
                "1.0.0": {
                  "name": "{{name}}",
                  "version": "1.0.0",
                  "dist": {
                    "tarball": "https://npm.test/tarballs/{{name}}/1.0.0.tgz",
                    "integrity": "sha512-{{Convert.ToBase64String(SHA512.HashData(tarball))}}"
                  }
                }
              }
            }
            """)!;
        _packages[name] = (document, tarball);
    }

    private Task ServeAsync(HttpContext context)
    {
        var target = context.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget;
        foreach (var (name, package) in _packages)
        {
            // A scoped name has its slash escaped: the exact spelling is what a proxy may not touch.
            if (target == "/" + name.Replace("/", "%2f", StringComparison.Ordinal)) return context.Response.WriteAsJsonAsync(package.Document, context.RequestAborted);
            if (target == $"/tarballs/{name}/1.0.0.tgz") return context.Response.Body.WriteAsync(package.Tarball, context.RequestAborted).AsTask();
        }

        context.Response.StatusCode = StatusCodes.Status404NotFound;
        return Task.CompletedTask;
    }
}
