"""As much of a gateway as a relay needs to start and to use its token: it gives out a CA and refuses every tunnel."""
import http.server
import socket
import subprocess
import threading


class Gateway:
    def __init__(self, folder):
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=fairlead attack", "-keyout", f"{folder}/ca.key",
             "-out", f"{folder}/ca.pem", "-addext", "basicConstraints=critical,CA:TRUE"], check=True, capture_output=True)
        with open(f"{folder}/ca.pem", "rb") as file:
            pem = file.read()

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                is_ca = self.path.endswith("/ca-cert")
                self.send_response(200 if is_ca else 401)
                self.send_header("Content-Length", str(len(pem) if is_ca else 0))
                self.end_headers()
                self.wfile.write(pem if is_ca else b"")

            def log_message(self, format, *args):
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self):
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()

    @staticmethod
    def use(environment_file):
        """Asks the relay for a tunnel, so that it sends its token and the buffers for that are used."""
        with open(environment_file, encoding="utf-8") as file:
            port = next(line for line in file if line.startswith("HTTPS_PROXY=")).rstrip().rsplit(":", 1)[1]
        with socket.create_connection(("127.0.0.1", int(port)), timeout=15) as tool:
            tool.sendall(b"CONNECT attacked.test:443 HTTP/1.1\r\n\r\n")
            answer = tool.recv(1 << 16)
            if not answer.startswith(b"HTTP/1.1 502 "):
                raise RuntimeError(f"expected 502 from the relay, got {answer[:200]!r}")
