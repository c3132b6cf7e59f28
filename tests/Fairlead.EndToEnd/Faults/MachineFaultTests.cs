using System.Net;
using System.Net.Sockets;
using Fairlead.EndToEnd.Harness;

namespace Fairlead.EndToEnd.Faults;

/// <summary>What the machine may lack: a disk that takes files, and ports. Both are made in namespaces of the test, which end with it.</summary>
public sealed class MachineFaultTests(SharedSite shared)
{
    private readonly Site _site = shared.Site;

    [Theory]
    [InlineData("ro", "Read-only file system")]
    [InlineData("size=64k", "No space left on device")]
    public async Task A_disk_that_takes_no_bundle_is_one_warning(string options, string cause) => await StartFault.CheckAsync(
        (environment, arguments) => RunningProgram.Start(
            "unshare",
            ["--mount", "sh", "-c", $"mount -t tmpfs -o {options} none \"$1\" && shift && exec \"$@\"", "sh", environment["FAIRLEAD_STATE_DIR"], Repository.Relay, .. arguments],
            environment, _site.Folder.Path),
        () =>
        {
            var environment = _site.RunEnvironment();
            Directory.CreateDirectory(environment["FAIRLEAD_STATE_DIR"]);
            environment["FAIRLEAD_CA_BUNDLE"] = Path.Combine(environment["FAIRLEAD_STATE_DIR"], "ca-bundle.crt");
            return environment;
        },
        step: 4, cause);

    [Fact]
    public async Task Without_a_free_port_there_is_one_warning()
    {
        await using var place = await NetworkNamespace.CreateAsync();
        await using var gateway = await ScriptedGateway.StartAsync(_ => Task.CompletedTask);
        (await place.RunAsync("sh", "-c", "echo 40000 40001 > /proc/sys/net/ipv4/ip_local_port_range")).Succeeded();
        using var first = place.Listen(new IPEndPoint(IPAddress.Loopback, 40000));
        using var second = place.Listen(new IPEndPoint(IPAddress.Loopback, 40001));
        using var elsewhere = place.Listen(new IPEndPoint(IPAddress.Loopback, 8080));

        await StartFault.CheckAsync(
            (environment, arguments) => place.Start(Repository.Relay, arguments, environment, _site.Folder.Path),
            () =>
            {
                var environment = _site.RunEnvironment();
                environment["FAIRLEAD_GATEWAY"] = "http://127.0.0.1:8080";
                return environment;
            },
            step: 4, "Cannot assign requested address");
    }
}
