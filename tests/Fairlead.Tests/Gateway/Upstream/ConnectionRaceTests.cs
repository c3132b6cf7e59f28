using System.Net;
using System.Net.Sockets;
using Fairlead.Gateway.Upstream;

namespace Fairlead.Tests.Gateway.Upstream;

public sealed class ConnectionRaceTests : IDisposable
{
    private readonly List<Socket> _sockets = [];

    public void Dispose()
    {
        foreach (var socket in _sockets) socket.Dispose();
    }

    [Theory]
    [InlineData("6a 6b 6c 4a 4b", "6a 4a 6b 4b 6c")]
    [InlineData("4a 4b 6a", "4a 6a 4b")]
    [InlineData("4a 4b", "4a 4b")]
    [InlineData("6a", "6a")]
    public void Families_take_turns_in_the_resolvers_order(string resolved, string order)
    {
        var addresses = resolved.Split(' ').Select(name => new IPEndPoint(IPAddress.Parse(name[0] == '4' ? "192.0.2.1" : "2001:db8::1"), name[1])).ToArray();

        Assert.Equal(order, string.Join(' ', ConnectionRace.Interleave(addresses).Select(a => (a.AddressFamily == AddressFamily.InterNetwork ? "4" : "6") + (char)a.Port)));
    }

    [Fact]
    public async Task A_refused_address_costs_no_time_and_the_next_one_wins()
    {
        var origin = Listen(IPAddress.Loopback, 8);
        var refused = Refuse(IPAddress.IPv6Loopback);
        // The delay never ends, so only the failure itself can have begun the second attempt.
        using var winner = await new ConnectionRace(new FakeTimeProvider()).ConnectAsync([refused, origin], Limits.Token);

        Assert.Equal(origin, winner.RemoteEndPoint);
    }

    [Fact]
    public async Task An_address_that_swallows_packets_is_overtaken_and_its_attempt_ended()
    {
        var swallowing = Swallow();
        var origin = Listen(IPAddress.IPv6Loopback, 8);
        var unanswered = Unanswered(swallowing);

        using var winner = await new ConnectionRace(TimeProvider.System).ConnectAsync([swallowing, origin], Limits.Token);

        Assert.Equal(origin, winner.RemoteEndPoint);
        Assert.Equal(unanswered, Unanswered(swallowing));
    }

    [Fact]
    public async Task A_slow_winner_is_taken_when_it_comes_first_all_the_same()
    {
        var swallowing = Swallow();
        var racing = new ConnectionRace(TimeProvider.System).ConnectAsync([swallowing, Swallow()], Limits.Token);
        // The first backlog gets room again, and the kernel's next SYN is answered: a second after the first.
        var full = _sockets[0];
        for (var i = 0; i < 2; i++) (await full.AcceptAsync(Limits.Token)).Dispose();

        using var winner = await racing;

        Assert.Equal(swallowing, winner.RemoteEndPoint);
    }

    [Fact]
    public async Task No_more_than_sixteen_addresses_are_tried()
    {
        var refused = Enumerable.Range(0, ConnectionRace.MaxAddresses).Select(_ => Refuse(IPAddress.Loopback)).ToArray();
        var origin = Listen(IPAddress.Loopback, 8);
        using (await new ConnectionRace(new FakeTimeProvider()).ConnectAsync([.. refused[1..], origin], Limits.Token))
        {
        }

        await Assert.ThrowsAsync<SocketException>(() => new ConnectionRace(new FakeTimeProvider()).ConnectAsync([.. refused, origin], Limits.Token));
    }

    [Fact]
    public async Task A_peer_that_has_gone_without_a_word_is_noticed()
    {
        using var socket = await new ConnectionRace(TimeProvider.System).ConnectAsync([Listen(IPAddress.Loopback, 8)], Limits.Token);

        var userTimeout = new byte[4];
        Assert.Equal(4, socket.GetRawSocketOption(6, 18, userTimeout));
        Assert.Equal(60_000, BitConverter.ToInt32(userTimeout));
        Assert.NotEqual(0, socket.GetSocketOption(SocketOptionLevel.Socket, SocketOptionName.KeepAlive));
        Assert.Equal(
            (60, 15, 4),
            (socket.GetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveTime), socket.GetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveInterval), socket.GetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveRetryCount)));
    }

    [Fact]
    public async Task Where_the_first_address_answers_no_other_is_asked()
    {
        var first = Listen(IPAddress.Loopback, 8);
        var second = Listen(IPAddress.IPv6Loopback, 8);

        using var winner = await new ConnectionRace(TimeProvider.System).ConnectAsync([first, second], Limits.Token);

        Assert.Equal(first, winner.RemoteEndPoint);
        Assert.False(_sockets[1].Poll(0, SelectMode.SelectRead));
    }

    [Fact]
    public async Task When_all_refuse_the_last_refusal_is_told()
    {
        var race = new ConnectionRace(TimeProvider.System);
        IPEndPoint[] addresses = [Refuse(IPAddress.Loopback), Refuse(IPAddress.IPv6Loopback), Refuse(IPAddress.Loopback)];

        var failure = await Assert.ThrowsAsync<SocketException>(() => race.ConnectAsync(addresses, Limits.Token));

        Assert.Equal(SocketError.ConnectionRefused, failure.SocketErrorCode);
    }

    [Fact]
    public async Task All_attempts_end_with_the_limit()
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(1));

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => new ConnectionRace(TimeProvider.System).ConnectAsync([Swallow(), Swallow(), Swallow()], limit.Token));
    }

    private IPEndPoint Listen(IPAddress address, int backlog)
    {
        var socket = new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        _sockets.Add(socket);
        socket.Bind(new IPEndPoint(address, 0));
        socket.Listen(backlog);
        return (IPEndPoint)socket.LocalEndPoint!;
    }

    // Bound and not listening: nobody else takes the port.
    private IPEndPoint Refuse(IPAddress address)
    {
        var socket = new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        _sockets.Add(socket);
        socket.Bind(new IPEndPoint(address, 0));
        return (IPEndPoint)socket.LocalEndPoint!;
    }

    // A backlog of one that is full: Linux drops further SYNs, as a firewall does.
    private IPEndPoint Swallow()
    {
        var endPoint = Listen(IPAddress.Loopback, 0);
        for (var i = 0; i < 4; i++)
        {
            var filler = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { Blocking = false };
            _sockets.Add(filler);
            try
            {
                filler.Connect(endPoint);
            }
            catch (SocketException e) when (e.SocketErrorCode is SocketError.WouldBlock or SocketError.InProgress)
            {
                // Under way, or swallowed: what it is there for.
            }
        }

        return endPoint;
    }

    // proc(5), net/tcp: the peer's address, and state 02, which is SYN_SENT. Those that fill the backlog are among them.
    private static int Unanswered(IPEndPoint endPoint)
    {
        var peer = $" 0100007F:{endPoint.Port.ToString("X4", System.Globalization.CultureInfo.InvariantCulture)} 02 ";
        return File.ReadLines("/proc/net/tcp").Count(line => line.Contains(peer, StringComparison.Ordinal));
    }
}
