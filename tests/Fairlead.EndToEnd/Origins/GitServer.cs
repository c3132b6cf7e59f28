using System.Diagnostics;
using System.Globalization;
using System.Text;
using Fairlead.EndToEnd.Harness;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Fairlead.EndToEnd.Origins;

/// <summary>git's own smart HTTP server, <c>git http-backend</c>, behind the names git.test and github.com and those of tools that are git. Anyone may push, but below <c>/private/</c> nobody reads without the token as the password of Basic.</summary>
internal static class GitServer
{
    private static readonly string Expected = "Basic " + Convert.ToBase64String(Encoding.ASCII.GetBytes($"x-access-token:{TestSecrets.Git}"));

    public static void Map(WebApplication app, string projectRoot) =>
        app.Map("/{**path}", context => ServeAsync(context, projectRoot)).RequireHost("git.test", "github.com", "git-clone.tools.test", "git-push.tools.test", "git-ssh.tools.test").WithOrder(-1);

    private static async Task ServeAsync(HttpContext context, string projectRoot)
    {
        if (context.Request.Path.StartsWithSegments("/private", StringComparison.Ordinal) && context.Request.Headers.Authorization != Expected)
        {
            context.Response.StatusCode = StatusCodes.Status401Unauthorized;
            context.Response.Headers.WWWAuthenticate = "Basic realm=\"private\"";
            return;
        }

        using var backend = Start(context.Request, projectRoot);
        var input = FeedAsync(context, backend);
        await AnswerAsync(context.Response, backend.StandardOutput.BaseStream, context.RequestAborted);
        await input;
        await backend.WaitForExitAsync(context.RequestAborted);
    }

    /// <summary>RFC 3875 §4.1: a CGI program gets its request in variables.</summary>
    private static Process Start(HttpRequest request, string projectRoot)
    {
        var start = new ProcessStartInfo("git", ["http-backend"]) { RedirectStandardInput = true, RedirectStandardOutput = true };
        start.Environment["GIT_PROJECT_ROOT"] = projectRoot;
        start.Environment["GIT_HTTP_EXPORT_ALL"] = "1";
        start.Environment["REMOTE_USER"] = "tester";
        start.Environment["REQUEST_METHOD"] = request.Method;
        start.Environment["PATH_INFO"] = request.Path.Value;
        start.Environment["QUERY_STRING"] = request.QueryString.Value?.TrimStart('?');
        start.Environment["CONTENT_TYPE"] = request.ContentType;
        start.Environment["HTTP_CONTENT_ENCODING"] = request.Headers.ContentEncoding;
        start.Environment["GIT_PROTOCOL"] = request.Headers["Git-Protocol"];
        if (request.ContentLength is { } length) start.Environment["CONTENT_LENGTH"] = length.ToString(CultureInfo.InvariantCulture);
        return Process.Start(start)!;
    }

    private static async Task FeedAsync(HttpContext context, Process backend)
    {
        await context.Request.Body.CopyToAsync(backend.StandardInput.BaseStream, context.RequestAborted);
        backend.StandardInput.Close();
    }

    private static async Task AnswerAsync(HttpResponse response, Stream output, CancellationToken cancellationToken)
    {
        while (await ReadLineAsync(output, cancellationToken) is { Length: > 0 } line)
        {
            var (name, value) = (line[..line.IndexOf(':', StringComparison.Ordinal)], line[(line.IndexOf(':', StringComparison.Ordinal) + 1)..].Trim());
            if (name.Equals("Status", StringComparison.OrdinalIgnoreCase)) response.StatusCode = int.Parse(value[..3], CultureInfo.InvariantCulture);
            else response.Headers.Append(name, value);
        }

        await output.CopyToAsync(response.Body, cancellationToken);
    }

    private static async Task<string> ReadLineAsync(Stream stream, CancellationToken cancellationToken)
    {
        var line = new StringBuilder();
        var one = new byte[1];
        while (await stream.ReadAsync(one, cancellationToken) == 1 && one[0] != '\n') line.Append((char)one[0]);
        return line.ToString().TrimEnd('\r');
    }
}
