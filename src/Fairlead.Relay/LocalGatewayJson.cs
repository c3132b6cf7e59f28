using System.Text.Json.Serialization;

namespace Fairlead.Relay;

/// <summary>Reads <see cref="LocalGatewayReady"/> with code made at build time, since ahead-of-time compilation has no reflection.</summary>
[JsonSerializable(typeof(LocalGatewayReady))]
internal sealed partial class LocalGatewayJson : JsonSerializerContext;
