"""Ours: the gateway decrypts, asks a policy of some rules, puts a credential in and writes the audit with its default guarantee."""
import os
import re
import shutil
import tempfile

from origin import HOST, KEY
from peers.peer import Peer
from processes import OUT, TOOLS, Failure, fill, free_port, write

TOKEN = "FAKE-bench-token"
RELAYS = {"aot": os.path.join(OUT, "aot", "fairlead"), "managed": os.path.join(OUT, "fairlead")}


class Fairlead(Peer):
    """A relay and a gateway, with TLS between them."""

    name, group, what = "fairlead", "C", "relay and gateway, wss between them: interception, policy, injected credential, audit"
    is_ours = True
    is_tls = True
    credentials = "[bench]"
    policy, passthrough = "bench", "[]"
    more_rules, more_sessions = (), ()
    relay_build = "aot"
    audit_in = TOOLS
    audit_of = None  # a directory with an audit that is continued
    # A warning of the gateway that is no news: it is about what the peer is for.
    expected = None

    def start(self):
        work, far = self.site.work, free_port()
        self.far = far
        # A request waits for the audit's disk, so the audit is on one: the work directory may be memory.
        os.makedirs(self.audit_in, exist_ok=True)
        self.audit = self.audit_of or tempfile.mkdtemp(prefix="fairlead-bench-audit-", dir=self.audit_in)
        config = write(f"{self.directory}/fairlead.yaml", fill(
            "fairlead.yaml", WORK=work, PORT=self.site.origin.port, HOST=HOST, AUDIT=f"{self.audit}/audit.jsonl", CREDENTIALS=self.credentials, POLICY=self.policy, PASSTHROUGH=self.passthrough,
            MORE_RULES="\n".join(f"      - {rule}" for rule in self.more_rules), MORE_SESSIONS="\n".join(f"  - {entry}" for entry in self.more_sessions),
            LISTEN=f"https://127.0.0.1:{far}" if self.is_tls else f"http://127.0.0.1:{far}",
            TLS=f"tls: {{ certificate: {work}/far.pem, key: {work}/far.key }}" if self.is_tls else ""))
        self.add("gateway", [f"{OUT}/fairlead-gateway", "serve", "--config", config], far, BENCH_API_KEY=KEY, BENCH_TOKEN=TOKEN)
        self.add_relay("relay", far)
        self.ca = f"{self.directory}/relay.bundle.pem" if self.injects else self.ca

    def add_relay(self, side, far):
        """One more relay of this gateway, reached at `port`."""
        token, self.port = f"{self.directory}/{side}.token", free_port()
        with open(token, "w", encoding="ascii", opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
            file.write(TOKEN)
        scheme = "https" if self.is_tls else "http"
        trust = {"FAIRLEAD_GATEWAY_CA": f"{self.site.work}/ca.pem"} if self.is_tls else {}
        self.add(side, [
            RELAYS[self.relay_build], "relay", "--gateway", f"{scheme}://127.0.0.1:{self.link(far)}", "--session-id", "bench", "--token-file", token,
            "--ca-bundle", f"{self.directory}/{side}.bundle.pem", "--state-dir", f"{self.directory}/{side}-state", "--max-tunnels", "8192", "--port", self.port,
            "--drain", "1",
        ], self.port, **trust)

    def stop(self):
        problems = super().stop()
        if hasattr(self, "audit"):
            self.audited = self.audited_requests()
            shutil.rmtree(self.audit, ignore_errors=True)
        return problems

    def audited_requests(self):
        try:
            with open(f"{self.audit}/audit.jsonl", "rb") as file:
                return sum(b'"type":"request"' in line for line in file)
        except FileNotFoundError:
            return 0

    def verify_end(self):
        if self.injects and self.audited != self.requests:
            raise Failure(f"the audit of {self.name} holds {self.audited} requests, but {self.requests} were made")
        return self.complaints()

    def complaints(self):
        """Lines of the logs that an operator should look at."""
        pattern = re.compile(r"warning:|error:|(?:\b(?:warn|fail|crit): )|Unhandled exception")
        found = []
        for server in self.servers.values():
            with open(server.log, encoding="utf-8", errors="replace") as file:
                found += [f"{server.name}: {line.strip()}" for line in file if pattern.search(line) and not (self.expected and self.expected in line)]
        return found[:3]


class FairleadWs(Fairlead):
    """Without TLS between the halves, for a network that is encrypted already."""

    name, what = "fairlead-ws", "the same, ws between relay and gateway"
    is_tls = False


class FairleadSplice(Fairlead):
    """For a host whose TLS the policy passes through: a tunnel with an audit."""

    name, group, what = "fairlead-splice", "T", "relay and gateway, wss, for a host whose TLS is passed through"
    injects = False
    credentials = "[]"
    policy, passthrough = "spliced", f"[{HOST}]"
    expected = "tls.passthrough"
