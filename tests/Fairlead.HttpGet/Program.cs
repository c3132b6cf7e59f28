// .NET's own client as its documentation's first example has it: a program of the tool matrix.
using var client = new HttpClient();
Console.Write(await client.GetStringAsync(new Uri(args[0])));
