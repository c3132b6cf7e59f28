using Fairlead.EndToEnd.Harness;
using Fairlead.EndToEnd.Origins;
using Microsoft.AspNetCore.Http;

namespace Fairlead.EndToEnd.Faults;

/// <summary>What a gateway's address may answer in place of its CA.</summary>
public sealed class CaFaultTests(SharedSite shared)
{
    private readonly Site _site = shared.Site;

    [Fact]
    public async Task A_page_of_HTML_is_one_warning() => await CheckAsync(
        context => context.Response.WriteAsync("<!DOCTYPE html><title>Sign in</title>", context.RequestAborted), "is HTML, not PEM");

    [Fact]
    public async Task An_expired_CA_is_one_warning()
    {
        using var authority = new TestAuthority("Old CA", hasExpired: true);
        await CheckAsync(context => context.Response.WriteAsync(authority.Pem, context.RequestAborted), "expired on ");
    }

    [Fact]
    public async Task A_leaf_is_one_warning()
    {
        using var authority = new TestAuthority("Some CA");
        using var leaf = authority.Issue(["leaf.test"], []);
        await CheckAsync(context => context.Response.WriteAsync(leaf.ExportCertificatePem(), context.RequestAborted), "is a leaf, not a CA certificate");
    }

    [Fact]
    public async Task A_CA_that_takes_20_seconds_is_one_warning_before_it_comes() => await CheckAsync(
        async context =>
        {
            await Task.Delay(TimeSpan.FromSeconds(20), context.RequestAborted);
            await context.Response.WriteAsync("too late", context.RequestAborted);
        },
        "did not answer within 5 s");

    private async Task CheckAsync(RequestDelegate answer, string cause)
    {
        await using var gateway = await ScriptedGateway.StartAsync(answer);
        await StartFault.CheckAsync(
            (environment, arguments) => RunningProgram.Start(Repository.Relay, arguments, environment, _site.Folder.Path), Environment, step: 4, cause);

        Dictionary<string, string> Environment()
        {
            var environment = _site.RunEnvironment();
            environment["FAIRLEAD_GATEWAY"] = gateway.Address.ToString();
            return environment;
        }
    }
}
