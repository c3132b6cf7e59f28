using System.Globalization;
using Fairlead.EndToEnd.Harness;

namespace Fairlead.EndToEnd.Origins.Registries;

/// <summary>A flat Debian repository with one package. It is not signed: its source says `trusted=yes`, and TLS says whose it is.</summary>
internal static class DebianRepository
{
    public static async Task WriteAsync(FileTree files, string host)
    {
        var folder = files.Folder(host);
        const string Control = "Package: fairlead-sample\nVersion: 1.0\nArchitecture: all\nMaintainer: tests <tests@origin.test>\nDescription: A sample.\n";
        files.Write(host, "build/DEBIAN/control", Control);
        await using var deb = RunningProgram.Start(
            "dpkg-deb", ["--root-owner-group", "--build", "build", "fairlead-sample_1.0_all.deb"], ToolEnvironment.Clean(folder), folder);
        (await deb.WaitAsync(Limits.Token())).Succeeded();
        var package = await File.ReadAllBytesAsync(Path.Combine(folder, "fairlead-sample_1.0_all.deb"), Limits.Token());
        var packages = string.Create(
            CultureInfo.InvariantCulture, $"{Control}Filename: ./fairlead-sample_1.0_all.deb\nSize: {package.Length}\nSHA256: {Archives.Sha256(package)}\n\n");
        files.Write(host, "Packages", packages);
        files.Write(host, "Release", string.Create(
            CultureInfo.InvariantCulture,
            $"Suite: sample\nDate: Mon, 01 Jan 2024 00:00:00 UTC\nSHA256:\n {Archives.Sha256(System.Text.Encoding.UTF8.GetBytes(packages))} {packages.Length} Packages\n"));
    }
}
