"""The processes that ./dev bench measures: the origin, and pairs of relay and gateway. Each is started on a free port and ended by its pid."""
import os
import re
import socket
import subprocess
import time

HOST = "origin.bench.test"
# Marked as fake for scanners and readers: no real key begins like this.
KEY = "FAKE-bench-key"
TOKEN = "FAKE-bench-token"
START_LIMIT = 30.0
END_LIMIT = 20.0
TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
HERE = os.path.dirname(os.path.abspath(__file__))
OUT = os.path.join(os.path.dirname(HERE), "out")
# What would send our own processes through a proxy, or configure them from outside.
FOREIGN = re.compile(r"(?i)^(https?_proxy|all_proxy|no_proxy|ssl_cert_(file|dir)|sslkeylogfile|fairlead_.*|ccr_.*|claude_code_.*|anthropic_.*|aspnetcore_.*)$")


class Failure(Exception):
    """A step that failed, in a sentence for the reader."""


def fill(template, **words):
    """The text of a file beside this one, with its @WORDS@ replaced."""
    with open(os.path.join(HERE, template), encoding="utf-8") as file:
        text = file.read()
    for name, value in words.items():
        text = text.replace(f"@{name}@", str(value))
    return text


def write(path, text):
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def tail(path, lines=15):
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return "".join(file.readlines()[-lines:])
    except FileNotFoundError:
        return ""


class Server:
    """A process of ours, its log, and what it uses."""

    def __init__(self, name, command, log, **environment):
        self.name, self.log = name, log
        clean = {key: value for key, value in os.environ.items() if not FOREIGN.match(key)}
        with open(log, "w", encoding="utf-8") as output:
            self.process = subprocess.Popen(command, env=clean | environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True)

    def wait_for(self, what):
        """Calls what() until it gives something, and returns that."""
        limit = time.monotonic() + START_LIMIT
        while time.monotonic() < limit:
            self.check()
            if found := what():
                return found
            time.sleep(0.01)
        raise Failure(f"{self.name} did not start within {START_LIMIT:.0f} s\n{tail(self.log)}")

    def check(self):
        if (code := self.process.poll()) is not None:
            raise Failure(f"{self.name} ended with {code}\n{tail(self.log)}")

    def stop(self):
        """Returns None, or what was wrong with its end."""
        if self.process.poll() is not None:
            return f"{self.name} ended by itself with {self.process.returncode}"
        self.process.terminate()
        try:
            code = self.process.wait(END_LIMIT)
            return None if code == 0 else f"{self.name} ended with {code} on SIGTERM"
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            return f"{self.name} did not end within {END_LIMIT:.0f} s of SIGTERM"

    def pids(self):
        """The process and its children: nginx works in children."""
        pid = self.process.pid
        try:
            with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
                return [pid, *map(int, file.read().split())]
        except FileNotFoundError:
            return [pid]

    def cpu(self):
        """User and system seconds so far."""
        self.check()
        total = 0
        for pid in self.pids():
            with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
                fields = file.read().rpartition(")")[2].split()
            total += int(fields[11]) + int(fields[12])
        return total / TICKS_PER_SECOND

    def memory(self):
        """Resident and proportional KiB; the latter None where this user may not see it, as our programs keep their memory private."""
        self.check()
        rss = pss = None
        try:
            with open(f"/proc/{self.process.pid}/smaps_rollup", encoding="ascii") as file:
                for line in file:
                    if line.startswith("Rss:"):
                        rss = int(line.split()[1])
                    elif line.startswith("Pss:"):
                        pss = int(line.split()[1])
        except PermissionError:
            with open(f"/proc/{self.process.pid}/status", encoding="utf-8") as file:
                rss = next(int(line.split()[1]) for line in file if line.startswith("VmRSS:"))
        return {"rss": rss, "pss": pss}

    def descriptors(self):
        """How many files and sockets are open; None where this user may not see it."""
        self.check()
        try:
            return len(os.listdir(f"/proc/{self.process.pid}/fd"))
        except PermissionError:
            return None


class Origin(Server):
    """nginx with a certificate of a CA of its own. Work holds www/ and the certificates."""

    def __init__(self, work):
        make_certificates(work)
        # nginx cannot be asked to choose a port; another program may take a free one between asking and binding.
        for attempt in range(3):
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", 0))
                self.port = probe.getsockname()[1]
            user = "user root;\n" if os.getuid() == 0 else ""
            write(f"{work}/nginx.conf", user + fill("nginx.conf", WORK=work, PORT=self.port, HOST=HOST, KEY=KEY))
            super().__init__("the origin (nginx)", ["nginx", "-e", f"{work}/nginx.log", "-c", f"{work}/nginx.conf"], f"{work}/nginx.out")
            try:
                self.wait_for(self.answers)
                return
            except Failure as failure:
                self.stop()
                if attempt == 2 or "in use" not in tail(f"{work}/nginx.log"):
                    raise Failure(f"{failure}{tail(f'{work}/nginx.log')}") from None
            except BaseException:
                self.stop()
                raise

    def answers(self):
        with socket.socket() as client:
            return client.connect_ex(("127.0.0.1", self.port)) == 0


def make_certificates(work):
    """A CA, and what it signed: the origin's certificate, and the gateway's for wss."""

    def openssl(*arguments):
        done = subprocess.run(["openssl", *arguments], capture_output=True, text=True, check=False)
        if done.returncode:
            raise Failure(f"openssl {arguments[0]} failed: {done.stderr.strip()}")

    new_key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    openssl("req", "-x509", *new_key, "-days", "2", "-subj", "/CN=Bench CA", "-keyout", f"{work}/ca.key", "-out", f"{work}/ca.pem")
    for name, alternative in (("origin", f"DNS:{HOST}"), ("gateway", "IP:127.0.0.1")):
        write(f"{work}/{name}.ext", f"subjectAltName={alternative}\nextendedKeyUsage=serverAuth\n")
        openssl("req", *new_key, "-subj", f"/CN={name}", "-keyout", f"{work}/{name}.key", "-out", f"{work}/{name}.csr")
        openssl("x509", "-req", "-in", f"{work}/{name}.csr", "-CA", f"{work}/ca.pem", "-CAkey", f"{work}/ca.key", "-days", "1", "-CAcreateserial",
                "-extfile", f"{work}/{name}.ext", "-out", f"{work}/{name}.pem")


class Pair:
    """A gateway and a relay that uses it, over ws or wss, in a directory of their own."""

    def __init__(self, scheme, work, directory, origin_port):
        self.scheme, self.directory = scheme, directory
        self.requests = 0
        self.gateway = self.relay = None
        os.mkdir(directory)
        is_tls = scheme == "wss"
        write(f"{directory}/fairlead.yaml", fill(
            "fairlead.yaml", WORK=work, PORT=origin_port, HOST=HOST,
            LISTEN="https://127.0.0.1:0" if is_tls else "http://127.0.0.1:0",
            TLS=f"tls: {{ certificate: {work}/gateway.pem, key: {work}/gateway.key }}" if is_tls else ""))
        write(f"{directory}/token", TOKEN)
        os.chmod(f"{directory}/token", 0o600)
        try:
            self.gateway = Server(f"the gateway ({scheme})", [f"{OUT}/fairlead-gateway", "serve", "--config", f"{directory}/fairlead.yaml"],
                                  f"{directory}/gateway.log", BENCH_API_KEY=KEY, BENCH_TOKEN=TOKEN)
            address = self.gateway.wait_for(lambda: re.search(r"^listening on (\S+)\n", tail(self.gateway.log), re.M))[1]
            self.relay = Server(f"the relay ({scheme})", [
                f"{OUT}/fairlead", "relay", "--gateway", address, "--session-id", "bench", "--token-file", f"{directory}/token",
                "--ca-bundle", f"{directory}/bundle.pem", "--state-dir", f"{directory}/state", "--max-tunnels", "4096",
            ], f"{directory}/relay.log", **({"FAIRLEAD_GATEWAY_CA": f"{work}/ca.pem"} if is_tls else {}))
            self.proxy = self.relay.wait_for(lambda: re.search(r"HTTPS_PROXY='http://([^']+)'", tail(f"{directory}/state/relay.env", lines=100)))[1]
        except BaseException:
            self.stop()
            raise

    def servers(self):
        return {name: server for name, server in (("relay", self.relay), ("gateway", self.gateway)) if server}

    def stop(self):
        """Returns what was wrong with their ends, relay first."""
        return [problem for server in self.servers().values() if (problem := server.stop())]

    def complaints(self):
        """Lines of the logs that an operator should look at."""
        pattern = re.compile(r"warning:|error:|(?:\b(?:warn|fail|crit): )|Unhandled exception")
        found = []
        for server in self.servers().values():
            with open(server.log, encoding="utf-8", errors="replace") as file:
                found += [f"{server.name}: {line.strip()}" for line in file if pattern.search(line)]
        return found

    def audited_requests(self):
        with open(f"{self.directory}/audit.jsonl", "rb") as file:
            return sum(b'"type":"request"' in line for line in file)
