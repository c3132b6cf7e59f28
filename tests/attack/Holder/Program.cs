using System.Runtime.InteropServices;
using Fairlead.Attack.Holder;

// Holds a token as carelessly as can be: in a string, in the command line and the environment, in a file that it keeps open, and in what it says.
using var file = new FileStream(args[0], FileMode.Open, FileAccess.Read);
using var reader = new StreamReader(file, leaveOpen: true);
var token = reader.ReadToEnd().Trim();
Console.WriteLine(token);
File.WriteAllText(args[1], $"holds {token.Length} characters\n");

var ended = new TaskCompletionSource();
using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, context =>
{
    context.Cancel = true;
    ended.SetResult();
});
while (!ended.Task.IsCompleted)
{
    HolderEvents.Log.Token(token);
    await Task.WhenAny(ended.Task, Task.Delay(50));
}
