#!/usr/bin/env python3
"""./dev bench: our whole path beside direct TLS to the same origin, in interleaved rounds of one run. README.md says what each row is."""
import argparse
import filecmp
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import report
from servers import HOST, KEY, TICKS_PER_SECOND, Failure, Origin, Pair, tail, write

CLIENT_LIMIT = 120.0
MIB = 1024 * 1024


class Bench:
    """One run: the origin, the settings, and what was measured."""

    def __init__(self, client, work, quick):
        self.client, self.work = client, work
        self.payload_mib = 16 if quick else 256
        self.seconds = 0.4 if quick else 2.0
        self.warm_up_seconds = 0.3 if quick else 1.0
        self.idle_tunnels = 50 if quick else 500
        self.measured = []
        self.notes = []
        self.origin = None

    # ---- the load client ----

    def command(self, pair, mode, path, *options):
        common = ["--host", HOST, "--path", path, *map(str, options)]
        if pair is None:
            return [self.client, mode, "--to", f"127.0.0.1:{self.origin.port}", "--ca", f"{self.work}/ca.pem", "--header", f"X-Api-Key: {KEY}", *common]
        return [self.client, mode, "--to", pair.proxy, "--connect", f"{HOST}:443", "--ca", f"{pair.directory}/bundle.pem", *common]

    def load(self, pair, mode, path, *options):
        """Runs the client to its end and returns its figures."""
        try:
            done = subprocess.run(self.command(pair, mode, path, *options), capture_output=True, text=True, timeout=CLIENT_LIMIT, check=False)
        except subprocess.TimeoutExpired:
            raise self.failed(pair, mode, f"the load client did not end within {CLIENT_LIMIT:.0f} s") from None
        if done.returncode:
            raise self.failed(pair, mode, done.stderr.strip())
        figures = json.loads(done.stdout)
        if pair:
            pair.requests += figures["requests"]
        return figures

    def failed(self, pair, mode, why):
        where = f"over {pair.scheme}" if pair else "directly"
        logs = "".join(f"\n-- log of {server.name}\n{tail(server.log)}" for server in pair.servers().values()) if pair else ""
        return Failure(f"{mode} {where} failed: {why}{logs}")

    # ---- what is around a measurement ----

    def settle(self, pair):
        """Waits until what was measured has nothing left to do, so that its CPU counts and the next step starts quiet."""
        servers = [self.origin, *(pair.servers().values() if pair else [])]
        limit = time.monotonic() + 3
        while time.monotonic() < limit:
            before = sum(server.cpu() for server in servers)
            time.sleep(0.1)
            if sum(server.cpu() for server in servers) - before <= 0.01:
                return

    def measure(self, round_number, row, pair, action):
        """Runs action() and records its figures with the CPU that each process used and what the rest of the machine did meanwhile."""
        servers = {"origin": self.origin, **(pair.servers() if pair else {})}
        self.settle(pair)
        before = {name: server.cpu() for name, server in servers.items()}
        machine, started = busy_seconds(), time.monotonic()
        figures = action()
        took = time.monotonic() - started
        machine = busy_seconds() - machine
        at_end = {name: server.cpu() for name, server in servers.items()}
        self.settle(pair)
        figures["cpu"] = {name: round(server.cpu() - before[name], 3) for name, server in servers.items()}
        ours = sum(at_end[name] - before[name] for name in servers) + figures.get("client_cpu", 0)
        figures["other_cores"] = round(max(0.0, machine - ours) / took, 3)
        self.measured.append({"round": round_number, "row": row, "path": pair.scheme if pair else "direct", **figures})

    # ---- the rows ----

    def download(self, pair):
        return self.load(pair, "download", "/payload", "--payload", f"{self.work}/www/payload")

    def upload(self, pair):
        received = f"{self.work}/www/sink/upload"
        if os.path.exists(received):
            os.remove(received)
        figures = self.load(pair, "upload", "/sink/upload", "--payload", f"{self.work}/www/payload")
        if (size := os.path.getsize(received)) != self.payload_mib * MIB:
            raise self.failed(pair, "upload", f"the origin has {size} bytes, expected {self.payload_mib * MIB}")
        return figures

    def measure_idle(self, round_number, pair):
        """Memory of each process before and after many tunnels were opened, and whether it gives the tunnels' descriptors back."""
        servers = pair.servers()
        self.settle(pair)
        before = {name: server.memory() for name, server in servers.items()}
        files_before = {name: server.descriptors() for name, server in servers.items()}
        command = self.command(pair, "idle", "/small", "--count", self.idle_tunnels)
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as holder:
            line = holder.stdout.readline()
            time.sleep(2)
            after = {name: server.memory() for name, server in servers.items()}
            files_held = {name: server.descriptors() for name, server in servers.items()}
            try:
                _, errors = holder.communicate(timeout=CLIENT_LIMIT)
            except subprocess.TimeoutExpired:
                holder.kill()
                raise self.failed(pair, "idle", "the tunnels did not answer after they had been idle") from None
        if holder.returncode or not line:
            raise self.failed(pair, "idle", errors.strip())
        pair.requests += json.loads(line)["requests"]
        per_tunnel = {
            name: {kind: (after[name][kind] - before[name][kind]) / self.idle_tunnels if after[name][kind] is not None else None for kind in ("rss", "pss")}
            for name in servers
        }
        files_left = self.descriptors_left(servers, files_before)
        self.measured.append({
            "round": round_number, "row": "idle", "path": pair.scheme, "tunnels": self.idle_tunnels, "kib_per_tunnel": per_tunnel, "kib_before": before,
            "kib_after": after, "descriptors": {"before": files_before, "held": files_held, "left": files_left},
        })

    def descriptors_left(self, servers, before):
        """Descriptors once the tunnels are closed; a note is made when far more than before stay for 10 s."""
        limit = time.monotonic() + 10
        while True:
            left = {name: server.descriptors() for name, server in servers.items()}
            # Connections to the origin are kept for later requests, so a few more than before are in order.
            held = [name for name in servers if left[name] is not None and left[name] > before[name] + 16]
            if not held:
                return left
            if time.monotonic() > limit:
                self.notes += [f"{servers[name].name} keeps {left[name] - before[name]} descriptors of {self.idle_tunnels} closed tunnels" for name in held]
                return left
            time.sleep(0.1)

    # ---- one round ----

    def warm_up(self, pair):
        """What is compiled and cached at first use is not what a row is about. Bytes are compared here, where no clock runs."""
        self.load(pair, "download", "/payload", "--payload", f"{self.work}/www/payload", "--verify")
        self.upload(pair)
        if not filecmp.cmp(f"{self.work}/www/payload", f"{self.work}/www/sink/upload", shallow=False):
            raise self.failed(pair, "upload", "the origin received other bytes than were sent")
        self.load(pair, "connect", "/small", "--parallel", 8, "--seconds", self.warm_up_seconds)
        self.load(pair, "keepalive", "/small", "--parallel", 8, "--seconds", self.warm_up_seconds)

    def round(self, number):
        pairs = []
        try:
            for scheme in ("ws", "wss"):
                pairs.append(Pair(scheme, self.work, f"{self.work}/{scheme}-{number}", self.origin.port))
            for pair in pairs:
                # In fresh processes: what earlier rows left in the heap would hide what a tunnel takes.
                self.load(pair, "connect", "/small", "--seconds", self.warm_up_seconds)
                self.measure_idle(number, pair)
            paths = [None, *pairs]
            for path in paths:
                self.warm_up(path)
            rows = {
                "download": self.download,
                "upload": self.upload,
                "sequential": lambda pair: self.load(pair, "connect", "/small", "--seconds", self.seconds),
                "parallel": lambda pair: self.load(pair, "connect", "/small", "--parallel", 32, "--seconds", self.seconds),
                "keepalive-1": lambda pair: self.load(pair, "keepalive", "/small", "--seconds", self.seconds),
                "keepalive-32": lambda pair: self.load(pair, "keepalive", "/small", "--parallel", 32, "--seconds", self.seconds),
            }
            for row, action in rows.items():
                # Each round begins with another path, so that none is always first.
                for path in paths[number % 3:] + paths[:number % 3]:
                    self.measure(number, row, path, lambda path=path, action=action: action(path))
        except BaseException:
            for pair in pairs:
                pair.stop()
            raise
        for pair in pairs:
            self.end(pair)

    def end(self, pair):
        self.notes += pair.stop()
        self.notes += pair.complaints()[:3]
        if (audited := pair.audited_requests()) != pair.requests:
            raise Failure(f"the audit over {pair.scheme} holds {audited} requests, but {pair.requests} were made")
        shutil.rmtree(pair.directory)


def busy_seconds():
    """CPU seconds that the machine has used for anything at all."""
    with open("/proc/stat", encoding="ascii") as file:
        user, nice, system, _, _, irq, softirq, steal = map(int, file.readline().split()[1:9])
    return (user + nice + system + irq + softirq + steal) / TICKS_PER_SECOND


def prepare_files(work, payload_mib):
    os.makedirs(f"{work}/www/sink")
    with open(f"{work}/www/payload", "wb") as file:
        for _ in range(payload_mib):
            file.write(os.urandom(MIB))
    write(f"{work}/www/small", "fairlead" * 128)


def choose_directory(payload_mib):
    """In memory, where there is room: a disk would be what is measured."""
    shm = "/dev/shm"
    if os.path.isdir(shm) and os.access(shm, os.W_OK) and shutil.disk_usage(shm).free > (3 * payload_mib + 128) * MIB:
        return shm
    print("bench: no room in /dev/shm, so files are in the temporary directory; uploads may show its disk", file=sys.stderr)
    return None


def main():
    parser = argparse.ArgumentParser(prog="./dev bench", description="Speed and memory beside direct TLS.")
    parser.add_argument("--client", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--rounds", type=int, default=None, help="interleaved rounds (default: 3)")
    parser.add_argument("--quick", action="store_true", help="one small round of some seconds, to see that everything works; its figures mean little")
    arguments = parser.parse_args()
    rounds = arguments.rounds if arguments.rounds is not None else 1 if arguments.quick else 3
    if rounds < 1:
        parser.error("--rounds: expected 1 or more")
    # A signal is an exception like any other, so that processes and files are cleared away.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))

    started, when = time.monotonic(), time.strftime("%Y-%m-%dT%H-%M-%SZ", time.gmtime())
    with tempfile.TemporaryDirectory(prefix="fairlead-bench-", dir=choose_directory(16 if arguments.quick else 256)) as work:
        bench = Bench(os.path.abspath(arguments.client), work, arguments.quick)
        try:
            prepare_files(work, bench.payload_mib)
            bench.origin = Origin(work)
            for number in range(rounds):
                print(f"bench: round {number + 1} of {rounds}", file=sys.stderr)
                bench.round(number)
        except (Failure, OSError) as failure:
            print(f"bench: {failure}", file=sys.stderr)
            return 1
        finally:
            if bench.origin:
                bench.origin.stop()

    settings = {"rounds": rounds, "quick": arguments.quick, "payload_mib": bench.payload_mib, "seconds": bench.seconds, "idle_tunnels": bench.idle_tunnels}
    report.finish(when, settings, bench.measured, bench.notes, time.monotonic() - started)
    return 0


if __name__ == "__main__":
    sys.exit(main())
