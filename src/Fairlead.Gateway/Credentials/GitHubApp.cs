using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json.Nodes;

namespace Fairlead.Gateway.Credentials;

/// <summary>An installation of a GitHub App: its key becomes tokens that live an hour, each for the repositories and permissions that were asked for.</summary>
/// <param name="app">The app.</param>
/// <param name="service">How GitHub is asked.</param>
/// <param name="time">The clock.</param>
internal sealed class GitHubApp(GitHubApp.Installation app, SecretService service, TimeProvider time)
{
    // GitHub takes ten minutes at most, and none that begins in its future.
    private static readonly TimeSpan JwtLifetime = TimeSpan.FromMinutes(9);
    private static readonly TimeSpan JwtHeadStart = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan LongestLifetime = TimeSpan.FromHours(1);

    private readonly Uri _url = new($"{app.Api.GetLeftPart(UriPartial.Path).TrimEnd('/')}/app/installations/{app.Id}/access_tokens");

    /// <param name="narrowing">What the token is for, as GitHub is asked for it: see <see cref="GitHubScope"/>.</param>
    /// <param name="cancellationToken">Stops it.</param>
    /// <exception cref="CredentialException">There is no token.</exception>
    public async Task<FetchedSecret.Kept> FetchAsync(string narrowing, CancellationToken cancellationToken)
    {
        var began = time.GetUtcNow();
        var request = new HttpRequestMessage(HttpMethod.Post, _url) { Content = new StringContent(narrowing, Encoding.UTF8, "application/json") };
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", Jwt(began));
        request.Headers.Accept.ParseAdd("application/vnd.github+json");
        request.Headers.UserAgent.ParseAdd("fairlead-gateway");
        request.Headers.Add("X-GitHub-Api-Version", "2022-11-28");
        var (status, text) = await service.AskAsync(request, cancellationToken);
        if (status != HttpStatusCode.Created) throw new CredentialException($"{SecretService.Name(_url)} answered {(int)status}{Meaning(status)}");
        if (!Secret.TryCreate("token", AccessToken.StringIn(text, "token") ?? "", out var token, out _, out var problem)) throw AccessToken.Odd(_url, $"a 'token' that cannot be used: {problem}");
        if (!DateTimeOffset.TryParse(AccessToken.StringIn(text, "expires_at"), CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var expires)) throw AccessToken.Odd(_url, "no 'expires_at'");
        return AccessToken.Keep(token, began, TimeSpan.FromTicks(Math.Clamp((expires - began).Ticks, 0, LongestLifetime.Ticks)));
    }

    private string Jwt(DateTimeOffset now) => app.Key.Sign(new JsonObject
    {
        ["iss"] = app.AppId,
        ["iat"] = (now - JwtHeadStart).ToUnixTimeSeconds(),
        ["exp"] = (now + JwtLifetime).ToUnixTimeSeconds(),
    });

    private static string Meaning(HttpStatusCode status) => status switch
    {
        HttpStatusCode.Unauthorized => ": the key is not this app's, or the clock of this machine is wrong",
        HttpStatusCode.Forbidden => ": the installation is suspended, or was asked too often",
        HttpStatusCode.NotFound => ": the app has no such installation",
        HttpStatusCode.UnprocessableEntity => ": the installation does not have such a repository or permission",
        _ => "",
    };

    /// <summary>An installation of an app.</summary>
    /// <param name="Api">The address of the API.</param>
    /// <param name="AppId">The app's id, or its client id.</param>
    /// <param name="Id">The installation's id.</param>
    /// <param name="Key">The app's key.</param>
    internal sealed record Installation(Uri Api, string AppId, long Id, JwtSigner Key);
}
