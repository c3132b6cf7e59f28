#!/usr/bin/env python3
"""./dev bench --start: how long `fairlead relay` takes from exec to listening, and what it holds when idle, in both builds. README.md has the table."""
import argparse
import http.server
import os
import statistics
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
from report import output_of, span  # noqa: E402
from processes import OUT  # noqa: E402

BUILDS = {"managed": os.path.join(OUT, "fairlead"), "ahead of time": os.path.join(OUT, "aot/fairlead")}
IDLE_SECONDS = 2.0


def serve_ca(folder):
    """A process that gives out a CA on loopback, as a gateway does; returns its address and id."""
    output_of("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=bench", "-keyout", f"{folder}/ca.key",
              "-out", f"{folder}/ca.pem", "-addext", "basicConstraints=critical,CA:TRUE")
    with open(f"{folder}/ca.pem", "rb") as file:
        pem = file.read()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Length", str(len(pem)))
            self.end_headers()
            self.wfile.write(pem)

        def log_message(self, format, *args):
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    pid = os.fork()
    if pid == 0:
        server.serve_forever()
    return f"http://127.0.0.1:{server.server_address[1]}", pid


def cpu_ms(pid):
    """What the threads that live have used."""
    total = 0
    for thread in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{thread}/schedstat", encoding="ascii") as file:
            total += int(file.read().split()[0])
    return total / 1e6


def start(program, gateway, folder, rests):
    """One start: milliseconds to listening, of them on a CPU, and MiB when idle if that is asked."""
    token = os.path.join(folder, "token")
    with open(token, "w", encoding="ascii", opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
        file.write("FAKE-bench-token\n")
    # A container's environment. A variable that bends the .NET runtime would make the build that is compiled ahead of time start twice, as the managed one always does.
    environment = {key: os.environ[key] for key in ("PATH", "LANG", "DOTNET_ROOT") if key in os.environ} | {
        "FAIRLEAD_GATEWAY": gateway, "FAIRLEAD_SESSION_ID": "bench", "FAIRLEAD_TOKEN_FILE": token, "HOME": folder}
    began = time.perf_counter()
    with subprocess.Popen([program, "relay"], env=environment, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as relay:
        line = relay.stderr.readline()
        took = time.perf_counter() - began
        try:
            if "the relay listens" not in line:
                sys.exit(f"bench: {program} did not start: {line}{relay.stderr.read()}")
            cpu = cpu_ms(relay.pid)
            if rests:
                time.sleep(IDLE_SECONDS)
            with open(f"/proc/{relay.pid}/status", encoding="ascii") as status:
                rss = next(int(text.split()[1]) for text in status if text.startswith("VmRSS:"))
        finally:
            relay.terminate()
    return took * 1000, cpu, rss / 1024 if rests else None


def main():
    parser = argparse.ArgumentParser(prog="./dev bench --start", description="How long fairlead relay takes from exec to listening, and what it holds when idle.")
    parser.add_argument("--starts", type=int, default=21, metavar="N", help="starts of each build (default: 21)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="fairlead-bench-") as folder:
        gateway, server = serve_ca(folder)
        try:
            figures = {name: [start(program, gateway, folder, rests=number % 5 == 0) for number in range(-1, options.starts)][1:] for name, program in BUILDS.items()}
        finally:
            os.kill(server, 9)
            os.waitpid(server, 0)
    print("| `fairlead relay` | " + " | ".join(figures) + " |\n|---|" + "---|" * len(figures))
    print("| exec to listening, ms | " + " | ".join(span([row[0] for row in rows], 1) for rows in figures.values()) + " |")
    print("| of that on a CPU, all threads, ms | " + " | ".join(span([row[1] for row in rows], 1) for rows in figures.values()) + " |")
    print(f"| RSS after {IDLE_SECONDS:.0f} s idle, MiB | " + " | ".join(span([row[2] for row in rows if row[2] is not None], 1) for rows in figures.values()) + " |")
    managed, native = (statistics.median(row[0] for row in rows) for rows in figures.values())
    print(f"\n{options.starts} starts each, median [min-max]; ahead of time is there {managed / native:.1f} x as fast")


if __name__ == "__main__":
    main()
