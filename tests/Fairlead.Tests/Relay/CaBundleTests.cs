using Fairlead.Relay.Startup;

namespace Fairlead.Tests.Relay;

public sealed class CaBundleTests : IDisposable
{
    private readonly TempDirectory _files = new();

    public void Dispose() => _files.Dispose();

    [Fact]
    public void The_bundle_is_the_first_system_bundle_a_newline_and_the_gateway_s()
    {
        var path = _files.PathOf("new/dir/bundle.crt");

        var warning = CaBundle.Write(path, "gateway\n", [_files.PathOf("missing"), _files.Write("empty", ""), _files.Write("system", "system\n"), _files.Write("other", "x")]);

        Assert.Null(warning);
        Assert.Equal("system\n\ngateway\n", File.ReadAllText(path));
        Assert.Equal("644", Convert.ToString((int)File.GetUnixFileMode(path), 8));
        Assert.Equal("755", Convert.ToString((int)File.GetUnixFileMode(_files.PathOf("new")), 8));
        Assert.Equal(["bundle.crt"], Directory.GetFiles(_files.PathOf("new/dir")).Select(Path.GetFileName));
    }

    [Fact]
    public void An_old_bundle_is_replaced()
    {
        var path = _files.Write("bundle.crt", "old");

        CaBundle.Write(path, "gateway\n", [_files.Write("system", "system")]);

        Assert.Equal("system\ngateway\n", File.ReadAllText(path));
    }

    [Fact]
    public void Without_a_system_bundle_it_says_that_only_the_gateway_is_trusted()
    {
        var warning = CaBundle.Write(_files.PathOf("bundle.crt"), "gateway\n", []);

        Assert.Contains("no system CA bundle was found", warning, StringComparison.Ordinal);
        Assert.Equal("\ngateway\n", File.ReadAllText(_files.PathOf("bundle.crt")));
    }

    [Fact]
    public void A_symbolic_link_in_its_place_is_neither_followed_nor_replaced()
    {
        var victim = _files.Write("victim", "untouched");
        File.CreateSymbolicLink(_files.PathOf("bundle.crt"), victim);

        var e = Assert.Throws<StepException>(() => CaBundle.Write(_files.PathOf("bundle.crt"), "gateway\n", []));

        Assert.Contains("is a symbolic link", e.Cause, StringComparison.Ordinal);
        Assert.Equal("untouched", File.ReadAllText(victim));
    }

    [Fact]
    public void A_directory_in_its_place_or_a_file_as_its_directory_is_refused()
    {
        Directory.CreateDirectory(_files.PathOf("bundle.crt"));
        var file = _files.Write("file", "");

        Assert.Contains("is a directory", Assert.Throws<StepException>(() => CaBundle.Write(_files.PathOf("bundle.crt"), "g", [])).Cause, StringComparison.Ordinal);
        Assert.Contains("cannot be written", Assert.Throws<StepException>(() => CaBundle.Write(file + "/bundle.crt", "g", [])).Cause, StringComparison.Ordinal);
    }
}
