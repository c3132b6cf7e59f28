using System.Security.Cryptography.X509Certificates;
using Fairlead.Gateway.Interception;
using Microsoft.Extensions.Logging;

namespace Fairlead.Tests.Gateway.Interception;

public sealed class CaRotationTests : IDisposable
{
    private static readonly TimeSpan After = TimeSpan.FromHours(24);

    private readonly TempFolder _folder = new();
    private readonly FakeTimeProvider _time = new();
    private readonly LogLines _log = new();

    private string Ca => _folder["ca"];

    private CaDirectory Directory => new(Ca, _time);

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Both_are_served_for_a_while_then_leaves_come_from_the_next_then_the_old_one_is_gone_with_its_key()
    {
        var authority = Open();
        var old = authority.Signing.Pem;
        Directory.Rotate(After, null);
        authority.Look();
        var next = authority.RootPem[old.Length..];

        Assert.Equal((old, old + next), (authority.Signing.Pem, authority.RootPem));
        Pass(authority, After - TimeSpan.FromSeconds(1));
        Assert.Equal((old, old + next), (authority.Signing.Pem, authority.RootPem));
        Pass(authority, TimeSpan.FromSeconds(1));
        Assert.Equal((next, next + old), (authority.Signing.Pem, authority.RootPem));
        Pass(authority, After - TimeSpan.FromSeconds(1));
        Assert.Equal(next + old, authority.RootPem);
        Assert.True(File.Exists(Path.Combine(Ca, "ca.key")));
        Pass(authority, TimeSpan.FromSeconds(1));
        Assert.Equal((next, next), (authority.Signing.Pem, authority.RootPem));
        Assert.Equal([".key", ".lock", ".pem", "roots.json"], Files().Select(f => f.StartsWith("roots", StringComparison.Ordinal) ? f : Path.GetExtension(f)).Order());
        Assert.Equal(next, Open().RootPem);
    }

    [Fact]
    public void Who_starts_within_a_rotation_sees_what_a_running_one_sees()
    {
        var running = Open();
        Directory.Rotate(After, null);
        foreach (var step in (TimeSpan[])[TimeSpan.Zero, After / 2, After / 2, After / 2, After / 2, After])
        {
            Pass(running, step);
            var started = Open();

            Assert.Equal((running.Signing.Pem, running.RootPem), (started.Signing.Pem, started.RootPem));
        }
    }

    [Fact]
    public void A_second_rotation_waits_for_the_first()
    {
        Open();
        var (first, isNew) = Directory.Rotate(After, null);
        var (second, isAnother) = Directory.Rotate(After, null);

        Assert.Equal((true, false), (isNew, isAnother));
        Assert.Equal(first.ToString(), second.ToString());
        _time.Advance(After);
        Assert.True(Directory.Rotate(After, null).IsNew);
        Assert.Equal(3, Directory.ReadSchedule().Entries.Count);
    }

    [Fact]
    public async Task Of_two_at_once_one_makes_the_next_root_and_the_other_says_so()
    {
        Open();

        var results = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Task.Run(() => Directory.Rotate(After, null).IsNew, Limits.Token)));

        Assert.Single(results, isNew => isNew);
        Assert.Equal(2, Directory.ReadSchedule().Entries.Count);
    }

    // What is on the disk after each step that a kill can follow, beside the old pair.
    [Theory]
    [InlineData("ca-0123456789abcdef.key.new", "half a k")]
    [InlineData("ca-0123456789abcdef.key", "a whole key, as good as any")]
    [InlineData("ca-0123456789abcdef.pem.new", "half a certif")]
    [InlineData("ca-0123456789abcdef.pem", "a certificate")]
    [InlineData("roots.json.new", "{\"version\":1,\"roots\":[{\"na")]
    public void A_rotation_that_was_killed_before_its_end_has_not_happened_and_its_rest_is_destroyed_by_the_next(string file, string content)
    {
        var before = Open().RootPem;
        File.WriteAllText(Path.Combine(Ca, file), content);

        Assert.Equal((before, before), (Open().RootPem, Open().Signing.Pem));

        Assert.True(Directory.Rotate(After, null).IsNew);
        Assert.Equal(1 + 2 + 2 + 1, Files().Length); // the lock, two pairs, the schedule
        Assert.DoesNotContain(Files(), f => f.Contains("0123456789abcdef", StringComparison.Ordinal));
    }

    [Fact]
    public void Dropping_that_was_killed_before_the_key_was_destroyed_is_made_up_for()
    {
        Open();
        Directory.Rotate(TimeSpan.Zero, null);
        var key = File.ReadAllText(Path.Combine(Ca, "ca.key"));
        Open();
        Assert.False(File.Exists(Path.Combine(Ca, "ca.key")));
        // As if the process had ended between the schedule and the key.
        _folder.Write("ca/ca.key", key);
        var served = Open().RootPem;

        Directory.Tidy();

        Assert.False(File.Exists(Path.Combine(Ca, "ca.key")));
        Assert.Equal(served, Open().RootPem);
    }

    [Fact]
    public void A_schedule_that_is_broken_leaves_a_running_gateway_as_it_was_and_stops_a_start()
    {
        var authority = Open();
        var before = authority.RootPem;
        _folder.Write("ca/roots.json", "{\"version\":1,\"roots\":[{\"name\":\"../../etc/ca\",\"leaves_from\":\"2030-01-01T00:00:00Z\"}]}");

        for (var i = 0; i < 5; i++) authority.Look();

        Assert.Equal(before, authority.RootPem);
        Assert.Single(_log.Lines, line => line.Contains("cannot be read", StringComparison.Ordinal));
        Assert.Contains("that is none of ours", Assert.Throws<InvalidDataException>((Func<object>)Open).Message, StringComparison.Ordinal);
        File.Delete(Path.Combine(Ca, "roots.json"));
        authority.Look();
        Assert.Contains(_log.Lines, line => line.Contains("can be read again", StringComparison.Ordinal));
    }

    [Fact]
    public void A_clock_that_jumps_back_over_the_switch_finds_the_old_key()
    {
        Open();
        Directory.Rotate(After, null);
        var before = Open().Signing.Pem;
        _time.Advance(After);
        Assert.NotEqual(before, Open().Signing.Pem);
        var past = new FakeTimeProvider(_time.GetUtcNow() - TimeSpan.FromMinutes(2));

        Assert.Equal(before, CertificateAuthority.OpenOrCreate(Ca, null, past, _log).Signing.Pem);
    }

    [Fact]
    public void A_root_is_renewed_while_the_gateway_runs_and_the_log_warns()
    {
        var authority = Open();
        var first = authority.Signing.Certificate;
        Pass(authority, TimeSpan.FromDays(334));
        Assert.Equal(first, authority.Signing.Certificate);

        Pass(authority, TimeSpan.FromDays(1));
        var second = authority.Signing.Certificate;

        Assert.Equal(first.PublicKey.EncodedKeyValue.RawData, second.PublicKey.EncodedKeyValue.RawData);
        Assert.Equal(first.SubjectName.RawData, second.SubjectName.RawData);
        Assert.Equal(_time.GetUtcNow().AddDays(365), second.NotAfter.ToUniversalTime());
        Assert.Equal(1, authority.RootPem.Split("BEGIN CERTIFICATE").Length - 1);
        Assert.Single(_log.Lines, line => line.StartsWith("Warning: ", StringComparison.Ordinal) && line.Contains("made anew for another year", StringComparison.Ordinal));
    }

    [Fact]
    public void A_root_that_follows_is_for_the_names_that_are_configured_now()
    {
        Open();
        Assert.True(NameConstraints.TryCreate(["example.com"], out var permitted, out _));
        var authority = CertificateAuthority.OpenOrCreate(Ca, permitted, _time, _log);
        Assert.Single(_log.Lines, line => line.Contains("run `fairlead-gateway ca rotate`", StringComparison.Ordinal));
        // The certificate would permit it, the configuration does not.
        Assert.False(authority.MaySignFor("api.test", null));

        Directory.Rotate(After, permitted);
        Pass(authority, After);

        Assert.Equal("example.com, fairlead.test", authority.Signing.Constraints!.Text);
        CertificateAuthority.OpenOrCreate(Ca, permitted, _time, _log);
        Assert.Single(_log.Lines, line => line.Contains("run `fairlead-gateway ca rotate`", StringComparison.Ordinal));
    }

    [Fact]
    public void Gateways_that_share_the_directory_go_together_also_when_one_drops_the_old_root()
    {
        CertificateAuthority[] gateways = [Open(), Open()];
        Directory.Rotate(After, null);
        for (var step = 0; step < 5; step++)
        {
            foreach (var gateway in gateways) gateway.Look();

            Assert.Equal(gateways[0].RootPem, gateways[1].RootPem);
            Assert.Equal(gateways[0].Signing.Pem, gateways[1].Signing.Pem);
            _time.Advance(After / 2);
        }

        Assert.Equal(1, gateways[0].RootPem.Split("BEGIN CERTIFICATE").Length - 1);
        Assert.DoesNotContain(_log.Lines, line => line.Contains("cannot", StringComparison.Ordinal));
    }

    [Fact]
    public void A_session_has_its_own_root_over_restarts_and_none_that_it_had_before_it_ended()
    {
        var options = new CaOptions { Directory = Ca, PerSession = true };
        var running = new CertificateAuthorities(options, _time, _log);
        var (mine, theirs) = (running.For("../s1").RootPem, running.For("s2").RootPem);
        var restarted = new CertificateAuthorities(options, _time, _log);

        Assert.Equal((mine, theirs), (restarted.For("../s1").RootPem, restarted.For("s2").RootPem));
        Assert.NotEqual(mine, theirs);
        Assert.Equal(2, System.IO.Directory.GetDirectories(Ca).Length);
        restarted.Forget("../s1");
        Assert.Single(System.IO.Directory.GetDirectories(Ca));
        Assert.NotEqual(mine, restarted.For("../s1").RootPem);
        Assert.Equal(theirs, restarted.For("s2").RootPem);
    }

    [Fact]
    public async Task What_root_makes_belongs_to_whom_the_directory_belongs_to()
    {
        if (!Environment.IsPrivilegedProcess) Assert.Skip("only root can make files for others");
        Open();
        await RunAsync("chown", "-R", "12345:12346", Ca);

        Directory.Rotate(After, null);

        Assert.Equal("12345:12346 600\n", string.Join('\n', (await RunAsync("stat", ["-c", "%u:%g %a", .. System.IO.Directory.GetFiles(Ca).Where(f => !f.EndsWith(".pem", StringComparison.Ordinal))])).Split('\n').Distinct()));
    }

    private static async Task<string> RunAsync(string program, params string[] arguments)
    {
        using var process = System.Diagnostics.Process.Start(new System.Diagnostics.ProcessStartInfo(program, arguments) { RedirectStandardOutput = true })!;
        var said = await process.StandardOutput.ReadToEndAsync(Limits.Token);
        await process.WaitForExitAsync(Limits.Token);
        return said;
    }

    [Fact]
    public void Keys_without_a_schedule_are_not_passed_over()
    {
        Open();
        Directory.Rotate(TimeSpan.Zero, null);
        Open();
        File.Delete(Path.Combine(Ca, "roots.json"));

        Assert.Contains("but no roots.json", Assert.Throws<InvalidDataException>((Func<object>)Open).Message, StringComparison.Ordinal);
    }

    private CertificateAuthority Open() => CertificateAuthority.OpenOrCreate(Ca, null, _time, _log);

    private void Pass(CertificateAuthority authority, TimeSpan time)
    {
        _time.Advance(time);
        authority.Look();
    }

    private string[] Files() => [.. System.IO.Directory.GetFiles(Ca).Select(f => Path.GetFileName(f)!)];

    private sealed class LogLines : ILogger
    {
        public List<string> Lines { get; } = [];

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) => Lines.Add($"{logLevel}: {formatter(state, exception)}");
    }
}
