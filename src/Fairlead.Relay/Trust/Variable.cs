namespace Fairlead.Relay.Trust;

/// <summary>A variable that tools read, and what the relay puts into it.</summary>
internal sealed class Variable
{
    private readonly Func<TrustFacts, IEnumerable<(string Name, string Value)>> _values;

    private Variable(string name, string meaning, Func<TrustFacts, IEnumerable<(string Name, string Value)>> values) =>
        (Name, Meaning, _values) = (name, meaning, values);

    /// <summary>Its name, or the name of the first where several belong together.</summary>
    public string Name { get; }

    /// <summary>What it holds, for the documentation: "the proxy", "the bundle".</summary>
    public string Meaning { get; }

    /// <summary>A variable whose value follows from the facts; null leaves it as the user had it.</summary>
    public static Variable Of(string name, string meaning, Func<TrustFacts, string?> value) =>
        new(name, meaning, facts => value(facts) is { } text ? [(name, text)] : []);

    /// <summary>A variable that names the proxy.</summary>
    public static Variable Proxy(string name) => Of(name, "the proxy", facts => facts.Proxy);

    /// <summary>A variable that names the bundle.</summary>
    public static Variable Bundle(string name) => Of(name, "the bundle", facts => facts.CaBundle);

    /// <summary>A variable that lists the hosts that are reached directly.</summary>
    public static Variable NoProxy(string name) => Of(name, "the `NO_PROXY` list", facts => facts.NoProxy);

    /// <summary>A variable that is a switch.</summary>
    public static Variable Fixed(string name, string value) => Of(name, $"`{value}`", _ => value);

    /// <summary>A variable that names a file that the relay writes; not set when it could not be written.</summary>
    public static Variable File(string name, GeneratedFile file) => Of(name, $"`{file.Name}`", facts => facts.Files.GetValueOrDefault(file.Name));

    /// <summary>Variables that only make sense together.</summary>
    public static Variable Group(string name, string meaning, Func<TrustFacts, IEnumerable<(string Name, string Value)>> values) => new(name, meaning, values);

    /// <summary>Names and values; none when the tool is to find what the user had set.</summary>
    public IEnumerable<(string Name, string Value)> ValuesFrom(TrustFacts facts) => _values(facts);
}
