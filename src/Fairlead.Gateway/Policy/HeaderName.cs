namespace Fairlead.Gateway.Policy;

/// <summary>Names of headers as servers have them that hand headers on as variables.</summary>
internal static class HeaderName
{
    /// <summary>
    /// True when both may become one variable: CGI (RFC 3875 §4.1.18) has '_' for '-', and lighttpd has it for whatever is neither letter nor digit.
    /// </summary>
    public static bool IsOneVariable(string name, string other)
    {
        if (name.Length != other.Length) return false;
        for (var i = 0; i < name.Length; i++)
        {
            if (Fold(name[i]) != Fold(other[i])) return false;
        }

        return true;
    }

    private static char Fold(char c) => char.IsAsciiLetterOrDigit(c) ? char.ToLowerInvariant(c) : '_';
}
