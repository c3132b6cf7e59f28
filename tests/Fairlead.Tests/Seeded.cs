using System.Diagnostics;
using System.Globalization;
using Xunit.Sdk;

namespace Fairlead.Tests;

/// <summary>
/// Runs a property on random input. Every run has its own seed; a failure prints it, and <c>FAIRLEAD_TEST_SEED</c> makes that run the first.
/// </summary>
internal static class Seeded
{
    public static int FirstSeed { get; } =
        int.TryParse(Environment.GetEnvironmentVariable("FAIRLEAD_TEST_SEED"), CultureInfo.InvariantCulture, out var seed) ? seed : Random.Shared.Next();

    /// <summary>Checks a property a number of times.</summary>
    public static void Check(int runs, Action<Random> property)
    {
        for (var run = 0; run < runs; run++) CheckOnce(unchecked(FirstSeed + run), property);
    }

    /// <summary>Checks a property for a while, at least once.</summary>
    /// <returns>How often it was checked.</returns>
    public static int CheckFor(TimeSpan time, Action<Random> property)
    {
        var start = Stopwatch.GetTimestamp();
        var run = 0;
        do
        {
            CheckOnce(unchecked(FirstSeed + run++), property);
        }
        while (Stopwatch.GetElapsedTime(start) < time);
        TestContext.Current.TestOutputHelper?.WriteLine($"{run} runs from seed {FirstSeed}");
        return run;
    }

    /// <summary>Checks a property that does I/O a number of times.</summary>
    public static async Task CheckAsync(int runs, Func<Random, Task> property)
    {
        for (var run = 0; run < runs; run++)
        {
            var seed = unchecked(FirstSeed + run);
            try
            {
                await property(new Random(seed));
            }
            catch (Exception e)
            {
                throw Failure(seed, e);
            }
        }
    }

    /// <summary>Random bytes, drawn evenly or mostly from bytes that matter to the parser under test.</summary>
    public static byte[] NextBytes(this Random random, int length, ReadOnlySpan<byte> favourites = default)
    {
        var bytes = new byte[length];
        random.NextBytes(bytes);
        for (var i = 0; i < length && favourites.Length > 0; i++)
        {
            if (random.Next(4) > 0) bytes[i] = favourites[random.Next(favourites.Length)];
        }

        return bytes;
    }

    /// <summary>One of the values.</summary>
    public static T Pick<T>(this Random random, params ReadOnlySpan<T> values) => values[random.Next(values.Length)];

    private static void CheckOnce(int seed, Action<Random> property)
    {
        try
        {
            property(new Random(seed));
        }
        catch (Exception e)
        {
            throw Failure(seed, e);
        }
    }

    private static XunitException Failure(int seed, Exception cause) =>
        new($"Failed for seed {seed}; FAIRLEAD_TEST_SEED={seed} repeats it first. {cause.GetType().Name}: {cause.Message}", cause);
}
