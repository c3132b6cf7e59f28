#!/usr/bin/env python3
"""An HTTPS server that stands for api.datadoghq.com: it answers /api/v1/validate and writes down what it received.

usage: origin.py CERTIFICATE KEY RECEIVED    (prints its port)
"""
import http.server
import json
import ssl
import sys

certificate, key, received = sys.argv[1:4]


class Origin(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        with open(received, "a", encoding="utf-8") as log:
            log.write(f"{self.command} {self.path}\n")
            for name, value in self.headers.items():
                log.write(f"  {name}: {value}\n")
        valid = self.headers.get("DD-API-KEY") is not None
        body = json.dumps({"valid": valid}).encode() + b"\n"
        self.send_response(200 if valid else 403)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Origin)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(certificate, key)
server.socket = context.wrap_socket(server.socket, server_side=True)
print(server.server_address[1], flush=True)
server.serve_forever()
