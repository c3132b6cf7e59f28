"""An object store and a JSON service that take nothing but what is signed by AWS Signature Version 4, as botocore computes it. Prints its port."""
import hashlib, hmac, json, re, ssl, sys, threading, urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

try:
    import awscli.botocore.crt.auth  # before the next: the two import each other
    from awscli.botocore.auth import S3SigV4Auth, SigV4Auth
    from awscli.botocore.awsrequest import AWSRequest
    from awscli.botocore.credentials import Credentials
except ImportError:
    from botocore.auth import S3SigV4Auth, SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

KEY_ID, SECRET, TOKEN = sys.argv[2:5]
EMPTY = hashlib.sha256(b"").hexdigest()
objects, uploads, lock = {}, {}, threading.Lock()


class Refused(Exception):
    pass


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def serve(self):
        try:
            body = self.body()
            service, signature, scope = self.verify(body)
            data = self.content(body, signature, scope)
            status, kind, answer, more = self.dynamo(data) if service != "s3" else self.store(data)
        except Refused as e:
            status, kind, answer, more = 403, "application/xml", b"<Error><Code>SignatureDoesNotMatch</Code><Message>%s</Message></Error>" % str(e).encode(), {}
        self.send_response(status)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(answer)), **more}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer)

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = serve

    def log_message(self, *_):
        pass

    def body(self):
        if self.headers.get("Transfer-Encoding"):
            data = b""
            while size := int(self.rfile.readline(), 16):
                data += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return data
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def verify(self, body):
        if len(self.headers.get_all("Authorization", [])) != 1:
            raise Refused("one Authorization")
        match = re.fullmatch(r"AWS4-HMAC-SHA256 Credential=([^/]+)/(\d+)/([^/]+)/([^/]+)/aws4_request, SignedHeaders=([^,]+), Signature=(\w+)", self.headers["Authorization"])
        if not match or match[1] != KEY_ID:
            raise Refused("the key is not ours")
        if self.headers.get("X-Amz-Security-Token") != (TOKEN or None):
            raise Refused("the session token")
        if "x-amz-signature" in self.path.lower():
            raise Refused("two signatures")
        signed = match[5].split(";")
        for name in self.headers:
            if name.lower().startswith("x-amz-") and name.lower() not in signed:
                raise Refused(name + " is not signed")
        request = AWSRequest(method=self.command, url="https://" + self.headers["Host"] + self.path, data=body)
        for name in signed:
            request.headers[name] = ", ".join(self.headers.get_all(name))
        request.context["timestamp"] = self.headers["X-Amz-Date"]
        auth = (S3SigV4Auth if match[4] == "s3" else SigV4Auth)(Credentials(KEY_ID, SECRET), match[4], match[3])
        expected = auth.signature(auth.string_to_sign(request, auth.canonical_request(request)), request)
        if expected != match[6]:
            raise Refused("the signature of " + auth.canonical_request(request))
        stated = self.headers.get("X-Amz-Content-Sha256")
        if match[4] == "s3" and not stated:
            raise Refused("no hash")
        if stated and re.fullmatch("[0-9a-f]{64}", stated) and stated != hashlib.sha256(body).hexdigest():
            raise Refused("the hash of the body")
        return match[4], match[6], match.group(2, 3, 4)

    def content(self, body, signature, scope):
        """Undoes aws-chunked, and checks the chain of its signatures."""
        stated = self.headers.get("X-Amz-Content-Sha256", "")
        if not stated.startswith("STREAMING-"):
            return body
        key = ("AWS4" + SECRET).encode()
        for part in (*scope, "aws4_request"):
            key = hmac.new(key, part.encode(), hashlib.sha256).digest()

        def sign(kind, *lines):
            text = "\n".join(["AWS4-HMAC-SHA256-" + kind, self.headers["X-Amz-Date"], "/".join((*scope, "aws4_request")), signature, *lines])
            return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()

        data, rest, is_signed = b"", body, "UNSIGNED" not in stated
        while True:
            line, rest = rest.split(b"\r\n", 1)
            size, _, given = line.decode().partition(";chunk-signature=")
            chunk, rest = rest[: int(size, 16)], rest[int(size, 16):]
            if is_signed:
                signature_ = sign("PAYLOAD", EMPTY, hashlib.sha256(chunk).hexdigest())
                if given != signature_:
                    raise Refused("the signature of a chunk")
                signature = signature_
            data += chunk
            if not chunk:
                break
            rest = rest[2:]
        if is_signed and stated.endswith("-TRAILER"):
            trailers, _, given = rest.partition(b"x-amz-trailer-signature:")
            if given.strip().decode() != sign("TRAILER", hashlib.sha256(trailers.replace(b"\r\n", b"\n")).hexdigest()):
                raise Refused("the signature of the trailers")
        if len(data) != int(self.headers["X-Amz-Decoded-Content-Length"]):
            raise Refused("the length")
        return data

    def dynamo(self, data):
        return 200, "application/x-amz-json-1.0", json.dumps({"TableNames": [self.headers.get("X-Amz-Target", "")] + sorted(json.loads(data))}).encode(), {}

    def store(self, data):
        url = urllib.parse.urlsplit(self.path)
        query = dict(urllib.parse.parse_qsl(url.query, keep_blank_values=True))
        key = urllib.parse.unquote(url.path)
        etag = {"ETag": '"%s"' % hashlib.md5(data).hexdigest()}
        with lock:
            if self.command == "POST" and "uploads" in query:
                uploads["u%d" % len(uploads)] = {}
                return self.xml("InitiateMultipartUploadResult", "<UploadId>u%d</UploadId>" % (len(uploads) - 1))
            if self.command == "POST" and "uploadId" in query:
                objects[key] = b"".join(part for _, part in sorted(uploads.pop(query["uploadId"]).items()))
                return self.xml("CompleteMultipartUploadResult", '<ETag>"done"</ETag>')
            if self.command == "PUT" and "uploadId" in query:
                uploads[query["uploadId"]][int(query["partNumber"])] = data
                return 200, "text/plain", b"", etag
            if self.command == "PUT":
                objects[key] = data
                return 200, "text/plain", b"", etag
            if self.command == "DELETE":
                objects.pop(key, None)
                return 204, "text/plain", b"", {}
            if key.count("/") < 2 or key.endswith("/") and key.count("/") == 2:
                bucket = "/" + key.strip("/") + "/"
                names = [name[len(bucket):] for name in sorted(objects) if name.startswith(bucket) and name[len(bucket):].startswith(query.get("prefix", ""))]
                return self.xml("ListBucketResult", "<IsTruncated>false</IsTruncated><KeyCount>%d</KeyCount>" % len(names) + "".join(
                    "<Contents><Key>%s</Key><LastModified>2024-01-01T00:00:00.000Z</LastModified><Size>%d</Size></Contents>" % (name.replace("&", "&amp;"), len(objects[bucket + name])) for name in names))
            if key not in objects:
                return 404, "application/xml", b"<Error><Code>NoSuchKey</Code></Error>", {}
            found = objects[key]
            more = {"ETag": '"whole"', "Last-Modified": "Mon, 01 Jan 2024 00:00:00 GMT"}
            if wanted := re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", "")):
                first, last = int(wanted[1]), min(int(wanted[2] or len(found) - 1), len(found) - 1)
                return 206, "text/plain", found[first:last + 1], {**more, "Content-Range": "bytes %d-%d/%d" % (first, last, len(found))}
            return 200, "text/plain", found, more

    def xml(self, name, inner):
        return 200, "application/xml", ('<?xml version="1.0" encoding="UTF-8"?><%s xmlns="http://s3.amazonaws.com/doc/2006-03-01/">%s</%s>' % (name, inner, name)).encode(), {}


server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
server.daemon_threads = True
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[1])
server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
print("port", server.server_address[1], flush=True)
server.serve_forever()
