using System.Globalization;
using System.Net;
using System.Text.Json;
using Fairlead.Gateway.Configuration;
using Fairlead.Gateway.Credentials;
using Fairlead.Gateway.Sessions;
using Fairlead.Wire;
using Microsoft.Extensions.Logging;

namespace Fairlead.Tests.Gateway.Credentials;

public sealed class CredentialTests
{
    private static readonly JsonSerializerOptions WithFields = new() { IncludeFields = true };

    [Theory]
    [InlineData("api.test", "api.test:443", true)]
    [InlineData("api.test", "API.test.:443", true)]
    [InlineData("api.test", "api.test:8443", false)]
    [InlineData("api.test", "www.api.test:443", false)]
    [InlineData("api.test", "api.test.evil.test:443", false)]
    [InlineData("*.api.test", "a.api.test:443", true)]
    [InlineData("*.api.test", "api.test:443", false)]
    public void It_goes_only_to_the_hosts_it_is_bound_to(string bound, string destination, bool goes)
    {
        var set = new CredentialSet([Edge.CredentialOf("c", "X-Key", "FAKE", bound)]);
        Assert.True(HostPort.TryParse(destination, out var to, out _));

        Assert.Equal(goes, set.For(to).Count == 1);
    }

    [Theory]
    [InlineData("X-Key", "api.test", "x-key", "api.test", "X-Key")]
    [InlineData("X-Key", "api.test", "X-KEY", "*.test", "X-Key")]
    [InlineData("X-Key", "**.test", "X-Key", "*.api.test", "X-Key")]
    [InlineData("X-Key", "api.test", "Y-Key", "api.test", null)]
    [InlineData("X-Key", "api.test", "X-Key", "www.test", null)]
    [InlineData("X-Key", "api.test", "X-Key", "api.test:8443", null)]
    public void Two_that_set_one_header_for_one_host_conflict(string header, string host, string otherHeader, string otherHost, string? conflict) =>
        Assert.Equal(conflict, Edge.CredentialOf("a", header, "FAKE", host).ConflictWith(Edge.CredentialOf("b", otherHeader, "FAKE", otherHost)));

    [Theory]
    [InlineData("X_Key", "X-Key")]
    [InlineData("Authorization", null)]
    public void So_do_two_that_a_server_may_take_for_one(string header, string? conflict) =>
        Assert.Equal(conflict, Edge.CredentialOf("a", "X-Key", "FAKE").ConflictWith(Edge.CredentialOf("b", header, "FAKE")));

    [Fact]
    public void Two_that_set_one_parameter_or_one_Authorization_conflict()
    {
        var secret = Given.Secret("s", "FAKE");

        Assert.Equal("key", Given.Query("key", secret).ConflictWith(Given.Query("KEY", secret)));
        Assert.Equal("Authorization", Given.Basic("u", secret).ConflictWith(Given.Bearer(secret)));
        Assert.Null(Given.Basic("u", secret, "git.test").ConflictWith(Given.Bearer(secret)));
        Assert.Null(Given.Query("Authorization", secret).ConflictWith(Given.Bearer(secret)));
    }

    [Fact]
    public void A_secret_is_never_printed()
    {
        const string canary = "FAKE-canary-4711";
        var credential = Edge.CredentialOf("c", "X-Key", canary);
        Assert.True(Secret.TryCreate("c", canary, out var secret, out _, out _));
        var session = Edge.SessionOf("s", canary, credentials: [credential]);
        var options = new GatewayOptions
        {
            Listen = new(new IPEndPoint(IPAddress.Loopback, 0), "", null, null),
            Ca = new() { Directory = "ca" },
            Audit = new("audit"),
            SessionSet = new SessionSet([session]),
        };
        using var lines = new StringWriter();
        using var logging = LoggerFactory.Create(b => b.SetMinimumLevel(LogLevel.Trace).AddProvider(new Lines(lines)));
        var logger = logging.CreateLogger("canary");

        var others = new object[] { Given.Basic("u", secret), Given.Query("k", secret), Given.Query("k", secret).Parameters[0], Given.Swapped(secret) };
        foreach (var thing in new object[] { secret, credential.Headers[0], credential, session.Credentials, session, options, new SessionRegistry(new SessionSet([session]), TimeProvider.System), credential.Headers }.Concat(others))
        {
            if (logger.IsEnabled(LogLevel.Information)) logger.LogInformation("{Thing} {@Same}", thing, thing);
            lines.WriteLine(thing);
            lines.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{thing:x}"));
            if (thing is not (GatewayOptions or SessionRegistry)) lines.WriteLine(JsonSerializer.Serialize(thing, thing.GetType(), WithFields));
        }

        Assert.DoesNotContain(canary, lines.ToString(), StringComparison.Ordinal);
        Assert.Equal("***", secret.ToString());
        Assert.Equal("X-Key: ***", credential.Headers[0].ToString());
    }

    private sealed class Lines(TextWriter writer) : ILoggerProvider, ILogger
    {
        public ILogger CreateLogger(string categoryName) => this;

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            writer.WriteLine($"{formatter(state, exception)} {state} {exception}");

        public void Dispose() { }
    }
}
