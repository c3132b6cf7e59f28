// java JavaClient.java URL: both of Java's clients, with no word of a proxy or a trust store.
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;

class JavaClient {
    public static void main(String[] arguments) throws Exception {
        var url = URI.create(arguments[0]);
        try (var old = url.toURL().openStream()) {
            System.out.println(new String(old.readAllBytes()));
        }
        var answer = HttpClient.newHttpClient().send(HttpRequest.newBuilder(url).build(), HttpResponse.BodyHandlers.ofString());
        System.out.println(answer.body());
    }
}
