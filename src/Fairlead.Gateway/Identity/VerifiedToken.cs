using System.Text.Json;

namespace Fairlead.Gateway.Identity;

/// <summary>What a token says, once its signatures hold.</summary>
/// <param name="Issuer">The issuer's name in the configuration.</param>
/// <param name="KeyId">The key that signed it.</param>
/// <param name="Claims">Its claims.</param>
/// <param name="Subject">Its <c>sub</c>.</param>
/// <param name="TokenId">Its <c>jti</c>, or null.</param>
/// <param name="Expires">Its <c>exp</c>.</param>
/// <param name="Children">The narrower tokens that were made of it, each of the one before; the last is who calls.</param>
internal sealed record VerifiedToken(string Issuer, string KeyId, JsonElement Claims, string Subject, string? TokenId, DateTimeOffset Expires, IReadOnlyList<VerifiedToken.Child> Children)
{
    /// <summary>What a child token takes away.</summary>
    /// <param name="Id">Its <c>jti</c>.</param>
    /// <param name="Expires">Its <c>exp</c>.</param>
    /// <param name="Rules">Rules of which one must allow a request, besides what its parent may.</param>
    internal sealed record Child(string Id, DateTimeOffset Expires, IReadOnlyList<string> Rules);
}
