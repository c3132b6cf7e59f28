"""Uploads a body whose chunks, and trailers, are signed by a key that opens nothing, as some SDKs do. URL and variables as the AWS tools have them."""
import http.client, os, ssl, sys, urllib.parse

kind, url = sys.argv[1:]
fake = "0" * 64
data = os.urandom(150_000).hex().encode()
body = b""
for at in range(0, len(data), 65536):
    chunk = data[at:at + 65536]
    body += b"%x;chunk-signature=%s\r\n%s\r\n" % (len(chunk), fake.encode(), chunk)
body += b"0;chunk-signature=%s\r\n" % fake.encode()
if kind == "-TRAILER":
    body += b"x-amz-checksum-crc32:AAAAAA==\r\nx-amz-trailer-signature:%s\r\n" % fake.encode()
body += b"\r\n"
target, proxy = urllib.parse.urlsplit(url), urllib.parse.urlsplit(os.environ["HTTPS_PROXY"])
context = ssl.create_default_context(cafile=os.environ["SSL_CERT_FILE"])


def ask(method, body=None, headers={}):
    connection = http.client.HTTPSConnection(proxy.hostname, proxy.port, context=context)
    connection.set_tunnel(target.hostname, 443)
    authorization = "AWS4-HMAC-SHA256 Credential=FAKE/20200101/us-east-1/s3/aws4_request, SignedHeaders=host;x-amz-date, Signature=" + fake
    connection.request(method, target.path, body, {"Authorization": authorization, "X-Amz-Date": "20200101T000000Z", **headers})
    answer = connection.getresponse()
    return answer.status, answer.read()


put = ask("PUT", body, {"Content-Encoding": "aws-chunked", "X-Amz-Decoded-Content-Length": str(len(data)), "X-Amz-Content-Sha256": "STREAMING-AWS4-HMAC-SHA256-PAYLOAD" + kind})
got = ask("GET")
print(put[0] if put[0] != 200 else "", put[1].decode() if put[0] != 200 else "", got[0], got[1] == data)
