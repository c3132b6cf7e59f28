using Fairlead.Gateway.Signing;

namespace Fairlead.Tests.Gateway.Signing;

public sealed class AwsScopeTests
{
    [Theory]
    [InlineData("dynamodb.eu-central-1.amazonaws.com", "eu-central-1", "dynamodb")]
    [InlineData("bucket.with.dots.s3.us-east-2.amazonaws.com", "us-east-2", "s3")]
    [InlineData("s3.dualstack.us-gov-west-1.amazonaws.com", "us-gov-west-1", "s3")]
    [InlineData("bucket.s3.amazonaws.com", "us-east-1", "s3")]
    [InlineData("s3-eu-west-1.amazonaws.com", "eu-west-1", "s3")]
    [InlineData("sts.amazonaws.com", "us-east-1", "sts")]
    [InlineData("kms-fips.us-west-2.amazonaws.com", "us-west-2", "kms")]
    [InlineData("bedrock-runtime.eu-west-3.amazonaws.com", "eu-west-3", "bedrock")]
    [InlineData("abc123.execute-api.ap-southeast-2.amazonaws.com", "ap-southeast-2", "execute-api")]
    [InlineData("sqs.cn-north-1.amazonaws.com.cn", "cn-north-1", "sqs")]
    [InlineData("lambda.eu-west-1.api.aws", "eu-west-1", "lambda")]
    public void The_name_of_an_endpoint_says_region_and_service(string host, string region, string service) =>
        Assert.Equal(new AwsScope(region, service), AwsScope.OfHost(host));

    [Theory]
    [InlineData("api.test")]
    [InlineData("something.amazonaws.com")]
    [InlineData("eu-west-1.amazonaws.com")]
    [InlineData("amazonaws.com")]
    [InlineData("s3.eu-west-1.amazonaws.com.evil.test")]
    public void A_name_that_does_not_say_both_says_nothing(string host) => Assert.Null(AwsScope.OfHost(host));
}
