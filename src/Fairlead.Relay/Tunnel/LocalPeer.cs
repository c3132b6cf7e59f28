using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace Fairlead.Relay.Tunnel;

/// <summary>
/// Whose connection is it? A loopback connection carries no name, so the kernel's tables are asked: who owns the socket at the other end, and which processes
/// hold it. What cannot be determined is refused.
/// </summary>
/// <param name="onlyUsers">The users that may connect, or null for any.</param>
/// <param name="onlyDescendants">True when a process below ours must hold the socket.</param>
internal sealed class LocalPeer(IReadOnlySet<uint>? onlyUsers, bool onlyDescendants)
{
    // A table that changes while it is read may leave an entry out.
    private const int Looks = 3;

    /// <summary>Decides on an accepted connection.</summary>
    /// <returns>Null when it may go on, or why not: which option refuses it.</returns>
    public string? WhyRefused(Socket tool)
    {
        if (onlyUsers is null && !onlyDescendants) return null;
        try
        {
            if (Find((IPEndPoint)tool.RemoteEndPoint!, (IPEndPoint)tool.LocalEndPoint!) is not var (user, inode))
                return $"who connects from {tool.RemoteEndPoint} cannot be determined, and {(onlyUsers is null ? "--only-descendants" : "--only-uid")} is set";
            if (onlyUsers?.Contains(user) == false)
                return $"user {user} may not use this relay (--only-uid allows {string.Join(", ", onlyUsers.Order())})";
            return onlyDescendants && !Descendants().Any(process => Holds(process, inode))
                ? "only what the command of `fairlead run` started may use this relay (--only-descendants)"
                : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return $"who connects cannot be determined ({e.Message}), and --only-uid or --only-descendants is set";
        }
    }

    private static (uint User, string Inode)? Find(IPEndPoint caller, IPEndPoint ours)
    {
        for (var look = 0; look < Looks; look++)
        {
            // A tool that speaks IPv6 sockets reaches us as ::ffff:127.0.0.1, and is listed among those.
            var owner = FindIn("/proc/net/tcp", $" {Hex(caller)} {Hex(ours)} ") ?? FindIn("/proc/net/tcp6", $" {Hex(Mapped(caller))} {Hex(Mapped(ours))} ");
            if (owner is not null) return owner;
        }

        return null;
    }

    // | sl | local address:port | remote address:port | state | queues | timer | retransmits | uid | timeout | inode | ...
    private static (uint User, string Inode)? FindIn(string table, string endpoints)
    {
        if (!File.Exists(table)) return null;
        var fields = File.ReadLines(table).FirstOrDefault(line => line.Contains(endpoints, StringComparison.Ordinal))?.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        // Inode 0: the tool has closed it already, and the kernel calls that root's.
        return fields is { Length: > 9 } && fields[9] != "0" ? (uint.Parse(fields[7], CultureInfo.InvariantCulture), fields[9]) : null;
    }

    private static IPEndPoint Mapped(IPEndPoint endpoint) => new(endpoint.Address.MapToIPv6(), endpoint.Port);

    // The kernel reads an address as words of the processor's own byte order.
    private static string Hex(IPEndPoint endpoint) =>
        $"{string.Concat(endpoint.Address.GetAddressBytes().Chunk(4).Select(word => $"{BitConverter.ToUInt32(word):X8}"))}:{endpoint.Port:X4}";

    private static List<int> Descendants()
    {
        var children = Directory.EnumerateDirectories("/proc")
            .Select(folder => int.TryParse(Path.GetFileName(folder), NumberStyles.None, CultureInfo.InvariantCulture, out var process) ? process : 0)
            .Where(process => process > 0)
            .ToLookup(ParentOf);
        var found = new List<int>(children[Environment.ProcessId]);
        for (var i = 0; i < found.Count; i++) found.AddRange(children[found[i]]);
        return found;
    }

    // | pid | (name) | state | parent | ... ; the name may hold anything, so the last parenthesis counts.
    private static int ParentOf(int process)
    {
        try
        {
            var status = File.ReadAllText($"/proc/{process}/stat");
            var fields = status[(status.LastIndexOf(')') + 2)..].Split(' ', 3);
            return int.Parse(fields[1], CultureInfo.InvariantCulture);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return 0; // It has ended meanwhile.
        }
    }

    private static bool Holds(int process, string inode)
    {
        try
        {
            return Directory.EnumerateFiles($"/proc/{process}/fd").Any(descriptor => File.ResolveLinkTarget(descriptor, returnFinalTarget: false)?.Name == $"socket:[{inode}]");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false; // It has ended, or is not ours to look into.
        }
    }
}
