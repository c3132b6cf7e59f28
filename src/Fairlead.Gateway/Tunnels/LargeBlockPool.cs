using System.Buffers;
using Microsoft.AspNetCore.Connections;

namespace Fairlead.Gateway.Tunnels;

/// <summary>
/// Memory for Kestrel in blocks of 64 KiB. Its own are 4 KiB, so that every 4 KiB of an upload was a receive of its own; blocks are held only while
/// there is data in them, so an idle tunnel costs the same.
/// </summary>
internal sealed class LargeBlockPool : MemoryPool<byte>, IMemoryPoolFactory<byte>
{
    private const int BlockBytes = 64 * 1024;

    public static LargeBlockPool Instance { get; } = new();

    public override int MaxBufferSize => BlockBytes;

    public override IMemoryOwner<byte> Rent(int minBufferSize = -1) => new Block(ArrayPool<byte>.Shared.Rent(Math.Max(minBufferSize, BlockBytes)));

    public MemoryPool<byte> Create(MemoryPoolOptions? options = null) => this;

    /// <summary>Does nothing: all servers of the process share the pool.</summary>
    protected override void Dispose(bool disposing) { }

    private sealed class Block(byte[] array) : IMemoryOwner<byte>
    {
        private byte[]? _array = array;

        public Memory<byte> Memory => _array ?? throw new ObjectDisposedException(nameof(Block));

        public void Dispose()
        {
            if (Interlocked.Exchange(ref _array, null) is { } rented) ArrayPool<byte>.Shared.Return(rented);
        }
    }
}
