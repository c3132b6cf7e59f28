using System.Buffers.Binary;
using System.Diagnostics;
using System.Net.Security;
using System.Text;
using Fairlead.Gateway.Interception;

namespace Fairlead.Tests.Gateway.Interception;

public sealed class ClientHelloTests
{
    private static readonly byte[] Sni = Extension(0, [0, 14, 0, 0, 11, .. "pinned.test"u8]);

    [Theory]
    [InlineData("pinned.test")]
    [InlineData("PINNED.test")]
    [InlineData("xn--bcher-kva.test")]
    public async Task The_hello_of_SslStream_is_read(string name)
    {
        var hello = await OfSslStreamAsync(name);

        Assert.Equal(HelloState.Whole, ClientHello.Parse(hello, out var read, out _));
        Assert.Equal(new ClientHello(name, HidesName: false), read);
    }

    [Fact]
    public async Task The_hello_of_SslStream_to_an_address_names_none()
    {
        Assert.Equal(HelloState.Whole, ClientHello.Parse(await OfSslStreamAsync("192.0.2.7"), out var read, out _));
        Assert.Null(read!.ServerName);
    }

    [Theory]
    [InlineData("-servername pinned.test", "pinned.test")]
    [InlineData("-servername pinned.test -tls1_2", "pinned.test")]
    [InlineData("-servername pinned.test -tls1_3 -alpn h2,http/1.1", "pinned.test")]
    [InlineData("-noservername", null)]
    [InlineData("-servername pinned.test -max_send_frag 512 -split_send_frag 512", "pinned.test")]
    public async Task The_hello_of_OpenSSL_is_read(string options, string? name)
    {
        Assert.Equal(HelloState.Whole, ClientHello.Parse(await OfOpenSslAsync(options), out var read, out _));
        Assert.Equal(new ClientHello(name, HidesName: false), read);
    }

    [Fact]
    public async Task A_hello_that_is_cut_anywhere_is_incomplete_and_bytes_behind_it_are_left_alone()
    {
        var hello = await OfSslStreamAsync("pinned.test");

        for (var length = 0; length < hello.Length; length++) Assert.Equal(HelloState.Incomplete, ClientHello.Parse(hello.AsSpan(0, length), out _, out _));
        Assert.Equal(HelloState.Whole, ClientHello.Parse((byte[])[.. hello, 20, 3, 3, 0, 1, 1, 23, 3, 3], out _, out _));
    }

    [Fact]
    public async Task However_it_is_cut_into_records_it_is_the_same_hello()
    {
        var hello = await OfSslStreamAsync("pinned.test");

        Seeded.Check(300, random =>
        {
            var records = Records(hello[5..], () => random.Next(1, random.Pick(2, 10, 600)));

            Assert.Equal(HelloState.Whole, ClientHello.Parse(records, out var read, out _));
            Assert.Equal("pinned.test", read!.ServerName);
            Assert.Equal(HelloState.Incomplete, ClientHello.Parse(records.AsSpan(0, random.Next(records.Length)), out _, out _));
        });
    }

    public static TheoryData<string, byte[]> Malformed => new()
    {
        { "expected a TLS handshake record (22), got 71", "GET / HTTP/1.1\r\n"u8.ToArray() },
        { "expected a TLS handshake record (22), got 83", "SSH-2.0-x\r\n"u8.ToArray() },
        { "expected a TLS handshake record (22), got 128", [0x80, 0x2e, 1, 0, 2] },
        { "expected a record of TLS, version 3.x, got 254.x", [22, 254, 253] },
        { "expected a record of 1 to 16384 bytes, got 0", [22, 3, 1, 0, 0] },
        { "expected a record of 1 to 16384 bytes, got 16385", [22, 3, 1, 0x40, 1] },
        { "expected a ClientHello (1), got message 2", [22, 3, 1, 0, 4, 2, 0, 0, 0] },
        { "expected a ClientHello of at most 16384 bytes, got 16777219", [22, 3, 1, 0, 4, 1, 0xff, 0xff, 0xff] },
        { "expected nothing behind the ClientHello in its record", Record([.. Message(Body(Sni)), 0]) },
        { "expected nothing behind the ClientHello in its record", Record([.. Message(Body(Sni)), .. Message(Body(Sni))]) },
        { "expected a TLS handshake record (22), got 23", [.. Record(Message(Body(Sni))[..20]), 23] },
        { "expected a version 3.x and 32 random bytes", Record(Message([2, .. Body(Sni)[1..]])) },
        { "expected a version 3.x and 32 random bytes", Record(Message(Body(Sni)[..33])) },
        { "expected a session id of at most 32 bytes", Record(Message([.. Body(Sni)[..34], 33, .. new byte[33]])) },
        { "expected a list of cipher suites", Record(Message([.. Body(Sni)[..35], 0, 1, 0])) },
        { "expected a list of cipher suites", Record(Message([.. Body(Sni)[..35], 0, 0])) },
        { "expected a list of compression methods", Record(Message([.. Body(Sni)[..39], 1, 1])) },
        { "expected extensions and nothing behind them", Record(Message([.. Body(Sni), 0])) },
        { "expected extensions and nothing behind them", Record(Message(Body(Sni)[..^1])) },
        { "expected an extension, got half a type", Record(Message(Body([.. Sni, 0]))) },
        { "the extension 5 is longer than the hello", Record(Message(Body([0, 5, 0, 9, 1]))) },
        { "the extension 0 is there twice", Record(Message(Body([.. Sni, .. Sni]))) },
        { "the extension 43 is there twice", Record(Message(Body([.. Extension(43, [2, 3, 4]), .. Sni, .. Extension(43, [2, 3, 4])]))) },
        { "expected a server name of type host_name", Record(Message(Body(Extension(0, [])))) },
        { "expected a server name of type host_name", Record(Message(Body(Extension(0, [0, 0])))) },
        { "expected a server name of type host_name", Record(Message(Body(Extension(0, [0, 4, 1, 0, 1, (byte)'a'])))) },
        { "expected one server name that is not empty", Record(Message(Body(Extension(0, [0, 3, 0, 0, 0])))) },
        { "expected one server name that is not empty", Record(Message(Body(Extension(0, [0, 8, 0, 0, 1, (byte)'a', 0, 0, 1, (byte)'b'])))) },
        { "expected a server name of type host_name", Record(Message(Body(Extension(0, [0, 4, 0, 0, 1, (byte)'a', 0])))) },
        { "expected a server name in visible ASCII", Record(Message(Body(Extension(0, [0, 6, 0, 0, 3, (byte)'a', 0, (byte)'b'])))) },
        { "expected a server name in visible ASCII", Record(Message(Body(Extension(0, [0, 5, 0, 0, 2, 0xc3, 0xa9])))) },
    };

    [Theory]
    [MemberData(nameof(Malformed), DisableDiscoveryEnumeration = true)]
    public void What_could_be_read_in_two_ways_is_malformed(string said, byte[] bytes)
    {
        Assert.Equal(HelloState.Malformed, ClientHello.Parse(bytes, out _, out var problem));
        Assert.StartsWith(said, problem, StringComparison.Ordinal);
    }

    [Fact]
    public void A_hello_without_extensions_is_one()
    {
        Assert.Equal(HelloState.Whole, ClientHello.Parse(Record(Message(Body([])[..^2])), out var read, out _));
        Assert.Equal(new ClientHello(null, HidesName: false), read);
    }

    [Theory]
    [InlineData(0xfe0d)]
    [InlineData(0xffce)]
    public void A_hello_that_can_hide_a_name_is_told(int type)
    {
        Assert.Equal(HelloState.Whole, ClientHello.Parse(Record(Message(Body([.. Sni, .. Extension(type, [0, 1, 2])]))), out var read, out _));
        Assert.Equal(new ClientHello("pinned.test", HidesName: true), read);
    }

    [Theory]
    [InlineData(16_300, true)]
    [InlineData(16_400, false)]
    public void A_hello_has_at_most_16_KiB_with_all_its_records(int padding, bool isRead)
    {
        var message = Message(Body([.. Sni, .. Extension(21, new byte[padding])]));
        var records = Records(message, () => 1 << 14);

        Assert.Equal(isRead, records.Length <= ClientHello.MaxBytes);
        Assert.Equal(isRead ? HelloState.Whole : HelloState.Malformed, ClientHello.Parse(records, out _, out _));
        Assert.Equal(HelloState.Malformed, ClientHello.Parse(Records(message, () => 1), out _, out _));
    }

    /// <summary>Whatever comes, it is one of the three, in finite time, and a name is what the bytes say.</summary>
    [Fact]
    public async Task No_bytes_crash_it()
    {
        byte[][] seeds = [await OfSslStreamAsync("pinned.test"), await OfOpenSslAsync("-servername pinned.test -tls1_2"), Record(Message(Body([.. Sni, .. Extension(0xfe0d, [0])])))];
        Seeded.CheckFor(TimeSpan.FromSeconds(3), random =>
        {
            var bytes = random.Next(10) == 0 ? random.NextBytes(random.Next(400), [22, 3, 1, 0]) : (byte[])random.Pick<byte[]>(seeds).Clone();
            for (var i = random.Next(4); i > 0 && bytes.Length > 6; i--)
            {
                var at = random.Next(bytes.Length);
                bytes = random.Next(4) switch
                {
                    0 => [.. bytes[..at], (byte)random.Next(256), .. bytes[at..]],
                    1 => [.. bytes[..at], .. bytes[(at + 1)..]],
                    2 => bytes[..at],
                    _ => [.. bytes[..at], random.Pick<byte>(0, 1, 3, 22, 0x7f, 0xff, (byte)random.Next(256)), .. bytes[(at + 1)..]],
                };
            }

            var state = ClientHello.Parse(bytes, out var hello, out var problem);

            Assert.Equal((state == HelloState.Whole, state == HelloState.Malformed), (hello is not null, problem is not null));
            if (hello?.ServerName is { } name) Assert.True(bytes.AsSpan().IndexOf(Encoding.ASCII.GetBytes(name)) > 0);
        });
    }

    /// <summary>A hello as short as one can be, for a name.</summary>
    internal static byte[] For(string? name, params byte[] otherExtensions) => Record(Message(Body([.. name is null ? [] : Extension(0, [0, (byte)(name.Length + 3), 0, 0, (byte)name.Length, .. Encoding.ASCII.GetBytes(name)]), .. otherExtensions])));

    private static byte[] Extension(int type, byte[] data) => [(byte)(type >> 8), (byte)type, (byte)(data.Length >> 8), (byte)data.Length, .. data];

    // Version, random, an empty session id, one suite, no compression, extensions.
    private static byte[] Body(byte[] extensions) =>
        [3, 3, .. new byte[32], 0, 0, 2, 0x13, 1, 1, 0, (byte)(extensions.Length >> 8), (byte)extensions.Length, .. extensions];

    private static byte[] Message(byte[] body) => [1, (byte)(body.Length >> 16), (byte)(body.Length >> 8), (byte)body.Length, .. body];

    private static byte[] Record(byte[] fragment) => [22, 3, 1, (byte)(fragment.Length >> 8), (byte)fragment.Length, .. fragment];

    private static byte[] Records(byte[] message, Func<int> length)
    {
        var records = new List<byte>();
        for (var at = 0; at < message.Length;)
        {
            var bytes = Math.Min(length(), message.Length - at);
            records.AddRange(Record(message[at..(at + bytes)]));
            at += bytes;
        }

        return [.. records];
    }

    private static async Task<byte[]> OfSslStreamAsync(string name)
    {
        var (client, server) = await Wire.LoopbackPair.ConnectAsync();
        await using var tls = new SslStream(client);
        var handshake = tls.AuthenticateAsClientAsync(new SslClientAuthenticationOptions { TargetHost = name, ApplicationProtocols = [SslApplicationProtocol.Http2] }, Limits.Token);
        var hello = await ReadRecordAsync(server);
        await server.DisposeAsync();
        await Assert.ThrowsAnyAsync<Exception>(() => handshake);
        return hello;
    }

    private static async Task<byte[]> OfOpenSslAsync(string options)
    {
        var hello = new TaskCompletionSource<byte[]>();
        await using var server = new RawOrigin(async stream => hello.TrySetResult(await ReadRecordAsync(stream)));
        var start = new ProcessStartInfo("openssl", ["s_client", "-connect", server.EndPoint.ToString(), .. options.Split(' ')]) { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true };
        using var openssl = Process.Start(start)!;
        openssl.StandardInput.Close();
        _ = openssl.StandardOutput.ReadToEndAsync(Limits.Token);
        _ = openssl.StandardError.ReadToEndAsync(Limits.Token);
        try
        {
            return await hello.Task.WaitAsync(Limits.Token);
        }
        finally
        {
            openssl.Kill();
            await openssl.WaitForExitAsync(Limits.Token);
        }
    }

    private static async Task<byte[]> ReadRecordAsync(Stream stream)
    {
        var head = new byte[5];
        await stream.ReadExactlyAsync(head, Limits.Token);
        var fragment = new byte[BinaryPrimitives.ReadUInt16BigEndian(head.AsSpan(3))];
        await stream.ReadExactlyAsync(fragment, Limits.Token);
        return [.. head, .. fragment];
    }
}
