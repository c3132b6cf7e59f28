using System.Net.Sockets;
using System.Text;
using Fairlead.Relay;

namespace Fairlead.Tests.Relay;

public sealed class ServiceManagerTests : IDisposable
{
    private readonly TempDirectory _files = new();

    public void Dispose() => _files.Dispose();

    [Theory(Timeout = Limits.TestMilliseconds)]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Whoever_gave_a_socket_is_told(bool isAbstract)
    {
        var name = isAbstract ? $"@fairlead-test-{Guid.NewGuid():n}" : _files.PathOf("notify");
        using var socket = new Socket(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified);
        socket.Bind(new UnixDomainSocketEndPoint(isAbstract ? "\0" + name[1..] : name));
        var manager = new ServiceManager(new Dictionary<string, string> { ["NOTIFY_SOCKET"] = name });

        manager.Ready(4711);
        manager.Stopping(TimeSpan.FromSeconds(10));

        Assert.Equal("READY=1\nSTATUS=Listening on 127.0.0.1:4711\n", await ReceiveAsync(socket));
        Assert.Equal("STOPPING=1\nSTATUS=Open tunnels may end for 10 s\n", await ReceiveAsync(socket));
    }

    [Theory]
    [InlineData("")]
    [InlineData("vsock:1:2")]
    [InlineData("/nobody/listens/here")]
    [InlineData("@nobody-listens-here")]
    public void Nobody_who_listens_is_no_failure(string name) => new ServiceManager(new Dictionary<string, string> { ["NOTIFY_SOCKET"] = name }).Ready(1);

    private static async Task<string> ReceiveAsync(Socket socket)
    {
        var buffer = new byte[1024];
        return Encoding.UTF8.GetString(buffer, 0, await socket.ReceiveAsync(buffer, Limits.Token));
    }
}
