using System.Globalization;

namespace Fairlead.Relay.Trust;

/// <summary>Makes git use https where ssh was asked for, by configuration in variables: nobody's file is changed, and ssh cannot pass the relay.</summary>
internal static class GitHttps
{
    private const int MaxCount = 10_000;

    /// <summary>
    /// GIT_CONFIG_COUNT, GIT_CONFIG_KEY_n and GIT_CONFIG_VALUE_n (git-config(1)), after those that the user had set. The hosts were named by an operator, so whatever
    /// the user's ssh has for them is passed over; a longer insteadOf of the user's own still wins, as git has it.
    /// </summary>
    public static IEnumerable<(string Name, string Value)> Variables(TrustFacts facts)
    {
        var text = facts.Original("GIT_CONFIG_COUNT") ?? "0";
        // A count that git refuses stays as it is, for git to say so.
        if (facts.GitHttpsHosts.Count == 0 || !int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var count) || count > MaxCount) yield break;
        var theirs = Enumerable.Range(0, count).Select(n => (facts.Original($"GIT_CONFIG_KEY_{n}"), facts.Original($"GIT_CONFIG_VALUE_{n}"))).ToHashSet();
        foreach (var host in facts.GitHttpsHosts)
        {
            foreach (var ssh in (string[])[$"git@{host}:", $"ssh://git@{host}/"])
            {
                var key = $"url.https://{host}/.insteadOf";
                if (!theirs.Add((key, ssh))) continue;
                yield return (string.Create(CultureInfo.InvariantCulture, $"GIT_CONFIG_KEY_{count}"), key);
                yield return (string.Create(CultureInfo.InvariantCulture, $"GIT_CONFIG_VALUE_{count}"), ssh);
                count++;
            }
        }

        yield return ("GIT_CONFIG_COUNT", count.ToString(CultureInfo.InvariantCulture));
    }
}
