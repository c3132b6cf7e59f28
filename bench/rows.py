"""What is done to a peer, and what is measured around it."""
import filecmp
import json
import os
import subprocess
import time

from processes import TOOLS, Failure, busy_seconds, tail

CLIENT_LIMIT = 300.0
MIB = 1024 * 1024
# Rows by group, in the order in which they are run. Each round first starts a peer ("start"), then holds tunnels ("idle"), then takes turns.
GROUPS = {
    "start": ["start"],
    "idle": ["idle"],
    "bulk": ["download", "upload"],
    "tunnel": ["sequential", "parallel"],
    "requests": ["keepalive-1", "keepalive-32", "h2"],
    "distance": ["rtt-20", "rtt-80"],
}
ROWS = [row for rows in GROUPS.values() for row in rows]


class Rows:
    """One run's sizes and figures."""

    def __init__(self, work, sizes):
        self.work, self.sizes = work, sizes
        self.measured, self.notes = [], []

    # ---- the load client ----

    def load(self, peer, mode, path, *options):
        """Runs the client to its end and returns its figures."""
        command = [f"{TOOLS}/load", mode, "--path", path, *map(str, [*peer.client_options(), *options])]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=CLIENT_LIMIT, check=False)
        except subprocess.TimeoutExpired:
            raise self.failed(peer, mode, f"the load client did not end within {CLIENT_LIMIT:.0f} s") from None
        if done.returncode:
            raise self.failed(peer, mode, done.stderr.strip())
        figures = json.loads(done.stdout)
        peer.requests += figures["requests"]
        return figures

    @staticmethod
    def failed(peer, mode, why):
        logs = "".join(f"\n-- log of {server.name}\n{text}" for server in peer.servers.values() if (text := tail(server.log)))
        return Failure(f"{mode} over {peer.name} failed: {why}{logs}")

    # ---- what is around a measurement ----

    @staticmethod
    def settle(peer):
        """Waits until what was measured has nothing left to do, so that its CPU counts and the next step starts quiet."""
        servers = [peer.site.origin, *peer.servers.values()]
        limit = time.monotonic() + 3
        while time.monotonic() < limit:
            before = sum(server.cpu() for server in servers)
            time.sleep(0.1)
            if sum(server.cpu() for server in servers) - before <= 0.01:
                return

    def measure(self, where, row, peer, action):
        """Runs action() and records its figures with the CPU that each process used and what the rest of the machine did meanwhile."""
        servers = {"origin": peer.site.origin, **peer.servers}
        around = list(peer.around)
        self.settle(peer)
        before = {name: server.cpu() for name, server in servers.items()}
        machine, started, links = busy_seconds(), time.monotonic(), sum(server.cpu() for server in around)
        figures = action()
        took = time.monotonic() - started
        machine = busy_seconds() - machine
        at_end = {name: server.cpu() for name, server in servers.items()}
        links = sum(server.cpu() for server in around) - links
        self.settle(peer)
        figures["cpu"] = {name: round(server.cpu() - before[name], 3) for name, server in servers.items()}
        known = sum(at_end[name] - before[name] for name in servers) + figures.get("client_cpu", 0) + links
        figures["other_cores"] = round(max(0.0, machine - known) / took, 3)
        self.measured.append({**where, "row": row, "peer": peer.name, **figures})

    # ---- the rows that take turns ----

    def action(self, row):
        """What is done for a row, as a function of the peer."""
        seconds = ("--seconds", self.sizes.seconds)
        return {
            "download": lambda peer: self.load(peer, "download", "/payload", "--payload", f"{self.work}/www/payload"),
            "upload": lambda peer: self.upload(peer, "payload"),
            "sequential": lambda peer: self.load(peer, "connect", "/small", *seconds),
            "parallel": lambda peer: self.load(peer, "connect", "/small", "--parallel", 32, *seconds),
            "keepalive-1": lambda peer: self.load(peer, "keepalive", "/small", *seconds),
            "keepalive-32": lambda peer: self.load(peer, "keepalive", "/small", "--parallel", 32, *seconds),
            "h2": lambda peer: self.load(peer, "h2", "/small", "--parallel", 4, "--streams", 8, *seconds),
        }.get(row, lambda peer: self.load(peer, "connect", "/small", *seconds))

    def upload(self, peer, name):
        sent, received = f"{self.work}/www/{name}", f"{self.work}/www/sink/upload"
        if os.path.exists(received):
            os.remove(received)
        figures = self.load(peer, "upload", "/sink/upload", "--payload", sent)
        if (size := os.path.getsize(received)) != os.path.getsize(sent):
            raise self.failed(peer, "upload", f"the origin has {size} bytes, expected {os.path.getsize(sent)}")
        return figures

    def warm_up(self, peer, rows):
        """What is compiled and cached at first use is not what these rows are about. Bytes are compared here, where no clock runs."""
        seconds = ("--seconds", self.sizes.warm_up_seconds)
        if {"download", "upload"} & set(rows):
            self.load(peer, "download", "/warm-up", "--payload", f"{self.work}/www/warm-up", "--verify")
            self.upload(peer, "warm-up")
            if not filecmp.cmp(f"{self.work}/www/warm-up", f"{self.work}/www/sink/upload", shallow=False):
                raise self.failed(peer, "upload", "the origin received other bytes than were sent")
        self.load(peer, "connect", "/small", "--parallel", 8, *seconds)
        self.load(peer, "keepalive", "/small", "--parallel", 8, *seconds)
        if peer.speaks_h2 and "h2" in rows:
            self.load(peer, "h2", "/small", "--parallel", 4, "--streams", 8, *seconds)

    # ---- the rows of a fresh process ----

    def measure_start(self, where, peer):
        """How long each process took to take connections, what it holds idle, and its first ten requests, each with a tunnel of its own."""
        time.sleep(self.sizes.rest_seconds)
        idle = {name: server.memory() for name, server in peer.servers.items()}
        each = self.load(peer, "first", "/small", "--count", 10)["each_ms"]
        self.measured.append({**where, "row": "start", "peer": peer.name, "started_ms": {name: round(server.started_ms, 1) for name, server in peer.servers.items()},
                              "kib_idle": idle, "first_ms": each[0], "tenth_ms": each[9], "each_ms": each})

    def measure_idle(self, where, peer):
        """Memory of each process before and after many tunnels were opened, and whether it gives the tunnels' descriptors back."""
        servers, count = peer.servers, self.sizes.idle_tunnels
        self.load(peer, "connect", "/small", "--seconds", self.sizes.warm_up_seconds)
        self.settle(peer)
        before = {name: server.memory() for name, server in servers.items()}
        files_before = {name: server.descriptors() for name, server in servers.items()}
        with Tunnels(self, peer, count):
            time.sleep(self.sizes.rest_seconds)
            after = {name: server.memory() for name, server in servers.items()}
        per_tunnel = {
            name: {kind: (after[name][kind] - before[name][kind]) / count if after[name][kind] is not None else None for kind in ("rss", "pss")}
            for name in servers
        }
        self.measured.append({**where, "row": "idle", "peer": peer.name, "tunnels": count, "kib_per_tunnel": per_tunnel, "kib_before": before, "kib_after": after,
                              "descriptors": {"before": files_before, "left": self.descriptors_left(peer, files_before, count)}})

    def descriptors_left(self, peer, before, count):
        """Descriptors once the tunnels are closed; a note is made when ours keep far more than before for 10 s."""
        limit = time.monotonic() + 10
        while True:
            left = {name: server.descriptors() for name, server in peer.servers.items()}
            # Connections to the origin are kept for later requests, and up to 32 WebSockets for later tunnels, so some more than before are in order.
            held = [name for name in peer.servers if left[name] is not None and left[name] > before[name] + 48]
            if not held or not peer.is_ours:
                return left
            if time.monotonic() > limit:
                self.notes += [f"{peer.servers[name].name} keeps {left[name] - before[name]} descriptors of {count} closed tunnels" for name in held]
                return left
            time.sleep(0.1)


class Tunnels:
    """Open tunnels of a peer, each with its TLS up and one GET behind it. At the end each must answer once more."""

    def __init__(self, rows, peer, count):
        self.rows, self.peer, self.count = rows, peer, count

    def __enter__(self):
        command = [f"{TOOLS}/load", "idle", "--path", "/small", *map(str, self.peer.client_options()), "--count", str(self.count)]
        self.holder = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        try:
            self.line = self.holder.stdout.readline()
            if not self.line:
                raise self.rows.failed(self.peer, "idle", self.holder.stderr.read().strip())
        except BaseException:
            self._kill()
            raise
        return json.loads(self.line)

    def __exit__(self, kind, error, trace):
        if error:
            self._kill()
            return
        try:
            _, errors = self.holder.communicate(timeout=CLIENT_LIMIT)
        except BaseException as ending:
            self._kill()
            if isinstance(ending, subprocess.TimeoutExpired):
                raise self.rows.failed(self.peer, "idle", "the tunnels did not answer after they had been idle") from None
            raise
        if self.holder.returncode:
            raise self.rows.failed(self.peer, "idle", errors.strip())
        self.peer.requests += json.loads(self.line)["requests"]

    def _kill(self):
        self.holder.kill()
        self.holder.communicate()
