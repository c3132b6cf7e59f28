using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;

namespace Fairlead.EndToEnd.Origins;

/// <summary>A Maven repository with one project in it: a parent without a word of its own.</summary>
internal static class MavenRepository
{
    public static void Map(WebApplication app) => app.MapGet("/maven/test/fairlead/parent/1.0/parent-1.0.pom", context => context.Response.WriteAsync(
        "<project><modelVersion>4.0.0</modelVersion><groupId>test.fairlead</groupId><artifactId>parent</artifactId><version>1.0</version><packaging>pom</packaging></project>",
        context.RequestAborted));
}
