using System.Text.Json.Serialization;

namespace Fairlead.Relay;

/// <summary>The one line that a local gateway writes when it is ready.</summary>
/// <param name="Url">Where it listens.</param>
/// <param name="Session">The session that its token belongs to.</param>
/// <param name="RemoveEnvironment">Variables that hold its secrets: the command must not get them.</param>
internal sealed record LocalGatewayReady(
    [property: JsonPropertyName("url")] string Url,
    [property: JsonPropertyName("session")] string Session,
    [property: JsonPropertyName("remove_environment")] IReadOnlyList<string>? RemoveEnvironment);
