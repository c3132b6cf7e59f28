using System.Text.Json;
using System.Text.Json.Nodes;
using Fairlead.Gateway.Configuration;
using Fairlead.Wire;

namespace Fairlead.Gateway;

/// <summary>A session that somebody asks for.</summary>
/// <param name="Entry">The entry of <c>sessions</c>; null for the only one that the gateway's own key signs for.</param>
/// <param name="Id">What is behind the slash of its id; null for a new unique one.</param>
/// <param name="Lifetime">How long it lasts; null for the default.</param>
/// <param name="Claims">Claims besides those that the entry wants.</param>
/// <param name="Gateway">Where the container reaches the gateway; null for where it listens.</param>
internal sealed record SessionRequest(string? Entry, string? Id, TimeSpan? Lifetime, IReadOnlyDictionary<string, string> Claims, string? Gateway)
{
    private static readonly string[] Known = ["session", "id", "lifetime", "claims", "gateway"];

    /// <summary>Reads it from JSON.</summary>
    /// <exception cref="InvalidDataException">It is another JSON.</exception>
    public static SessionRequest Read(JsonObject json)
    {
        if (json.FirstOrDefault(p => !Known.Contains(p.Key)).Key is { } odd) throw new InvalidDataException($"unknown member '{HostPort.Printable(odd)}'; known: {string.Join(", ", Known)}");
        if (json["claims"] is not (null or JsonObject)) throw new InvalidDataException("claims: expected an object");
        var claims = (json["claims"] as JsonObject)?.ToDictionary(c => c.Key, c => TextOf(c.Value, $"claims.{c.Key}")!) ?? [];
        return new SessionRequest(TextOf(json["session"], "session"), TextOf(json["id"], "id"), TimeOf(TextOf(json["lifetime"], "lifetime"), "lifetime"), claims, TextOf(json["gateway"], "gateway"));
    }

    /// <summary>A time such as <c>4h</c>, or null for none.</summary>
    /// <exception cref="InvalidDataException">It is no time.</exception>
    public static TimeSpan? TimeOf(string? text, string where) =>
        text is null ? null : Units.TryReadTime(text, out var time) ? time : throw new InvalidDataException($"{where}: expected a time such as 90s, 15m, 4h or 7d, of 366 days at most, got '{HostPort.Printable(text)}'");

    private static string? TextOf(JsonNode? node, string where) =>
        node is null ? null : node.GetValueKind() == JsonValueKind.String ? node.GetValue<string>() : throw new InvalidDataException($"{HostPort.Printable(where)}: expected a text");
}
