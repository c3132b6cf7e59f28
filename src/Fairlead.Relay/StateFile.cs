using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Fairlead.Wire;

namespace Fairlead.Relay;

/// <summary>Where a running `fairlead relay` leaves the environment for tools, as lines that a shell can read.</summary>
internal static class StateFile
{
    private const string Name = "relay.env";
    private const string PortPrefix = "export HTTPS_PROXY='http://127.0.0.1:";
    private const UnixFileMode PrivateDirectory = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;
    private const UnixFileMode PrivateFile = UnixFileMode.UserRead | UnixFileMode.UserWrite;
    private static readonly TimeSpan AnswerLimit = TimeSpan.FromSeconds(3);

    /// <summary>The file in a state directory.</summary>
    public static string PathIn(string stateDirectory) => Path.Combine(stateDirectory, Name);

    /// <summary>One <c>export NAME='value'</c> line for each variable.</summary>
    public static string Export(IReadOnlyList<(string Name, string Value)> environment)
    {
        var lines = new StringBuilder();
        // POSIX shell, 2.2.2: within single quotes only the single quote itself is special.
        foreach (var (name, value) in environment) lines.Append(CultureInfo.InvariantCulture, $"export {name}='{value.Replace("'", "'\\''", StringComparison.Ordinal)}'\n");
        return lines.ToString();
    }

    /// <summary>One <c>NAME=value</c> line for each variable, as <c>docker --env-file</c> and systemd's <c>EnvironmentFile</c> read them.</summary>
    public static string Lines(IReadOnlyList<(string Name, string Value)> environment) => string.Concat(environment.Select(v => $"{v.Name}={v.Value}\n"));

    /// <summary>Writes a file, mode 0600 unless told otherwise, whole or not at all. A missing directory is made, mode 0700.</summary>
    /// <exception cref="IOException">It cannot be written.</exception>
    /// <exception cref="UnauthorizedAccessException">It may not be written.</exception>
    public static void Write(string path, string content, UnixFileMode mode = PrivateFile)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(path)!, PrivateDirectory);
        var temporary = $"{path}.{Path.GetRandomFileName()}";
        using (var file = new FileStream(temporary, new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write, UnixCreateMode = mode }))
            file.Write(Encoding.UTF8.GetBytes(content));
        File.Move(temporary, path, overwrite: true);
    }

    /// <summary>Removes a file if it is still ours: a relay that started later may have written its own.</summary>
    public static void Remove(string path, string content)
    {
        try
        {
            if (File.ReadAllText(path) == content) File.Delete(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // `fairlead env` asks the port, so a file that is left misleads nobody.
        }
    }

    /// <summary>The port of the relay that left its state, whether or not it still runs.</summary>
    /// <returns>The port, or why there is none and what helps.</returns>
    public static (int? Port, string? Problem) PortIn(string stateDirectory)
    {
        var (lines, port, problem) = Read(PathIn(stateDirectory));
        return lines is null ? (null, problem) : (port, null);
    }

    /// <summary>Reads the variables of the relay that runs.</summary>
    /// <param name="stateDirectory">Where it leaves them.</param>
    /// <param name="cancellationToken">Ends the wait for its answer.</param>
    /// <returns>The lines, or why there are none.</returns>
    public static async Task<(string? Lines, string? Problem)> ReadAsync(string stateDirectory, CancellationToken cancellationToken)
    {
        var (lines, port, problem) = Read(PathIn(stateDirectory));
        if (lines is null) return (null, problem);
        return await AnswersAsync(port, cancellationToken)
            ? (lines, null)
            : (null, $"{HostPort.Printable(PathIn(stateDirectory))} names port {port}, but no relay answers there. It was killed, perhaps: start `fairlead relay` again.");
    }

    private static (string? Lines, int Port, string? Problem) Read(string path)
    {
        var shown = HostPort.Printable(path);
        string lines;
        try
        {
            lines = File.ReadAllText(path);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return (null, 0, $"no relay runs here: there is no {shown}. Start `fairlead relay`, or name its --state-dir.");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return (null, 0, $"{shown} cannot be read: {e.Message}");
        }

        var start = lines.IndexOf(PortPrefix, StringComparison.Ordinal);
        var digits = start < 0 ? "" : string.Concat(lines[(start + PortPrefix.Length)..].TakeWhile(char.IsAsciiDigit));
        if (!ushort.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out var port))
            return (null, 0, $"{shown} was not written by `fairlead relay`: it names no port. Remove it and start the relay again.");
        return (lines, port, null);
    }

    private static async Task<bool> AnswersAsync(int port, CancellationToken cancellationToken)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(AnswerLimit);
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            await socket.ConnectAsync(new IPEndPoint(IPAddress.Loopback, port), limit.Token);
            // A relay answers this with 405; the port may belong to somebody else by now.
            await socket.SendAsync("OPTIONS * HTTP/1.1\r\n\r\n"u8.ToArray(), limit.Token);
            var answer = new byte["HTTP/1.1 405".Length];
            var length = 0;
            for (int read = 1; read > 0 && length < answer.Length; length += read) read = await socket.ReceiveAsync(answer.AsMemory(length), limit.Token);
            // 503 is a relay at its limit, 403 one that is not for us; what it tells tools says why.
            return answer.AsSpan().SequenceEqual("HTTP/1.1 405"u8) || answer.AsSpan().SequenceEqual("HTTP/1.1 503"u8) || answer.AsSpan().SequenceEqual("HTTP/1.1 403"u8);
        }
        catch (Exception e) when (e is SocketException || (e is OperationCanceledException && !cancellationToken.IsCancellationRequested))
        {
            return false;
        }
    }
}
