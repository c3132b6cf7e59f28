using System.Collections.Concurrent;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Fairlead.EndToEnd.Origins;

namespace Fairlead.EndToEnd.RedTeam.Stage;

/// <summary>The ground truth: an origin that keeps what arrives, byte for byte, by the name that TLS asked for, and answers what it is told to.</summary>
internal sealed class CanaryOrigin : IAsyncDisposable
{
    /// <summary>In an answer: a moment in which nothing is sent. It is none of the characters that are bytes.</summary>
    public const string Pause = "\ue000";

    /// <summary>Long enough that a gateway on a busy machine has read what came before it.</summary>
    public static readonly TimeSpan LengthOfPause = TimeSpan.FromMilliseconds(600);

    private readonly TestAuthority _authority = new("Red Team Origin CA");
    private readonly X509Certificate2 _certificate;
    private readonly Socket _listener = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
    private readonly CancellationTokenSource _stop = new();
    private readonly ConcurrentQueue<CanaryConnection> _connections = new();
    private readonly ConcurrentDictionary<string, int> _answered = new();
    private readonly Task _accepting;

    public CanaryOrigin()
    {
        _certificate = _authority.Issue(["*.red.test", "*.deny.red.test", "*.other.red.test"], []);
        _listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        _listener.Listen(512);
        _accepting = AcceptAsync();
    }

    public int Port => ((IPEndPoint)_listener.LocalEndPoint!).Port;

    public string RootPem => _authority.Pem;

    /// <summary>The bytes of the answer to a request, and whether the connection ends behind it. Told: the name, the request, and its number at that name, from 1.</summary>
    public Func<string, StrictRequest, int, (string Bytes, bool IsLast)> Answer { get; set; } =
        static (_, request, _) => ($"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {(request.Method == "HEAD" ? 0 : 6)}\r\n\r\n{(request.Method == "HEAD" ? "" : "served")}", false);

    public IReadOnlyList<CanaryConnection> Connections => [.. _connections];

    public IReadOnlyList<CanaryConnection> To(string name) => [.. _connections.Where(c => c.ServerName == name)];

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _accepting;
        _listener.Dispose();
        _certificate.Dispose();
        _authority.Dispose();
    }

    private async Task AcceptAsync()
    {
        var serving = new List<Task>();
        try
        {
            while (true) serving.Add(ServeAsync(await _listener.AcceptAsync(_stop.Token)));
        }
        catch (OperationCanceledException)
        {
            await Task.WhenAll(serving);
        }
    }

    private async Task ServeAsync(Socket socket)
    {
        await using var tls = new SslStream(new NetworkStream(socket, ownsSocket: true));
        var name = "(no TLS)";
        CanaryConnection? connection = null;
        try
        {
            var options = new SslServerAuthenticationOptions
            {
                ServerCertificateSelectionCallback = (_, asked) =>
                {
                    name = asked ?? "(no name)";
                    return _certificate;
                },
            };
            await tls.AuthenticateAsServerAsync(options, _stop.Token);
            connection = new CanaryConnection(name);
            _connections.Enqueue(connection);
            await ReadAsync(tls, connection);
        }
        catch (Exception e) when (e is IOException or AuthenticationException or OperationCanceledException)
        {
            // The gateway hung up, or never spoke TLS: what it sent until then is kept. A handshake that did not end is a dial all the same.
            if (connection is null) _connections.Enqueue(new CanaryConnection(name));
        }
    }

    private async Task ReadAsync(SslStream tls, CanaryConnection connection)
    {
        var buffer = new byte[64 * 1024];
        while (true)
        {
            var bytes = await tls.ReadAsync(buffer, _stop.Token);
            if (bytes == 0) return;
            connection.Rest += Encoding.Latin1.GetString(buffer, 0, bytes);
            while (connection.Garbage is null && connection.Rest.Length > 0)
            {
                var request = StrictHttp.TryRead(connection.Rest, out var consumed, out var fault);
                connection.Garbage = fault;
                if (request is null) break;
                connection.Rest = connection.Rest[consumed..];
                connection.Add(request);
                var number = _answered.AddOrUpdate(connection.ServerName, 1, (_, count) => count + 1);
                var (answer, isLast) = Answer(connection.ServerName, request, number);
                foreach (var (i, part) in answer.Split(Pause).Index())
                {
                    if (i > 0) await Task.Delay(LengthOfPause, _stop.Token);
                    await tls.WriteAsync(Encoding.Latin1.GetBytes(part), _stop.Token);
                }

                if (!isLast) continue;
                await tls.ShutdownAsync();
                return;
            }
        }
    }
}
