using Fairlead.EndToEnd.Harness;
using Fairlead.EndToEnd.Origins;

namespace Fairlead.EndToEnd.Matrix;

/// <summary>What programs use to speak HTTP, each as its documentation's first example has it.</summary>
internal static class ClientLibraryRows
{
    private static readonly string PrintGo = """
        package main

        import (
        	"io"
        	"net/http"
        	"os"
        )

        func main() {
        	response, err := http.Get(os.Args[1])
        	if err != nil {
        		panic(err)
        	}
        	io.Copy(os.Stdout, response.Body)
        }

        """;

    private static readonly string JavaHttpClient = """
        import java.net.URI;
        import java.net.http.*;

        public class Get {
            public static void main(String[] arguments) throws Exception {
                var request = HttpRequest.newBuilder(URI.create(arguments[0])).build();
                System.out.print(HttpClient.newHttpClient().send(request, HttpResponse.BodyHandlers.ofString()).body());
            }
        }
        """;

    private static readonly string JavaUrlConnection = """
        public class Get {
            public static void main(String[] arguments) throws Exception {
                new java.net.URL(arguments[0]).openConnection().getInputStream().transferTo(System.out);
                System.out.flush();
            }
        }
        """;

    public static IReadOnlyList<MatrixTool> All { get; } =
    [
        Get("Python urllib", "python3 --version", "python3", "-c", "import urllib.request as u; print(u.urlopen('https://HOST/hello.txt').read().decode())"),
        Get("Python requests", "python3 -c 'import requests; print(requests.__version__)'",
            "python3", "-c", "import requests; print(requests.get('https://HOST/hello.txt').text)"),
        Get("Python httpx", "python3 -c 'import httpx; print(httpx.__version__)'",
            "python3", "-c", "import httpx; print(httpx.get('https://HOST/hello.txt').text)"),
        Get("Python aiohttp, as it is", "python3 -c 'import aiohttp; print(aiohttp.__version__)'", "python3", "-c", Aiohttp("")) with
        {
            Cannot = "it reads no variable unless its session is made with `trust_env=True`",
        },
        Get("Python aiohttp", "python3 -c 'import aiohttp; print(aiohttp.__version__)'", "python3", "-c", Aiohttp("trust_env=True")) with
        {
            Job = "GET by a session made with `trust_env=True`, without which it reads no variable",
        },
        Get("Node.js https", "node --version", "node", "-e", "require('https').get('https://HOST/hello.txt', r => r.pipe(process.stdout))"),
        Get("Node.js fetch", "node --version", "node", "-e", "fetch('https://HOST/hello.txt').then(r => r.text()).then(console.log)"),
        Node("axios", "axios", "require('axios').get('https://HOST/hello.txt').then(r => console.log(r.data))"),
        Node("undici", "undici", "require('undici').request('https://HOST/hello.txt').then(r => r.body.text()).then(console.log)") with
        {
            Cannot = "the package reads no variable unless the program asks for its `EnvHttpProxyAgent`; Node.js's own `fetch` works",
        },
        Get("Java HttpClient", "java --version", "java", "Get.java", "https://HOST/hello.txt") with
        {
            Files = new Dictionary<string, string> { ["Get.java"] = JavaHttpClient },
        },
        Get("Java URLConnection", "java --version", "java", "Get.java", "https://HOST/hello.txt") with
        {
            Files = new Dictionary<string, string> { ["Get.java"] = JavaUrlConnection },
        },
        Get("Go net/http", "go version", "go", "run", "main.go", "https://HOST/hello.txt") with
        {
            Files = new Dictionary<string, string> { ["main.go"] = PrintGo },
        },
        Get(".NET HttpClient", "dotnet --list-runtimes", "dotnet", Repository.HttpGet, "https://HOST/hello.txt"),
        Get("Ruby net/http", "ruby --version", "ruby", "-rnet/http", "-e", "print Net::HTTP.get(URI('https://HOST/hello.txt'))") with
        {
            Cannot = "it reads `http_proxy` alone, also for https",
            Instead = "http_proxy=$https_proxy ruby -rnet/http -e \"print Net::HTTP.get(URI('https://HOST/hello.txt'))\"",
        },
        Get("Ruby open-uri", "ruby --version", "ruby", "-ropen-uri", "-e", "print URI.open('https://HOST/hello.txt').read"),
        Get("PHP curl", "php --version", "php", "-r", "$c = curl_init('https://HOST/hello.txt'); if (!curl_exec($c)) { fwrite(STDERR, curl_error($c)); exit(1); }"),
        Get("PHP streams", "php --version", "php", "-r", "if (readfile('https://HOST/hello.txt') === false) exit(1);") with
        {
            Cannot = "streams read no variable: the program gives the proxy in a stream context; the curl extension works",
        },
        Get("Perl LWP", "perl -MLWP -e 'print $LWP::VERSION'",
            "perl", "-MLWP::UserAgent", "-e", "my $r = LWP::UserAgent->new->get('https://HOST/hello.txt'); die $r->status_line unless $r->is_success; print $r->content"),
        Get("Perl HTTP::Tiny", "perl -MHTTP::Tiny -e 'print $HTTP::Tiny::VERSION'",
            "perl", "-MHTTP::Tiny", "-e", "my $r = HTTP::Tiny->new(verify_SSL => 1)->get('https://HOST/hello.txt'); die $r->{content} unless $r->{success}; print $r->{content}"),
    ];

    private static MatrixTool Get(string name, string version, params string[] command) =>
        new(name) { Job = "GET", Version = version, Command = command, Prints = FileTree.Hello.TrimEnd() };

    private static MatrixTool Node(string name, string package, string script) =>
        Get(name, $"node -p 'require(\"{package}/package.json\").version'", "node", "-e", script) with
        {
            Variables = new Dictionary<string, string> { ["NODE_PATH"] = Repository.NodeModules },
        };

    private static string Aiohttp(string options) => $"""
        import aiohttp, asyncio
        async def main():
            async with aiohttp.ClientSession({options}) as session:
                async with session.get('https://HOST/hello.txt') as response:
                    print(await response.text())
        asyncio.run(main())
        """;
}
