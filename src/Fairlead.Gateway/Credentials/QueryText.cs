using System.Text;

namespace Fairlead.Gateway.Credentials;

/// <summary>The query of a target, as pieces of text: what is not changed stays byte for byte.</summary>
internal static class QueryText
{
    /// <summary>The parameters of a query, each with the separator before it. Some servers take ';' for one: what only they see must not be left in.</summary>
    public static IEnumerable<(char Separator, string Piece)> PiecesOf(string query)
    {
        var separator = '&';
        for (var start = 0; start < query.Length;)
        {
            var length = query.AsSpan(start).IndexOfAny('&', ';');
            if (length < 0) length = query.Length - start;
            yield return (separator, query.Substring(start, length));
            if (start + length < query.Length) separator = query[start + length];
            start += length + 1;
        }
    }

    /// <summary>The parameters of the query of a target.</summary>
    public static IEnumerable<(char Separator, string Piece)> PiecesOfTarget(string target) =>
        target.IndexOf('?', StringComparison.Ordinal) is >= 0 and var mark ? PiecesOf(target[(mark + 1)..]) : [];

    /// <summary>Path and query without some parameters; without any, the path alone.</summary>
    public static string Without(string target, Func<string, bool> isTakenOut)
    {
        var mark = target.IndexOf('?', StringComparison.Ordinal);
        if (mark < 0) return target;
        var result = new StringBuilder(target[..mark]);
        var isFirst = true;
        foreach (var (separator, piece) in PiecesOf(target[(mark + 1)..]))
        {
            if (isTakenOut(piece)) continue;
            result.Append(isFirst ? '?' : separator).Append(piece);
            isFirst = false;
        }

        return result.ToString();
    }

    /// <summary>True for a parameter whose name a lenient server may read as this: decoded, in any case, without the index of an array.</summary>
    public static bool IsNamed(string piece, string name)
    {
        var own = Uri.UnescapeDataString(piece.Split('=')[0].Replace('+', ' ')).Trim();
        var index = own.IndexOf('[', StringComparison.Ordinal);
        return name.Equals(index < 0 ? own : own[..index], StringComparison.OrdinalIgnoreCase);
    }

    /// <summary>The value of a parameter, decoded.</summary>
    public static string ValueOf(string piece) => Uri.UnescapeDataString(piece[(piece.IndexOf('=', StringComparison.Ordinal) + 1)..]);
}
