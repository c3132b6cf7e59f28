#!/usr/bin/env python3
"""./dev bench --growth: what one tunnel, session, rule, record or second more costs, at several sizes. README.md says what the rows are."""
import argparse
import contextlib
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
import page  # noqa: E402
import report  # noqa: E402
from bench import FULL, choose_directory, names, prepare_files  # noqa: E402
from origin import HOST, open_site  # noqa: E402
from peers.fairlead import Fairlead  # noqa: E402
from peers.peer import Site  # noqa: E402
from processes import OUT, Failure, write  # noqa: E402
from rows import Rows, Tunnels  # noqa: E402

TITLES = {"tunnels": "Idle tunnels on one gateway", "sessions": "Sessions in the configuration", "rules": "Rules in a policy",
          "rate": "500 new tunnels a second, for a minute", "audit": "Records in the audit"}
DESCRIPTORS = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
# A relay has two descriptors for each tunnel, and takes 8,192 tunnels as it is started here.
MOST_PER_RELAY = min(8000, (DESCRIPTORS - 500) // 2)


class Growth:
    """One run: each row is measured at several sizes, and gives a line for each."""

    def __init__(self, site, scale):
        self.site, self.scale = site, scale
        self.rows = Rows(site.work, FULL)
        self.started = 0

    def sizes(self, most):
        """An eighth, a quarter, a half and all of it."""
        most = max(8, round(most * self.scale))
        return [most // 8, most // 4, most // 2, most]

    @contextlib.contextmanager
    def pair(self, **more):
        """A relay and a gateway, with more of something in its configuration, warmed up."""
        self.started += 1
        peer = type("Pair", (Fairlead,), more)(self.site, f"{self.site.work}/growth-{self.started}")
        try:
            self.rows.load(peer, "connect", "/small", "--parallel", 8, "--seconds", 1)
            self.rows.settle(peer)
            yield peer
        except BaseException:
            peer.stop()
            raise
        self.rows.notes += peer.stop() + peer.verify_end()
        shutil.rmtree(peer.directory)

    def tunnels(self):
        """Idle tunnels on one gateway, behind as many relays as their descriptors want."""
        lines = [["tunnels", "relays: KiB each", "gateway: KiB each", "gateway: MiB", "to open, ms each", "idle, % of a core", "left descriptors"]]
        with self.pair() as peer, contextlib.ExitStack() as held:
            gateway = peer.servers["gateway"]
            before, files = {name: memory(server) for name, server in peer.servers.items()}, gateway.descriptors()
            sizes, opened, on_relay = self.sizes(10_000), 0, 0
            for size in sizes:
                began, first = time.monotonic(), opened
                while opened < size:
                    if on_relay == MOST_PER_RELAY:
                        side, on_relay = f"relay-{len(peer.servers)}", 0
                        peer.add_relay(side, peer.far)
                        time.sleep(2)  # it gives back what its start has used
                        before[side] = memory(peer.servers[side])
                    count = min(size - opened, MOST_PER_RELAY - on_relay)
                    held.enter_context(Tunnels(self.rows, peer, count))
                    opened, on_relay = opened + count, on_relay + count
                took = time.monotonic() - began
                self.rows.settle(peer)
                time.sleep(2)
                used, began = sum(server.cpu() for server in peer.servers.values()), time.monotonic()
                time.sleep(2)
                idle = (sum(server.cpu() for server in peer.servers.values()) - used) / (time.monotonic() - began)
                grown = {name: memory(server) - before[name] for name, server in peer.servers.items()}
                relays = sum(kib for name, kib in grown.items() if name != "gateway")
                lines.append([f"{size}", f"{relays / size:.1f}", f"{grown['gateway'] / size:.1f}", f"{memory(gateway) / 1024:.0f}", f"{took * 1e3 / (size - first):.2f}", f"{idle * 100:.1f}", ""])
            held.close()
            self.rows.settle(peer)
            time.sleep(1)
            lines[-1][-1] = str(gateway.descriptors() - files)
        return lines

    def configured(self, title, most, entries, key):
        """The same questions to a gateway whose configuration has more and more of something."""
        lines = [[title, "to ready, ms", "gateway: MiB", "KiB each", "reload: CPU ms", "new tunnel: p50 ms", "request: p50 us", "request: gateway CPU us"]]
        base = None
        for size in [0, *self.sizes(most)]:
            with self.pair(**{key: entries(size)}) as peer:
                gateway = peer.servers["gateway"]
                held = memory(gateway)
                base = base or held
                # The first is compiled meanwhile.
                for _ in range(2):
                    used = gateway.cpu()
                    gateway.process.send_signal(signal.SIGHUP)
                    time.sleep(0.5)
                    self.rows.settle(peer)
                reload_ms = (gateway.cpu() - used) * 1e3
                new = self.rows.load(peer, "connect", "/small", "--seconds", self.seconds(2))
                used = gateway.cpu()
                kept = self.rows.load(peer, "keepalive", "/small", "--parallel", 8, "--seconds", self.seconds(3))
                lines.append([f"{size}", f"{gateway.started_ms:.0f}", f"{held / 1024:.0f}", f"{(held - base) / size:.2f}" if size else "-", f"{reload_ms:.0f}", f"{new['p50_ms']:.2f}",
                              f"{kept['p50_ms'] * 1e3:.0f}", f"{(gateway.cpu() - used) * 1e6 / kept['requests']:.0f}"])
        return lines

    def sessions(self):
        """Sessions in the configuration, each with a token in a file."""
        tokens = f"{self.site.work}/tokens"
        os.makedirs(tokens, exist_ok=True)

        def entries(size):
            for i in range(size):
                write(f"{tokens}/{i}", f"FAKE-token-of-session-{i}")
                os.chmod(f"{tokens}/{i}", 0o600)
            return [f"{{ id: s{i}, token: {{ from: file, path: {tokens}/{i} }}, policy: bench, credentials: [bench] }}" for i in range(size)]

        return self.configured("sessions", 5_000, entries, "more_sessions")

    def rules(self):
        """Rules in the session's policy: of four shapes, a fifth about the host that is asked for."""
        shapes = ("allow GET,POST h{0}.bench.test/v1/projects/*/files/**", f"allow * {HOST}/repos/acme/r{{0}}/**", "allow GET *.cdn{0}.bench.test/assets/**",
                  "deny * **.internal{0}.bench.test/secret-*/**", f"deny DELETE {HOST}/repos/acme/r{{0}}/**")
        return self.configured("rules", 10_000, lambda size: [shapes[i % len(shapes)].format(i) for i in range(size)], "more_rules")

    def rate(self):
        """500 new tunnels a second, whatever they take, for a minute in four parts."""
        lines = [["part", "asked a second", "done a second", "p50 ms", "p99 ms", "most ms", "relay: CPU ms each", "gateway: CPU ms each", "relay: MiB", "gateway: MiB", "gateway: descriptors"]]
        asked = max(5, round(500 * self.scale))
        with self.pair() as peer:
            for part in range(4):
                used = {name: server.cpu() for name, server in peer.servers.items()}
                figures = self.rows.load(peer, "paced", "/small", "--rate", asked, "--parallel", 128, "--seconds", self.seconds(15))
                cpu = {name: (server.cpu() - used[name]) * 1e3 / figures["requests"] for name, server in peer.servers.items()}
                lines.append([str(part + 1), str(asked), f"{figures['per_second']:.0f}", *(f"{figures[name]:.1f}" for name in ("p50_ms", "p99_ms", "max_ms")), f"{cpu['relay']:.2f}",
                              f"{cpu['gateway']:.2f}", *(f"{memory(peer.servers[side]) / 1024:.0f}" for side in ("relay", "gateway")), str(peer.servers["gateway"].descriptors())])
        return lines

    def audit(self):
        """An audit that grows: what a record takes, and what reading all of it takes."""
        lines = [["records", "bytes each", "written a second", "verify: s", "us each", "MiB", "query: s", "us each", "MiB", "to ready with it, ms"]]
        with self.pair() as peer:
            for size in self.sizes(200_000):
                began, at = time.monotonic(), peer.requests
                while peer.requests < size:
                    self.rows.load(peer, "keepalive", "/small", "--parallel", 32, "--seconds", self.seconds(2))
                took = time.monotonic() - began
                self.rows.settle(peer)
                file = f"{peer.audit}/audit.jsonl"
                line = [f"{peer.requests}", f"{os.path.getsize(file) / peer.requests:.0f}", f"{(peer.requests - at) / took:.0f}"]
                for arguments in (["verify"], ["query", "--host", "nowhere.bench.test"]):
                    spent, mib = run([f"{OUT}/fairlead-gateway", "audit", arguments[0], file, *arguments[1:]])
                    line += [f"{spent:.2f}", f"{spent * 1e6 / peer.requests:.1f}", f"{mib:.0f}"]
                lines.append([*line, self.ready_with(peer, file)])
        return lines

    def ready_with(self, peer, file):
        """How long a gateway takes that finds this audit."""
        copy = tempfile.mkdtemp(prefix="fairlead-bench-audit-", dir=Fairlead.audit_in)
        try:
            for name in os.listdir(os.path.dirname(file)):
                shutil.copy(os.path.join(os.path.dirname(file), name), copy)
            self.started += 1
            again = type("Again", (Fairlead,), {"audit_of": copy})(self.site, f"{self.site.work}/growth-{self.started}")
            again.stop()
            return f"{again.servers['gateway'].started_ms:.0f}"
        finally:
            shutil.rmtree(copy, ignore_errors=True)

    def seconds(self, most):
        return max(0.3, most * min(1, self.scale))


def memory(server):
    """Resident KiB: proportional ones of a relay shrink when another is started."""
    return server.memory()["rss"]


def run(command):
    """Runs a program to its end: seconds, and the most MiB that it held."""
    began = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    errors = process.stderr.read()
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    # Exit code 1 of a query says that nothing matched, which is so.
    if process.returncode != (1 if "query" in command else 0):
        raise Failure(f"{' '.join(command)} ended with {process.returncode}: {errors.strip()}")
    return time.monotonic() - began, used.ru_maxrss / 1024


def main():
    known = tuple(TITLES)
    parser = argparse.ArgumentParser(prog="./dev bench --growth", description="What one more of something costs, at an eighth, a quarter, a half and all of a size: "
                                     "10,000 idle tunnels, 5,000 sessions, 10,000 rules, 500 new tunnels a second for a minute, 200,000 records. Some ten minutes. Whole, it writes its part of docs/performance.md.")
    parser.add_argument("--rows", metavar="NAMES", help=f"these, with commas: {', '.join(known)}")
    parser.add_argument("--scale", type=float, default=1.0, metavar="F", help="of all sizes; 0.01 shows that everything works")
    arguments = parser.parse_args()
    if arguments.scale <= 0:
        parser.error("--scale: expected more than 0")
    rows = names(arguments.rows, known, "--rows", parser) if arguments.rows is not None else known
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    resource.setrlimit(resource.RLIMIT_NOFILE, (DESCRIPTORS, DESCRIPTORS))
    when, about, tables, notes = time.strftime("%Y-%m-%dT%H-%M-%SZ-growth", time.gmtime()), report.machine(Fairlead.audit_in), {}, []
    print(f"{when[:10]}, {about['cores']} cores ({about['cpu']}), commit {about['commit'][:10]}{' with changes' if about['is_changed'] else ''}, load at the start {about['load']:.2f}")
    with tempfile.TemporaryDirectory(prefix="fairlead-bench-", dir=choose_directory(1)) as work:
        origin = None
        try:
            prepare_files(work, 1)
            origin, _ = open_site(work)
            growth = Growth(Site(work, origin), arguments.scale)
            for row in rows:
                measure = getattr(growth, row)
                tables[row] = measure()
                print(f"\n{measure.__doc__}\n{report.aligned(tables[row])}", flush=True)
            notes = growth.rows.notes
        except (Failure, OSError) as failure:
            print(f"bench: {failure}", file=sys.stderr)
            return 1
        except KeyboardInterrupt:
            print("bench: interrupted", file=sys.stderr)
            return 130
        finally:
            if origin:
                origin.stop()
    for note in notes:
        print(f"note: {note}")
    path = report.save(when, {"when": when, "machine": about, "scale": arguments.scale, "titles": TITLES, "tables": tables, "notes": notes})
    return page.write_from(path) if arguments.scale == 1 and rows == known else 0


if __name__ == "__main__":
    sys.exit(main())
