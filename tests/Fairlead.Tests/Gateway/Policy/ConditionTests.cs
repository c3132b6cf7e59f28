using System.Text;
using Fairlead.Gateway.Policy;
using Fairlead.Gateway.Review;
using Fairlead.Wire;

namespace Fairlead.Tests.Gateway.Policy;

public sealed class ConditionTests
{
    private const string Json = "application/json";

    [Theory]
    [InlineData("""{"query":"{ me { login } }"}""", "query")]
    [InlineData("""{"query":"query Q($a: [Int] = [1], $b: In = { x: {} }) @d(a: {b: 1}) { f(a: $a) }","variables":{"query":"mutation"}}""", "query")]
    [InlineData("""{"query":"mutation M { a }"}""", "mutation")]
    [InlineData("""{"query":"# mutation {\n query { a(s: \"} mutation { b }\") }"}""", "query")]
    [InlineData("""{"query":"query { a(s: \"\"\" } \\\"\"\" mutation { x } \"\"\") }"}""", "query")]
    [InlineData("""{"query":"fragment F on T { a } query { ...F } subscription S { b }"}""", "query,subscription")]
    [InlineData("""{"query":"query A { a } mutation B { b }","operationName":"A"}""", "query,mutation")]
    [InlineData("""[{"query":"{ a }"},{"query":"mutation { b }"}]""", "query,mutation")]
    [InlineData("""{"query":"\uFEFF,,query\t,{a}"}""", "query")]
    public void The_operations_of_a_GraphQL_document_are_found(string body, string types) =>
        Assert.Equal(types.Split(',').ToHashSet(), GraphQlBody.OperationTypes(Encoding.UTF8.GetBytes(body), Json)!.ToHashSet());

    [Theory]
    [InlineData("""{"query":"{ a }","query":"mutation { b }"}""")]
    [InlineData("""{"query":"{ a }","Query":"mutation { b }"}""")]
    [InlineData("""{"Query":"{ a }"}""")]
    [InlineData("""{"query":"{ a }","quer\u0079":"mutation { b }"}""")]
    [InlineData("""{"query":["{ a }"]}""")]
    [InlineData("""{"id":"stored","extensions":{}}""")]
    [InlineData("""{"query":"query { a } type T { x: Int }"}""")]
    [InlineData("""{"query":"query { a"}""")]
    [InlineData("""{"query":"query { a } }"}""")]
    [InlineData("""{"query":"query { a(s: \"open) }"}""")]
    [InlineData("""{"query":"query"}""")]
    [InlineData("""{"query":"{ a }"} {"query":"mutation { b }"}""")]
    [InlineData("""[{"query":"{ a }"},{"id":"stored"}]""")]
    [InlineData("""{"query":"{ a }","id":"stored"}""")]
    [InlineData("""{"query":"{ a }","doc_id":"1"}""")]
    [InlineData("""{"query":"{ a }","extensions":{"persistedQuery":{}}}""")]
    [InlineData("""{"query":"{ a }","extensions":"stored"}""")]
    [InlineData("""{"\ud800":1,"query":"{ a }"}""")]
    [InlineData("query { a }")]
    [InlineData("")]
    public void What_servers_could_read_differently_is_unclear(string body) => Assert.Null(GraphQlBody.OperationTypes(Encoding.UTF8.GetBytes(body), Json));

    [Fact]
    public void A_document_that_stands_alone_has_its_own_media_type()
    {
        Assert.Equal(["mutation"], GraphQlBody.OperationTypes("mutation { a }"u8.ToArray(), "application/graphql")!);
        Assert.Null(GraphQlBody.OperationTypes("""{"query":"{ a }"}"""u8.ToArray(), "multipart/form-data"));
        Assert.Null(GraphQlBody.OperationTypes("""{"query":"mutation { a }"}"""u8.ToArray(), "application/graphql"));
        Assert.Null(GraphQlBody.OperationTypes(""" [{"query":"mutation { a }"}]"""u8.ToArray(), "application/graphql"));
    }

    [Fact]
    public void Hostile_bodies_neither_crash_nor_pass() => Seeded.Check(2000, random =>
    {
        string[] parts = ["{", "}", "(", ")", "\"", "\"\"\"", "\\", "#", "\n", "query", "mutation", " ", "$", "@", "[", "]", "\"query\":", ",", "é", "\ud800"];
        var text = string.Concat(Enumerable.Range(0, random.Next(0, 30)).Select(_ => parts[random.Next(parts.Length)]));
        var types = GraphQlBody.OperationTypes(Encoding.UTF8.GetBytes(text), "application/graphql");
        _ = GraphQlBody.OperationTypes(Encoding.UTF8.GetBytes(text), Json);
        _ = JsonRpcBody.Methods(Encoding.UTF8.GetBytes(text), Json);

        // Nothing that holds the word outside strings and comments is taken for a query alone.
        if (types is not null && !text.Contains('"', StringComparison.Ordinal) && !text.Contains('#', StringComparison.Ordinal) && text.TrimStart().StartsWith("mutation", StringComparison.Ordinal)
            && !char.IsAsciiLetter(text.TrimStart().ElementAtOrDefault(8))) Assert.Contains("mutation", types);
    });

    [Theory]
    [InlineData("""{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"method":"x"}}""", "tools/call")]
    [InlineData("""[{"method":"tools/list"},{"method":"tools/call"}]""", "tools/list,tools/call")]
    [InlineData("""[]""", "")]
    [InlineData("""{"result":{}}""", null)]
    [InlineData("""{"method":"a","Method":"b"}""", null)]
    [InlineData("""[{"method":"a"},{"result":1}]""", null)]
    [InlineData("""{"method":1}""", null)]
    [InlineData("""{"\ud800":1,"method":"a"}""", null)]
    [InlineData("nonsense", null)]
    public void The_methods_of_a_JSON_RPC_body_are_found(string body, string? methods) =>
        Assert.Equal(methods?.Split(',', StringSplitOptions.RemoveEmptyEntries).ToHashSet(), JsonRpcBody.Methods(Encoding.UTF8.GetBytes(body), Json)?.ToHashSet());

    [Theory]
    [InlineData("""{"query":"{ a }"}""", true, false)]
    [InlineData("""{"query":"mutation { a }"}""", false, true)]
    [InlineData("""{"query":"query A { a } mutation B { b }"}""", false, true)] // partly: neither rule helps the request
    [InlineData("nonsense", false, true)]
    [InlineData("", false, false)]
    public void What_is_unclear_never_helps_a_request(string body, bool allowedAsQuery, bool deniedAsMutation)
    {
        var allow = Policy(Edge.RuleOf("allow POST api.test").When([new Condition.GraphQl(["query"])]));
        var deny = Policy(Edge.RuleOf("allow * api.test"), Edge.RuleOf("deny POST api.test").When([new Condition.GraphQl(["mutation"])]));

        Assert.Equal(allowedAsQuery, allow.Decide(Facts(body, "Content-Type: application/json; charset=utf-8")).LetsPass);
        Assert.Equal(deniedAsMutation, !deny.Decide(Facts(body, "Content-Type: application/json")).LetsPass);
    }

    [Theory]
    [InlineData("", true)]
    [InlineData("?", true)]
    [InlineData("?x=1", false)]
    [InlineData("?query=mutation{a}", false)]
    [InlineData("?qu%65ry=mutation{a}", false)]
    [InlineData("?+query=mutation{a}", false)]
    [InlineData("?a=1;query=mutation{a}", false)]
    [InlineData("?query[]=mutation{a}", false)]
    [InlineData("?mutation{a}", false)]
    public void A_query_makes_the_calls_of_a_body_unclear(string query, bool isClear)
    {
        var allow = Policy(Edge.RuleOf("allow POST api.test").When([new Condition.GraphQl(["query"])]));
        var deny = Policy(Edge.RuleOf("allow * api.test"), Edge.RuleOf("deny * api.test").When([new Condition.JsonRpc(["tools/call"])]));

        Assert.Equal(isClear, allow.Decide(Facts("""{"query":"{ a }"}""", "Content-Type: application/json", query)).LetsPass);
        Assert.Equal(isClear, deny.Decide(Facts("", null, query)).LetsPass);
    }

    [Theory]
    [InlineData("application/xml", false)]
    [InlineData("Application/XML; charset=utf-8", false)]
    [InlineData("application/xml;;", false)]
    [InlineData("application/xml, text/plain", false)]
    [InlineData("application/xml; charset=utf-8; =", false)]
    [InlineData("application/xml;charset=\"utf-8", false)]
    [InlineData("text/plain", true)]
    public void A_content_type_that_servers_read_differently_is_unclear(string type, bool passes)
    {
        var policy = Policy(Edge.RuleOf("allow * api.test"), Edge.RuleOf("deny * api.test").When([new Condition.ContentType(["application/xml"])]));

        Assert.Equal(passes, policy.Decide(Facts("", $"Content-Type: {type}")).LetsPass);
    }

    [Fact]
    public void Calls_under_another_media_type_are_unclear()
    {
        var policy = Policy(Edge.RuleOf("allow POST api.test").When([new Condition.JsonRpc(["tools/list"])]));

        Assert.True(policy.Decide(Facts("""{"method":"tools/list"}""", "Content-Type: application/vnd.x+json")).LetsPass);
        Assert.False(policy.Decide(Facts("""{"method":"tools/list","x":"&method=tools/call&"}""", "Content-Type: application/x-www-form-urlencoded")).LetsPass);
        Assert.False(policy.Decide(Facts("""{"method":"tools/list"}""")).LetsPass);
    }

    [Fact]
    public void A_websocket_may_carry_anything()
    {
        foreach (Condition condition in (Condition[])[new Condition.GraphQl(["mutation"]), new Condition.JsonRpc(["tools/call"]), new Condition.LargerThan(10)])
        {
            var policy = Policy(Edge.RuleOf("allow * api.test"), Edge.RuleOf("deny * api.test").When([condition]));
            Assert.True(policy.Decide(Facts("")).LetsPass);
            Assert.False(policy.Decide(Facts("", "Upgrade: websocket")).LetsPass);
        }
    }

    [Fact]
    public void Without_the_details_a_condition_is_unclear()
    {
        var policy = Policy(Edge.RuleOf("allow POST api.test"), Edge.RuleOf("deny POST api.test").When([new Condition.HasHeader(["X-Debug"])]));
        var facts = Facts("", "X-Debug: 1");

        Assert.False(policy.Decide(facts).LetsPass);
        Assert.Equal("deny POST api.test when header: X-Debug", policy.Decide(facts).Rule);
        Assert.True(policy.Decide(Facts("")).LetsPass);
        Assert.False(policy.Decide(facts with { Details = null }).LetsPass);
        Assert.True(policy.HasConditionsFor(facts));
        Assert.False(policy.HasConditionsFor(facts with { Method = "GET" }));
        Assert.False(policy.NeedsBodyOf(facts));
    }

    [Theory]
    [InlineData("X-Debug: 1", false, true)]
    [InlineData("x-debug: 1", false, true)]
    [InlineData("X_Debug: 1", false, false)]
    [InlineData("X.Debug: 1", false, false)]
    [InlineData("X-Other: 1", true, false)]
    public void A_header_that_only_some_servers_take_for_another_never_helps(string header, bool passesDenial, bool passesAllowance)
    {
        Condition[] condition = [new Condition.HasHeader(["X-First", "X-Debug"])];

        Assert.Equal(passesDenial, Policy(Edge.RuleOf("allow POST api.test"), Edge.RuleOf("deny POST api.test").When(condition)).Decide(Facts("", header)).LetsPass);
        Assert.Equal(passesAllowance, Policy(Edge.RuleOf("allow POST api.test").When(condition)).Decide(Facts("", header)).LetsPass);
    }

    [Theory]
    [InlineData("", true)]
    [InlineData("X-Ok", false)]
    [InlineData("a, x-ok", false)]
    [InlineData("Content-Type", false)]
    public void What_the_upstream_does_not_get_counts_as_absent(string connection, bool passes)
    {
        var request = new Microsoft.AspNetCore.Http.DefaultHttpContext().Request;
        (request.Method, request.Headers["X-Ok"], request.ContentType, request.Headers.Connection) = ("POST", "1", Json, connection);
        var policy = Policy(Edge.RuleOf("allow POST api.test").When([new Condition.HasHeader(["X-Ok"]), new Condition.ContentType([Json])]));

        Assert.Equal(passes, policy.Decide(Facts("") with { Details = new Fairlead.Gateway.HttpRequestDetails(request, hasQuery: false) }).LetsPass);
    }

    [Fact]
    public void All_conditions_must_hold()
    {
        var policy = Policy(Edge.RuleOf("allow POST api.test").When([new Condition.ContentType([Json, "text/plain"]), new Condition.LargerThan(3)]));

        Assert.True(policy.Decide(Facts("long", "Content-Type: Text/Plain; x=1")).LetsPass);
        Assert.False(policy.Decide(Facts("abc", "Content-Type: text/plain")).LetsPass);
        Assert.False(policy.Decide(Facts("long", "Content-Type: text/html")).LetsPass);
        Assert.False(policy.Decide(Facts("long")).LetsPass);
    }

    private static RuleSet Policy(params Rule[] rules) => new("p", PolicyMode.Enforce, Verdict.Deny, rules);

    private static RequestFacts Facts(string body, string? header = null, string query = "")
    {
        Assert.True(HostPort.TryParse("api.test:443", out var destination, out _));
        return new RequestFacts("POST", destination, "/x", new StatedDetails("https://api.test/x" + query, header is null ? [] : [header], body));
    }
}
