using System.Runtime.InteropServices;

namespace Fairlead.Wire;

/// <summary>
/// Memory of idle TLS connections. OpenSSL keeps 33 KiB of buffers for each as long as it is open, unless told otherwise by a mode that
/// <see cref="System.Net.Security.SslStream"/> does not set: SSL_MODE_RELEASE_BUFFERS, SSL_CTX_set_mode(3).
/// </summary>
public static unsafe class TlsBuffers
{
    // openssl/crypto.h and ssl.h, the same in all of 3.x.
    private const ulong InitNoAtExit = 0x00080000;
    private const int IndexSslContext = 1;
    private const int ControlMode = 33;
    private const int ModeReleaseBuffers = 0x10;

    private static readonly Lazy<bool> Released = new(Register);

    /// <summary>
    /// From now on a connection holds buffers only while there is data in them. To be called before the first use of TLS. Without OpenSSL 3 it does nothing, and connections cost what they did.
    /// </summary>
    /// <returns>True when it is so.</returns>
    public static bool ReleaseWhenIdle() => Released.Value;

    private static bool Register()
    {
        if (!NativeLibrary.TryLoad("libssl.so.3", out var ssl) || !NativeLibrary.TryLoad("libcrypto.so.3", out var crypto)) return false;
        if (!NativeLibrary.TryGetExport(crypto, "OPENSSL_init_crypto", out var initialise)
            || !NativeLibrary.TryGetExport(crypto, "CRYPTO_get_ex_new_index", out var newIndex)
            || !NativeLibrary.TryGetExport(ssl, "SSL_CTX_ctrl", out var control)) return false;

        // As .NET does it: OpenSSL is not torn down while threads may still use it.
        if (((delegate* unmanaged<ulong, nint, int>)initialise)(InitNoAtExit, 0) != 1) return false;

        // CRYPTO_get_ex_new_index(3): the function is called with each SSL_CTX that is made, which otherwise is out of reach inside .NET.
        delegate* unmanaged<nint, nint, nint, int, CLong, nint, void> made = &SetMode;
        return ((delegate* unmanaged<int, CLong, nint, delegate* unmanaged<nint, nint, nint, int, CLong, nint, void>, nint, nint, int>)newIndex)(IndexSslContext, default, control, made, 0, 0) >= 0;
    }

    [UnmanagedCallersOnly]
    private static void SetMode(nint context, nint data, nint all, int index, CLong number, nint control) =>
        ((delegate* unmanaged<nint, int, CLong, nint, CLong>)control)(context, ControlMode, new CLong(ModeReleaseBuffers), 0);
}
