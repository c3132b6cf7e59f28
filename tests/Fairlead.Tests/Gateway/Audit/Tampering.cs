using System.Text;

namespace Fairlead.Tests.Gateway.Audit;

/// <summary>What somebody could do to the files of an audit.</summary>
internal static class Tampering
{
    /// <returns>What was done.</returns>
    public static string Do(Random random, string[] files)
    {
        var file = random.Pick<string>(files);
        var lines = File.ReadAllLines(file, Encoding.Latin1).ToList();
        var at = random.Next(lines.Count);
        var name = $"{Path.GetFileName(file)}:{at + 1}";
        switch (random.Next(9))
        {
            case 0:
                var bytes = File.ReadAllBytes(file);
                // The last line feed of a file may go.
                var place = random.Next(bytes.Length - 1);
                bytes[place] ^= (byte)(1 << random.Next(8));
                File.WriteAllBytes(file, bytes);
                return $"{Path.GetFileName(file)}: byte {place} changed";
            case 1:
                lines.RemoveAt(at);
                File.WriteAllLines(file, lines, Encoding.Latin1);
                return $"{name} removed";
            case 2:
                lines.Insert(random.Next(lines.Count + 1), lines[at]);
                File.WriteAllLines(file, lines, Encoding.Latin1);
                return $"{name} repeated";
            case 3:
                var other = (at + 1 + random.Next(lines.Count - 1)) % lines.Count;
                (lines[at], lines[other]) = (lines[other], lines[at]);
                File.WriteAllLines(file, lines, Encoding.Latin1);
                return $"{name} and {other + 1} swapped";
            case 4:
                File.AppendAllText(file, lines[at] + "\n");
                return $"{name} appended";
            case 5:
                File.Delete(file);
                return $"{name} removed with its file";
            case 6:
                var length = new FileInfo(file).Length;
                using (var stream = File.OpenWrite(file)) stream.SetLength(random.Next((int)length - 1));
                return $"{name} cut";
            case 7:
                var second = files[(Array.IndexOf(files, file) + 1 + random.Next(files.Length - 1)) % files.Length];
                var (first, others) = (File.ReadAllText(file), File.ReadAllText(second));
                File.WriteAllText(file, first + others);
                return $"{Path.GetFileName(second)} behind {Path.GetFileName(file)} in one file, too";
            default:
                File.AppendAllText(file, """{"made":"up"}""" + "\n");
                return $"{Path.GetFileName(file)}: a foreign line at its end";
        }
    }
}
