using System.Runtime.InteropServices;
using Fairlead.Wire;

namespace Fairlead.Relay.Startup;

/// <summary>
/// The system's OpenSSL, of which .NET makes TLS and certificates. Where an image has none, .NET ends the process at the first use: whoever asks before
/// can still fail as it was told.
/// </summary>
internal static class OpenSsl
{
    // What .NET's own loader tries.
    private static readonly string[] Versions = ["3", "1.1"];

    /// <exception cref="StepException">There is none.</exception>
    public static void Require()
    {
        foreach (var version in Versions)
        {
            // It stays loaded, for .NET.
            if (!NativeLibrary.TryLoad($"libssl.so.{version}", out _)) continue;
            _ = TlsBuffers.ReleaseWhenIdle();
            return;
        }

        throw new StepException("this image has no OpenSSL library (libssl.so.3)", "Install it: libssl3 in Debian and Ubuntu, openssl-libs in Fedora and RHEL.");
    }
}
