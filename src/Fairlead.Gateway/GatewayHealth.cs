namespace Fairlead.Gateway;

/// <summary>What is known about the configuration in force, for whoever asks whether the gateway is well.</summary>
internal sealed class GatewayHealth
{
    private int _generation = 1;
    private int _refusals;
    private string? _refusal;

    /// <summary>1 for the configuration of the start, one more for each that came after it.</summary>
    public int Generation => Volatile.Read(ref _generation);

    /// <summary>How often a changed configuration did not load.</summary>
    public int Refusals => Volatile.Read(ref _refusals);

    /// <summary>Why the file as it is now does not load; null while what is in force is what the file says.</summary>
    public string? Refusal => Volatile.Read(ref _refusal);

    public void Applied()
    {
        Interlocked.Increment(ref _generation);
        Volatile.Write(ref _refusal, null);
    }

    public void Refused(string problem)
    {
        Interlocked.Increment(ref _refusals);
        Volatile.Write(ref _refusal, problem);
    }
}
