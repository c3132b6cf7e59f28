namespace Fairlead.Relay.Startup;

/// <summary>A limit of this process, as struct rlimit has it.</summary>
/// <param name="Soft">What holds.</param>
/// <param name="Hard">The most that the soft limit may be raised to; lowered, it stays so.</param>
internal readonly record struct ResourceLimit(nuint Soft, nuint Hard);
