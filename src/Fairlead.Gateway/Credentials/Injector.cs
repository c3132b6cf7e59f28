using Fairlead.Wire;

namespace Fairlead.Gateway.Credentials;

/// <summary>
/// Applies a session's credentials to one request that policy let pass.
/// <code>1 no placeholder of another host   2 what the workload set itself   3 the values, fetched where they must be   4 swap: query, headers, body   5 sign what will be sent</code>
/// With constant values and without placeholders, nothing is waited for and nothing is looked through.
/// </summary>
internal static class Injector
{
    /// <param name="set">The session's credentials.</param>
    /// <param name="destination">Where the request goes.</param>
    /// <param name="target">Path and query, as sent.</param>
    /// <param name="request">The workload's request.</param>
    /// <returns>What to send, or why nothing may be sent.</returns>
    public static async ValueTask<Injection> ApplyAsync(CredentialSet set, HostPort destination, string target, HttpRequest request)
    {
        // 1. A placeholder that goes where its credential does not was led there, or leads somewhere it should not.
        foreach (var stray in set.WithPlaceholder)
        {
            if (!stray.IsBoundTo(destination) && stray.Placeholder!.IsIn(target, request.Headers))
                return Injection.Refused(target, InjectionFault.Misplaced, stray.Name, $"the placeholder of the credential '{stray.Name}' is in a request for {destination}, which that credential is not bound to.");
        }

        var bound = set.For(destination);
        if (bound.Count == 0) return Injection.None(target);
        // RFC 8441: an extended CONNECT is what a GET with Upgrade is in HTTP/1.1.
        var line = new RequestLine(request.Method == "CONNECT" ? "GET" : request.Method, destination, target);
        var headers = new List<InjectedHeader>(bound.Count);
        var parameters = new List<InjectedParameter>();
        var used = new List<string>(bound.Count);
        var current = bound[0];
        try
        {
            foreach (var credential in bound)
            {
                current = credential;
                // 2. What the workload set itself is replaced, unless the credential says otherwise.
                var own = credential.Existing == ExistingHeader.Replace ? [] : OwnValues(credential, request.Headers);
                if (credential.Existing == ExistingHeader.RefuseUnlessPlaceholder && !own.All(v => credential.Placeholder?.IsInHeader(v) == true))
                    return Injection.Refused(target, InjectionFault.OwnHeader, credential.Name, $"the request brings a '{credential.Headers[0].Name}' of its own, and the credential '{credential.Name}' takes none but its placeholder there.");
                if (own.Count > 0) continue;

                // 3. The values.
                foreach (var header in credential.Headers)
                {
                    if (header.IsFor(line)) headers.Add(header.IsConstant ? header : await header.FillAsync(line, request.HttpContext.RequestAborted));
                }

                foreach (var parameter in credential.Parameters) parameters.Add(parameter.IsConstant ? parameter : await parameter.FillAsync(line, request.HttpContext.RequestAborted));
                if (credential.Certificate?.Problem is { } problem) throw new CredentialException(problem);
                if (credential.Certificate is not null) used.Add(credential.Name);
                if (credential.Signer is null && credential.Headers.Count + credential.Parameters.Count > 0) used.Add(credential.Name);
            }

            // 4. Swap in what the workload sent, and not in what is ours: a secret stays as it is, whatever it holds.
            var injection = new Injection(target, headers) { Credentials = used };
            if (bound.Any(c => c.Placeholder is not null)) injection = await SwapAsync(injection, bound, line, request);
            if (injection.Refusal is not null) return injection;
            injection = injection with { Target = InjectedParameter.SetIn(injection.Target, parameters), Secrets = set.SecretsFor(destination) };

            // 5. Sign what will be sent. A host has one signer at most.
            if (bound.FirstOrDefault(c => c.Signer is not null) is not { } signing) return injection;
            current = signing;
            injection = await signing.Signer!.PrepareAsync(signing.Name, injection, destination, request);
            return injection.Refusal is null ? injection with { Credentials = [.. injection.Credentials, signing.Name] } : injection;
        }
        catch (CredentialException e)
        {
            return Unavailable(target, current, e);
        }
        catch (IOException e)
        {
            return new Injection(target, []) { Refusal = new(InjectionFault.Body, current.Name, e.Message, e) };
        }
    }

    private static async ValueTask<Injection> SwapAsync(Injection injection, IReadOnlyList<Credential> bound, RequestLine line, HttpRequest request)
    {
        var mayBeInBody = bound.Where(c => c.Placeholder?.Surfaces.HasFlag(SwapSurfaces.Body) == true).ToList();
        var target = injection.Target;
        byte[]? body = null;
        if (mayBeInBody.Count > 0 && await TextBody.ReadAsync(request) is { } read)
        {
            if (read.Length > TextBody.MaxBytes) return Injection.Refused(target, InjectionFault.BodyTooLong, mayBeInBody[0].Name, $"the body is longer than {TextBody.MaxBytes} bytes, may hold a placeholder, and its length was not announced.");
            body = read;
        }

        var pairs = new List<(Placeholder, Secret)>();
        var used = injection.Credentials.ToList();
        foreach (var credential in bound)
        {
            if (credential.Placeholder is not { } placeholder) continue;
            if (!placeholder.IsIn(target, request.Headers) && (body is null || !placeholder.IsIn(System.Text.Encoding.Latin1.GetString(body)))) continue;
            try
            {
                pairs.Add((placeholder, await placeholder.GetAsync(line, request.HttpContext.RequestAborted)));
            }
            catch (CredentialException e)
            {
                return Unavailable(target, credential, e);
            }

            if (!used.Contains(credential.Name)) used.Add(credential.Name);
        }

        if (pairs.Count == 0) return injection with { Body = body };
        var swap = new PlaceholderSwap(pairs);
        return injection with
        {
            Target = swap.InTarget(target),
            Swap = swap,
            Body = body is null ? null : swap.InBody(body, request.ContentType) ?? body,
            Credentials = used,
        };
    }

    private static Injection Unavailable(string target, Credential credential, CredentialException e) =>
        Injection.Refused(target, InjectionFault.Unavailable, credential.Name, $"the credential '{credential.Name}' cannot be had: {e.Message}.");

    // Under each spelling of the names that a server may take for ours.
    private static List<string> OwnValues(Credential credential, IHeaderDictionary headers) =>
        [.. headers.Where(h => credential.Headers.Any(ours => ours.IsNamed(h.Key))).SelectMany(h => h.Value).Select(v => v ?? "")];
}
