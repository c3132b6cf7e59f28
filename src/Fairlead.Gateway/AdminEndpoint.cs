using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Fairlead.Gateway.Audit;
using Fairlead.Gateway.Configuration;
using Fairlead.Gateway.Credentials;
using Fairlead.Gateway.Sessions;
using Fairlead.Gateway.Telemetry;
using Fairlead.Wire;
using Microsoft.AspNetCore.Http.Features;

namespace Fairlead.Gateway;

/// <summary>
/// For whoever runs the gateway, on a listener of its own: is it well, who is connected, a session is made, a session is ended.
/// <code>
/// GET /healthz  GET /readyz  GET /metrics            without a token
/// GET|POST /v1/sessions   DELETE /v1/sessions/ID     with the token of 'admin'
/// </code>
/// </summary>
internal sealed class AdminEndpoint(SessionRegistry sessions, AuditLog audit, GatewayHealth health, GatewayMetrics metrics, TimeProvider time, ILogger logger)
{
    private const string Sessions = "/v1/sessions";
    private static readonly TimeSpan DefaultLifetime = TimeSpan.FromHours(4);
    // Read by people and programs, never by a browser: quotes stay quotes.
    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true, Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private GatewayOptions? _options;
    private byte[] _tokenHash = RandomNumberGenerator.GetBytes(32);

    /// <summary>Puts another configuration into force.</summary>
    /// <param name="options">The configuration.</param>
    /// <param name="address">Where relays find the gateway.</param>
    public void Apply(GatewayOptions options, string address)
    {
        if (options.Admin is { } admin) Volatile.Write(ref _tokenHash, HashOf(admin.Token));
        Address = address;
        Volatile.Write(ref _options, options);
    }

    private string Address { get; set; } = "";

    public Task HandleAsync(HttpContext context)
    {
        var (method, path) = (context.Request.Method, context.Request.Path.Value ?? "");
        return (method, path) switch
        {
            ("GET", "/healthz") => SayAsync(context, 200, "ok\n"),
            ("GET", "/readyz") => ReadyAsync(context),
            ("GET", "/metrics") => SayAsync(context, 200, metrics.Render(), "text/plain; version=0.0.4; charset=utf-8"),
            _ when !IsAuthentic(context) => RefuseAsync(context),
            ("GET", Sessions) => SayAsync(context, 200, List().ToJsonString(Indented) + "\n", "application/json"),
            ("POST", Sessions) => MakeAsync(context),
            ("DELETE", _) when path.StartsWith(Sessions + "/", StringComparison.Ordinal) => RevokeAsync(context, IdIn(context)),
            _ => ProblemAsync(context, 404, "nothing is served here: see GET /healthz, /readyz, /metrics, /v1/sessions"),
        };
    }

    private bool IsAuthentic(HttpContext context)
    {
        const string scheme = "Bearer ";
        var authorization = context.Request.Headers.Authorization.ToString();
        return authorization.StartsWith(scheme, StringComparison.OrdinalIgnoreCase)
            && CryptographicOperations.FixedTimeEquals(SHA256.HashData(Encoding.UTF8.GetBytes(authorization[scheme.Length..].Trim())), Volatile.Read(ref _tokenHash));
    }

    private static byte[] HashOf(Secret token) => SHA256.HashData(Encoding.UTF8.GetBytes(token.Reveal()));

    private static Task RefuseAsync(HttpContext context)
    {
        context.Response.Headers.WWWAuthenticate = "Bearer";
        return ProblemAsync(context, 401, "expected Authorization: Bearer, with the token of 'admin'");
    }

    // Ready is who can serve; what is merely not as its owner wants it is said beside it.
    private Task ReadyAsync(HttpContext context)
    {
        var isReady = audit.IsWritable;
        var answer = new JsonObject { ["ready"] = isReady, ["audit"] = isReady ? "ok" : "records cannot be written, or a required sink does not take them: new requests get 503", ["configuration"] = health.Refusal is null ? "ok" : $"the file does not load, and the one before it is in force: {health.Refusal}" };
        var issuers = new JsonObject();
        foreach (var issuer in sessions.Issuers) issuers[issuer.Name] = issuer.Keys.Problem ?? "ok";
        if (issuers.Count > 0) answer["issuers"] = issuers;
        var sinks = new JsonObject();
        foreach (var sink in audit.Sinks) sinks[sink.Name] = sink.Problem is { } problem ? $"{sink.Lag} records behind: {problem}" : "ok";
        if (sinks.Count > 0) answer["sinks"] = sinks;
        var secrets = new JsonObject();
        foreach (var secret in Volatile.Read(ref _options)?.FetchedSecrets ?? []) secrets[secret.Name] = secret.Problem ?? "ok";
        if (secrets.Count > 0) answer["secrets"] = secrets;
        return SayAsync(context, isReady ? 200 : 503, answer.ToJsonString(Indented) + "\n", "application/json");
    }

    private JsonArray List() => new([.. sessions.Alive.OrderBy(l => l.Current.Id, StringComparer.Ordinal).Select(lease => (JsonNode)new JsonObject
    {
        ["session"] = lease.Current.Id,
        ["entry"] = lease.Current.Entry,
        ["policy"] = lease.Current.Policy.Name,
        ["policy_hash"] = lease.Current.Policy.Hash,
        ["began"] = Time(lease.Began),
        ["expires"] = lease.Expires == DateTimeOffset.MaxValue ? null : Time(lease.Expires),
        ["tunnels"] = lease.Usage.Tunnels,
        ["bytes"] = lease.Usage.Bytes,
    })]);

    private async Task MakeAsync(HttpContext context)
    {
        var options = Volatile.Read(ref _options)!;
        try
        {
            using var body = new StreamReader(context.Request.Body, Encoding.UTF8);
            var request = JsonNode.Parse(await body.ReadToEndAsync(context.RequestAborted), documentOptions: new JsonDocumentOptions { AllowDuplicateProperties = false, MaxDepth = 8 }) as JsonObject
                ?? throw new InvalidDataException("expected a JSON object");
            var asked = SessionRequest.Read(request);
            var session = SessionMint.Make(options, asked, DefaultLifetime, time.GetUtcNow());
            logger.SessionMade(session.Id, session.Expires);
            context.Response.Headers.CacheControl = "no-store";
            await SayAsync(context, 201, session.ToJson(asked.Gateway ?? Address).ToJsonString(Indented) + "\n", "application/json");
        }
        // Half of a surrogate pair is an InvalidOperationException.
        catch (Exception e) when (e is InvalidDataException or ConfigException or JsonException or BadHttpRequestException or InvalidOperationException)
        {
            await ProblemAsync(context, 400, e.Message);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            logger.AdministrationFailed(e.Message);
            await ProblemAsync(context, 500, e.Message);
        }
    }

    // Kestrel leaves %2F in a path as it is, and ids have slashes: decoded once, all of it.
    private static string IdIn(HttpContext context) =>
        Uri.UnescapeDataString(context.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget.Split('?')[0][(Sessions.Length + 1)..]);

    private async Task RevokeAsync(HttpContext context, string id)
    {
        var options = Volatile.Read(ref _options)!;
        if (SessionMint.WhyNotRevocable(options, id) is { } why)
        {
            await ProblemAsync(context, 409, why);
            return;
        }

        try
        {
            Revocations.Add(options.RevocationsFile!, id, time.GetUtcNow());
        }
        catch (Exception e) when (e is InvalidDataException or IOException or UnauthorizedAccessException)
        {
            logger.AdministrationFailed(e.Message);
            await ProblemAsync(context, e is InvalidDataException ? 400 : 500, e.Message);
            return;
        }

        var ended = sessions.Revoke(id);
        logger.SessionRevoked(id);
        await SayAsync(context, 200, new JsonObject { ["revoked"] = id, ["ended"] = new JsonArray([.. ended.Select(e => (JsonNode)e)]) }.ToJsonString(Indented) + "\n", "application/json");
    }

    private static Task ProblemAsync(HttpContext context, int status, string why) =>
        SayAsync(context, status, new JsonObject { ["error"] = why }.ToJsonString(Indented) + "\n", "application/json");

    private static Task SayAsync(HttpContext context, int status, string text, string type = "text/plain; charset=utf-8")
    {
        context.Response.StatusCode = status;
        context.Response.ContentType = type;
        context.Response.Headers.XContentTypeOptions = "nosniff";
        return context.Response.WriteAsync(text, context.RequestAborted);
    }

    private static string Time(DateTimeOffset time) => HostPort.Printable(time.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture));
}
