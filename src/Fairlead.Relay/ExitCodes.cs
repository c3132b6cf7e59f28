namespace Fairlead.Relay;

/// <summary>Exit codes of our own; a command's own code passes through.</summary>
internal static class ExitCodes
{
    public const int Success = 0;

    /// <summary>What was asked for was not done.</summary>
    public const int Failure = 1;

    /// <summary>The command line, or a FAIRLEAD_* variable, has a value that cannot be meant.</summary>
    public const int Usage = 2;

    /// <summary>EX_CONFIG of sysexits.h: the proxy cannot be had, and nothing was started without it.</summary>
    public const int FailedClosed = 78;

    /// <summary>As a shell has it: found, but not executable.</summary>
    public const int NotExecutable = 126;

    /// <summary>As a shell has it.</summary>
    public const int CommandNotFound = 127;
}
