using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using Fairlead.Gateway.Credentials;
using Fairlead.Wire;

namespace Fairlead.Gateway.Signing;

/// <summary>Secrets of AWS Secrets Manager (its action GetSecretValue), asked for by a key of the gateway's own.</summary>
/// <param name="wanted">Which secret, and who asks.</param>
/// <param name="service">How it is asked.</param>
/// <param name="freshness">How long a value is used.</param>
/// <param name="time">The clock.</param>
internal sealed class AwsSecretsManager(AwsSecretsManager.Wanted wanted, SecretService service, Freshness freshness, TimeProvider time)
{
    private const int MaxErrorCharacters = 64;
    private const string ContentType = "application/x-amz-json-1.1";
    private const string Action = "secretsmanager.GetSecretValue";

    /// <exception cref="CredentialException">There is no such secret, or it cannot be had.</exception>
    public async Task<FetchedSecret.Kept> FetchAsync(CancellationToken cancellationToken)
    {
        var began = time.GetUtcNow();
        var (status, text) = await service.AskAsync(Request(), cancellationToken);
        if (status != HttpStatusCode.OK) throw new CredentialException($"{SecretService.Name(wanted.Endpoint)} answered {(int)status}{ErrorOf(text)}");
        return freshness.Keep(wanted.Name, ValueOf(text), SecretService.Name(wanted.Endpoint), began);
    }

    private HttpRequestMessage Request()
    {
        var asked = new Dictionary<string, string> { ["SecretId"] = wanted.SecretId };
        if (wanted.VersionStage is not null) asked["VersionStage"] = wanted.VersionStage;
        var body = JsonSerializer.SerializeToUtf8Bytes(asked);
        var key = new AwsKey(wanted.SecretAccessKey.Reveal(), new AwsScope(wanted.Region, "secretsmanager"), time.GetUtcNow());
        var headers = new SortedDictionary<string, string>(StringComparer.Ordinal)
        {
            ["content-type"] = ContentType,
            ["host"] = wanted.Endpoint.Authority,
            ["x-amz-date"] = key.Date,
            ["x-amz-target"] = Action,
        };
        if (wanted.SessionToken is { } token) headers["x-amz-security-token"] = token.Reveal();
        var signature = key.Sign(AwsCanonicalRequest.Of("POST", wanted.Endpoint.PathAndQuery, headers, AwsKey.Hash(body), isPathPlain: false));
        var request = new HttpRequestMessage(HttpMethod.Post, wanted.Endpoint) { Content = new ByteArrayContent(body) { Headers = { ContentType = new MediaTypeHeaderValue(ContentType) } } };
        foreach (var (name, value) in headers.Where(h => h.Key is not ("content-type" or "host"))) request.Headers.TryAddWithoutValidation(name, value);
        request.Headers.TryAddWithoutValidation("Authorization", key.Authorization(wanted.AccessKeyId, headers.Keys, signature));
        return request;
    }

    private string ValueOf(string text)
    {
        try
        {
            using var answer = JsonDocument.Parse(text);
            if (AccessToken.StringOf(answer.RootElement, "SecretString") is { } value) return wanted.Field is null ? value : FieldOf(value);
            if (wanted.Field is null && AccessToken.StringOf(answer.RootElement, "SecretBinary") is { } binary) return Encoding.Latin1.GetString(Convert.FromBase64String(binary));
            throw Odd("no 'SecretString'");
        }
        catch (Exception e) when (e is JsonException or FormatException)
        {
            throw Odd("what is no JSON, or no base64");
        }
    }

    private string FieldOf(string value)
    {
        try
        {
            using var fields = JsonDocument.Parse(value);
            return AccessToken.StringOf(fields.RootElement, wanted.Field!) ?? throw Odd($"a secret without a text in the field '{HostPort.Printable(wanted.Field!)}'");
        }
        catch (JsonException)
        {
            throw Odd($"a secret that is no JSON, so that it has no field '{HostPort.Printable(wanted.Field!)}'");
        }
    }

    private CredentialException Odd(string what) => new($"{SecretService.Name(wanted.Endpoint)} gave {what}");

    // The name of the error; the message behind it may say anything.
    private static string ErrorOf(string text)
    {
        try
        {
            using var answer = JsonDocument.Parse(text);
            var type = AccessToken.StringOf(answer.RootElement, "__type")?.Split('#')[^1] ?? "";
            return type.Length is > 0 and <= MaxErrorCharacters && type.All(char.IsAsciiLetter) ? $" ({type})" : "";
        }
        catch (JsonException)
        {
            return "";
        }
    }

    /// <summary>A secret of the store, and who asks for it.</summary>
    /// <param name="Name">The name in the configuration.</param>
    /// <param name="Endpoint">The service, https.</param>
    /// <param name="Region">Its region.</param>
    /// <param name="SecretId">The name or ARN there.</param>
    /// <param name="Field">The field of a secret that is a JSON object; null for all of it.</param>
    /// <param name="VersionStage">The version; null for the current one.</param>
    /// <param name="AccessKeyId">The id of the key.</param>
    /// <param name="SecretAccessKey">The key.</param>
    /// <param name="SessionToken">The token of a temporary key, or null.</param>
    internal sealed record Wanted(string Name, Uri Endpoint, string Region, string SecretId, string? Field, string? VersionStage, string AccessKeyId, Secret SecretAccessKey, Secret? SessionToken)
    {
        public override string ToString() => $"{SecretId} of {Endpoint}";
    }
}
