using System.IO.Compression;
using System.Security.Cryptography;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Fairlead.EndToEnd.Origins;

/// <summary>A simple index (PEP 503) behind the name pypi.test, with one wheel.</summary>
internal static class PythonIndex
{
    public const string Package = "fairlead-sample";
    private const string WheelName = "fairlead_sample-1.0-py3-none-any.whl";

    public static void Map(WebApplication app)
    {
        var wheel = Wheel();
        var page = $"""<!DOCTYPE html><a href="/files/{WheelName}#sha256={Convert.ToHexStringLower(SHA256.HashData(wheel))}">{WheelName}</a>""";
        app.MapGet($"/simple/{Package}/", context =>
        {
            context.Response.ContentType = "text/html";
            return context.Response.WriteAsync(page, context.RequestAborted);
        }).RequireHost("pypi.test", "pip.tools.test");
        app.MapGet($"/files/{WheelName}", context => context.Response.Body.WriteAsync(wheel, context.RequestAborted).AsTask()).RequireHost("pypi.test", "pip.tools.test");
    }

    private static byte[] Wheel()
    {
        using var bytes = new MemoryStream();
        using (var zip = new ZipArchive(bytes, ZipArchiveMode.Create))
        {
            Add(zip, "fairlead_sample.py", "ANSWER = 42\n");
            Add(zip, "fairlead_sample-1.0.dist-info/METADATA", $"Metadata-Version: 2.1\nName: {Package}\nVersion: 1.0\n");
            Add(zip, "fairlead_sample-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n");
            Add(zip, "fairlead_sample-1.0.dist-info/RECORD", "fairlead_sample.py,,\n");
        }

        return bytes.ToArray();
    }

    private static void Add(ZipArchive zip, string name, string content)
    {
        using var writer = new StreamWriter(zip.CreateEntry(name).Open());
        writer.Write(content);
    }
}
