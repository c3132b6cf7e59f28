using System.Runtime.InteropServices;
using Fairlead.Wire;

namespace Fairlead.Tests.Wire;

public sealed unsafe class TlsBuffersTests
{
    [Fact]
    public void Every_context_of_TLS_that_is_made_releases_the_buffers_of_idle_connections()
    {
        Assert.True(TlsBuffers.ReleaseWhenIdle());

        // openssl/ssl.h: what SslStream makes, and how its mode is read.
        var ssl = NativeLibrary.Load("libssl.so.3");
        var method = ((delegate* unmanaged<nint>)NativeLibrary.GetExport(ssl, "TLS_method"))();
        var context = ((delegate* unmanaged<nint, nint>)NativeLibrary.GetExport(ssl, "SSL_CTX_new"))(method);
        var mode = ((delegate* unmanaged<nint, int, CLong, nint, CLong>)NativeLibrary.GetExport(ssl, "SSL_CTX_ctrl"))(context, 33, default, 0);
        ((delegate* unmanaged<nint, void>)NativeLibrary.GetExport(ssl, "SSL_CTX_free"))(context);

        Assert.NotEqual(0, mode.Value & 0x10);
    }
}
