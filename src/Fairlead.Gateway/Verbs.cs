using System.CommandLine;
using System.CommandLine.Invocation;
using Fairlead.Gateway.Configuration;

namespace Fairlead.Gateway;

/// <summary>What the commands beside <c>serve</c> share.</summary>
internal static class Verbs
{
    // sysexits.h: EX_CONFIG, EX_NOINPUT.
    private const int ConfigurationError = 78;
    private const int NoInput = 66;

    /// <summary>What is wrong with the input is told in one line each, as <c>serve</c> does.</summary>
    public static Command Guard(Command command)
    {
        var action = (SynchronousCommandLineAction)command.Action!;
        command.SetAction(parsed =>
        {
            try
            {
                return action.Invoke(parsed);
            }
            catch (Exception e) when (e is ConfigException or InvalidDataException)
            {
                Console.Error.WriteLine($"fairlead-gateway: {e.Message}");
                return ConfigurationError;
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                Console.Error.WriteLine($"fairlead-gateway: {e.Message}");
                return NoInput;
            }
        });
        return command;
    }
}
