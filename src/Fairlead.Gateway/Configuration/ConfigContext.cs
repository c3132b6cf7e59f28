using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Fairlead.Gateway.Credentials;
using Fairlead.Wire;

namespace Fairlead.Gateway.Configuration;

/// <summary>What the sections of one file share.</summary>
/// <param name="directory">Where relative paths begin.</param>
/// <param name="local">The session that a caller brings, or null.</param>
/// <param name="isReview">True to look at the file alone: neither secrets nor other files are read.</param>
internal sealed class ConfigContext(string directory, LocalSession? local, bool isReview)
{
    /// <summary>The session that a caller brings, for a gateway that serves one command on one machine; else null.</summary>
    public LocalSession? Local => local;

    /// <summary>True where only the file is looked at, as on a developer's machine that has no secrets.</summary>
    public bool IsReview => isReview;

    /// <summary>True where the keys of issuers and the revoked sessions are read.</summary>
    public bool ReadsIdentities { get; init; } = !isReview;

    /// <summary>True where keys of the gateway's own that are not there yet are made.</summary>
    public bool MakesKeys { get; init; }

    /// <summary>What is not wrong but worth a look.</summary>
    public List<string> Warnings { get; } = [];

    /// <summary>The environment variables that hold secrets or tokens.</summary>
    public List<string> SecretVariables { get; } = [];

    /// <summary>The files that do.</summary>
    public List<string> SecretFiles { get; } = [];

    /// <summary>Other files that the configuration reads, whose change is a change of it.</summary>
    public List<string> WatchedFiles { get; } = [];

    /// <summary>The secrets that a program gives, with their places in the file.</summary>
    public List<(ConfigNode At, FetchedSecret Secret)> Fetched { get; } = [];

    /// <summary>The tokens that are fetched when a request first needs one.</summary>
    public List<IFetched> FetchedTokens { get; } = [];

    /// <summary>Where what is being read comes from, in words.</summary>
    public List<string> Sources { get; } = [];

    /// <summary>Where each secret comes from, in words.</summary>
    public Dictionary<string, string> Origins { get; } = [];

    /// <summary>Notes that what is being read uses a secret of the file.</summary>
    public void Use(string secret)
    {
        if (Origins.TryGetValue(secret, out var origin)) Sources.Add($"secret {secret} ({origin})");
    }

    /// <summary>Files that credentials write.</summary>
    public HashSet<string> StateFiles { get; } = [];

    /// <summary>Where a secret comes from: <c>{ from: env, name: … }</c> or <c>{ from: file, path: … }</c>.</summary>
    /// <param name="node">The place.</param>
    /// <param name="also">Other words that may stand at <c>from</c> there, which somebody else reads.</param>
    public SecretSource? ReadSource(ConfigNode node, params string[] also)
    {
        var fields = node.Closed("from", "name", "path");
        var from = fields.Required("from").OneOf(["env", "file", .. also]);
        if (from == "env")
        {
            if (fields.Has("path", out var path)) path.Fail("'path' is for 'from: file'");
            var variable = fields.Required("name").Text();
            if (variable.Length > 0) SecretVariables.Add(variable);
            Sources.Add($"environment variable {variable}");
            return variable.Length == 0 ? null : new SecretSource(variable, null);
        }

        if (from != "file") return null;
        if (fields.Has("name", out var name)) name.Fail("'name' is for 'from: env'");
        var file = PathOf(fields.Required("path"));
        if (file.Length > 0) SecretFiles.Add(file);
        Sources.Add($"file {file}");
        return file.Length == 0 ? null : new SecretSource(null, file);
    }

    /// <summary>Reads a secret where it comes from.</summary>
    public Secret? ReadSecret(string name, ConfigNode node, SecretSource source)
    {
        if (isReview) return Secret.Unreadable(name);
        if (source.TryRead(out var raw) is { } missing)
        {
            node.Fail(missing);
            return null;
        }

        if (!Secret.TryCreate(name, raw, out var secret, out var hadLineBreak, out var problem)) node.Fail($"the value cannot be used: {problem}");
        if (hadLineBreak) Warnings.Add($"{node.Path}: the value ended in a line break, which was trimmed");
        return secret;
    }

    /// <summary>Fetches what programs give. Last, since a program must get no variable with a secret, and by then all of them are known.</summary>
    public void Fetch() => Task.WaitAll(Fetched.Select(f => FetchAsync(f.At, f.Secret)));

    /// <summary>A token of a credential, fetched when a request first needs it.</summary>
    /// <param name="credential">The credential's name.</param>
    /// <param name="fetch">Gets one.</param>
    public ISecret Token(string credential, Func<CancellationToken, Task<FetchedSecret.Kept>> fetch)
    {
        if (isReview) return Secret.Unreadable(credential);
        var token = new FetchedSecret($"{credential} (token)", fetch, TimeProvider.System);
        FetchedTokens.Add(token);
        return token;
    }

    /// <summary>Tokens of a credential, of which each request gets the one that is for it.</summary>
    /// <param name="credential">The credential's name.</param>
    /// <param name="scopeOf">What a request needs.</param>
    /// <param name="fetch">Gets a token of a scope.</param>
    public ISecret Tokens<TScope>(string credential, Func<RequestLine, TScope> scopeOf, Func<TScope, CancellationToken, Task<FetchedSecret.Kept>> fetch)
        where TScope : notnull
    {
        if (isReview) return Secret.Unreadable(credential);
        var tokens = new ScopedTokens<TScope>($"{credential} (token)", scopeOf, fetch, TimeProvider.System);
        FetchedTokens.Add(tokens);
        return tokens;
    }

    /// <summary>A path; a relative one begins at the file.</summary>
    public string PathOf(ConfigNode node)
    {
        var text = node.Text();
        if (!text.Contains('\0', StringComparison.Ordinal)) return text.Length == 0 ? "" : Path.GetFullPath(text, directory);
        node.Fail($"expected a path, got '{HostPort.Printable(text)}'");
        return "";
    }

    /// <summary>The path of a file that is there.</summary>
    public string ExistingFile(ConfigNode node)
    {
        var path = PathOf(node);
        if (path.Length == 0 || isReview || File.Exists(path)) return path;
        node.Fail($"the file {path} does not exist");
        return "";
    }

    /// <summary>An https URL of a service that the gateway itself asks.</summary>
    public static Uri? HttpsUrl(ConfigNode node)
    {
        var text = node.Text();
        if (text.Length == 0) return null;
        if (Uri.TryCreate(text, UriKind.Absolute, out var url) && url.Scheme == Uri.UriSchemeHttps && url.UserInfo.Length == 0 && url.Fragment.Length == 0) return url;
        // A URL with more than a path may hold a password or a key.
        var isPlain = url is { UserInfo.Length: 0, Query.Length: 0, Fragment.Length: 0 };
        node.Fail($"expected an https URL without user and fragment{(isPlain ? $", got '{HostPort.Printable(text)}'" : "")}");
        return null;
    }

    /// <summary>The certificates of a PEM file, which is watched from then on.</summary>
    /// <param name="node">The path.</param>
    /// <param name="isRead">False where the file is not to be read.</param>
    public X509Certificate2Collection Roots(ConfigNode node, bool isRead)
    {
        var roots = new X509Certificate2Collection();
        if (ExistingFile(node) is not { Length: > 0 } file || !isRead) return roots;
        WatchedFiles.Add(file);
        try
        {
            roots.ImportFromPemFile(file);
            if (roots.Count == 0) node.Fail($"{file} holds no certificate in PEM");
        }
        catch (Exception e) when (e is CryptographicException or IOException or UnauthorizedAccessException)
        {
            node.Fail($"{file} cannot be read as certificates: {e.Message}");
        }

        return roots;
    }

    /// <summary>What the file defines under a name that it uses elsewhere.</summary>
    public static T? Named<T>(ConfigNode node, Dictionary<string, T> all, string what)
        where T : class
    {
        var name = node.Text();
        if (name.Length == 0) return null;
        if (all.TryGetValue(name, out var found)) return found;
        var hint = all.Count == 0 ? "none is defined" : $"did you mean '{ConfigErrors.Nearest(name, all.Keys)}'?";
        node.Fail($"there is no {what} '{HostPort.Printable(name)}'; {hint}");
        return null;
    }

    private static async Task FetchAsync(ConfigNode at, FetchedSecret secret)
    {
        try
        {
            _ = await secret.GetAsync(CancellationToken.None);
        }
        catch (CredentialException e)
        {
            lock (at.Errors) at.Fail(e.Message);
        }
    }
}
