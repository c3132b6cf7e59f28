using System.Buffers;
using System.Text;
using BenchmarkDotNet.Attributes;
using Fairlead.Wire;

namespace Fairlead.Bench;

/// <summary>What a new tunnel's head costs: the CONNECT as a tool writes it and as the relay passes it on, and the destination in it.</summary>
public class TunnelHeads
{
    private static readonly string[] Destinations = ["api.example.com:443", "192.0.2.17:8443", "[2001:db8::17]:443", "Xn--Bcher-Kva.example:443", "bücher.example:443"];

    private readonly byte[] _short = Encoding.ASCII.GetBytes("CONNECT api.example.com:443 HTTP/1.1\r\nHost: api.example.com:443\r\nUser-Agent: tool/1.0\r\nProxy-Connection: Keep-Alive\r\n\r\n");
    private readonly byte[] _long = Encoding.ASCII.GetBytes($"CONNECT api.example.com:443 HTTP/1.1\r\nHost: api.example.com:443\r\n{string.Concat(Enumerable.Range(0, 40).Select(i => $"X-Header-{i}: {new string('v', 150)}\r\n"))}\r\n");
    private readonly byte[] _userAndPassword = Encoding.ASCII.GetBytes("session:FAKE-token-" + new string('t', 600));
    private readonly ArrayBufferWriter<byte> _output = new(4096);
    private readonly string _usual = Destinations[0];
    private int _next;

    /// <summary>A head as tools write it.</summary>
    [Benchmark]
    public ConnectHead Connect() => ConnectRequest.Parse(_short, out _, out _, out _);

    /// <summary>One of 6 KiB.</summary>
    [Benchmark]
    public ConnectHead LongConnect() => ConnectRequest.Parse(_long, out _, out _, out _);

    /// <summary>The head that opens the tunnel at the gateway, with a token of 600 bytes.</summary>
    [Benchmark]
    public int WriteConnect()
    {
        _output.ResetWrittenCount();
        ConnectRequest.Write(_output, "api.example.com:443", _userAndPassword);
        return _output.WrittenCount;
    }

    /// <summary>A destination of each kind in turn: names, addresses, other scripts.</summary>
    [Benchmark]
    public bool Destination() => HostPort.TryParse(Destinations[_next++ % Destinations.Length], out _, out _);

    /// <summary>The most usual kind.</summary>
    [Benchmark]
    public bool NameAndPort() => HostPort.TryParse(_usual, out _, out _);
}
