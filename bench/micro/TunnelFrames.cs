using System.Security.Cryptography;
using BenchmarkDotNet.Attributes;
using Fairlead.Wire;

namespace Fairlead.Bench;

/// <summary>What the tunnel costs around its bytes: chunks (the protobuf message), WebSocket frames, masks.</summary>
public class TunnelFrames
{
    private const uint Key = 0x5eed1234;

    private readonly byte[] _head = new byte[FrameHeader.MaxBytes + Chunk.MaxHeaderBytes];
    private byte[] _data = [];
    private byte[] _message = [];
    private byte[] _frame = [];

    /// <summary>Data bytes in the chunk: an empty one keeps a tunnel open, the largest is what one read fills.</summary>
    [Params(0, 1024, 65_000)]
    public int Bytes { get; set; }

    /// <summary>Makes a chunk, and the head of the frame around it.</summary>
    [GlobalSetup]
    public void Setup()
    {
        _data = RandomNumberGenerator.GetBytes(Bytes);
        var head = Chunk.WriteHeader(_head, Bytes);
        _message = [.. _head.AsSpan(0, head), .. _data];
        _frame = new byte[FrameHeader.MaxBytes];
        FrameHeader.Write(_frame, FrameKind.Binary, _message.Length, isMasked: true, Key);
    }

    /// <summary>What precedes the data: both heads.</summary>
    [Benchmark]
    public int WriteHeads() => FrameHeader.Write(_head, FrameKind.Binary, _message.Length, isMasked: true, Key) + Chunk.WriteHeader(_head.AsSpan(FrameHeader.MaxBytes), Bytes);

    /// <summary>The head of a frame that came.</summary>
    [Benchmark]
    public int ReadFrameHead() => FrameHeader.TryRead(_frame, Protocol.MaxMessageBytes, out var header) ? header.PayloadBytes : throw new InvalidOperationException("the head is not complete");

    /// <summary>The chunk in it.</summary>
    [Benchmark]
    public int ReadChunk() => Chunk.Parse(_message).Data.Length;

    /// <summary>The mask of the relay's frames, in place.</summary>
    [Benchmark]
    public void Mask() => FrameMask.Apply(_data, _data, Key);
}
