using Fairlead.EndToEnd.Harness;

namespace Fairlead.EndToEnd.Roots;

/// <summary>A root directory as an image has it, with `fairlead` and the .NET runtime mounted into it.</summary>
internal sealed class ContainerRoot : IDisposable
{
    private readonly TempFolder _folder = new();
    private readonly string? _below;

    private ContainerRoot(string? below = null) => _below = below;

    /// <summary>Debian as `debootstrap` makes it, with curl and ca-certificates; tests/setup.sh made it.</summary>
    public static ContainerRoot Debian() => new(Path.Combine(Repository.Root, "artifacts", "roots", "debian"));

    /// <summary>Nothing but one static program.</summary>
    public static ContainerRoot Scratch()
    {
        var root = new ContainerRoot();
        root.Copy("/bin/busybox");
        return root;
    }

    /// <summary>musl's loader and BusyBox, as Alpine has them; its own packages are not to be had where these tests run.</summary>
    public static ContainerRoot Musl()
    {
        var root = Scratch();
        root.Copy("/lib/ld-musl-x86_64.so.1");
        root.Copy("/usr/lib/x86_64-linux-musl/libc.so");
        return root;
    }

    /// <summary>Adds glibc and what .NET is linked to, as an image for glibc has them.</summary>
    public ContainerRoot WithLibraries()
    {
        foreach (var library in new[] { "ld-linux-x86-64.so.2", "libc.so.6", "libm.so.6", "libdl.so.2", "libpthread.so.0", "librt.so.1", "libgcc_s.so.1", "libstdc++.so.6" })
            Copy(Find(library), library.StartsWith("ld-", StringComparison.Ordinal) ? "/lib64/" + library : null);
        return this;
    }

    /// <summary>Adds OpenSSL 3.</summary>
    public ContainerRoot WithOpenSsl()
    {
        foreach (var library in new[] { "libssl.so.3", "libcrypto.so.3" }) Copy(Find(library));
        return this;
    }

    /// <summary>Runs `fairlead` with the root as its root, in a mount table of its own, with `/proc`, `/dev`, a home and nothing else.</summary>
    public async Task<ToolResult> RunAsync(Dictionary<string, string> environment, params string[] arguments)
    {
        var root = _below ?? _folder.Path;
        const string Script = """
            root=$1 home=$2 out=$3 dotnet=$4; shift 4
            mount -t tmpfs none "$root/mnt" && mkdir "$root/mnt/fairlead" "$root/mnt/dotnet" "$root/mnt/home"
            mount --bind "$out" "$root/mnt/fairlead" && mount --bind "$dotnet" "$root/mnt/dotnet" && mount --bind "$home" "$root/mnt/home"
            mount --rbind /proc "$root/proc" && mount --rbind /dev "$root/dev"
            exec chroot "$root" /mnt/fairlead/fairlead "$@"
            """;
        if (_below is null) foreach (var folder in new[] { "mnt", "proc", "dev" }) _folder.Folder(folder);
        var home = environment["HOME"];
        var inside = environment.ToDictionary(pair => pair.Key, pair => pair.Value.Replace(home, "/mnt/home", StringComparison.Ordinal));
        inside["DOTNET_ROOT"] = "/mnt/dotnet";
        inside["PATH"] = "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin";
        await using var program = RunningProgram.Start(
            "unshare", ["--mount", "sh", "-ec", Script, "sh", root, home, Repository.Out, environment["DOTNET_ROOT"], .. arguments], inside, "/");
        program.Stdin.Close();
        return await program.WaitAsync(Limits.Token());
    }

    public void Dispose() => _folder.Dispose();

    private static string Find(string library) => new[] { "/lib/x86_64-linux-gnu", "/usr/lib/x86_64-linux-gnu", "/lib64", "/usr/lib64" }
        .Select(folder => Path.Combine(folder, library)).First(File.Exists);

    private void Copy(string file, string? name = null)
    {
        var copy = _folder.Path + (name ?? file);
        Directory.CreateDirectory(Path.GetDirectoryName(copy)!);
        File.Copy(file, copy);
    }
}
