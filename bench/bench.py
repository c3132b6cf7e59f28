#!/usr/bin/env python3
"""./dev bench: our whole path beside direct TLS to the same origin, and beside what else there is, in interleaved rounds of one run. README.md says what each row is."""
import argparse
import contextlib
import itertools
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass

sys.dont_write_bytecode = True
import page  # noqa: E402
import report  # noqa: E402
from origin import open_site  # noqa: E402
from peers import FIELD, OURS, Direct  # noqa: E402
from peers.fairlead import RELAYS, Fairlead  # noqa: E402
from peers.peer import Site  # noqa: E402
from processes import HERE, TOOLS, Failure, write  # noqa: E402
from rows import GROUPS, MIB, ROWS, Rows  # noqa: E402


@dataclass(frozen=True)
class Sizes:
    """How much is done in one round."""

    rounds: int
    payload_mib: int
    seconds: float
    warm_up_seconds: float
    idle_tunnels: int
    rest_seconds: float
    rows: tuple


SHORT = Sizes(3, 256, 1.5, 1.0, 500, 2.0, tuple(row for row in ROWS if row != "rtt-80"))
FULL = Sizes(5, 512, 2.5, 1.0, 1000, 2.0, tuple(ROWS))
QUICK = Sizes(1, 16, 0.4, 0.3, 50, 0.3, tuple(ROWS))


class Run:
    """The rounds."""

    def __init__(self, site, sizes, peers):
        self.site, self.sizes, self.peers = site, sizes, peers
        self.rows = Rows(site.work, sizes)
        self.starts = itertools.count()
        # A peer of others that failed is left out from then on.
        self.failed = {}

    def round(self, number):
        # Each round begins with another peer, so that none is always first; the yardstick always is.
        turn = number % len(self.peers) if self.peers else 0
        order = self.peers[turn:] + self.peers[:turn]
        distances = [row for row in self.sizes.rows if row in GROUPS["distance"]]
        turns = [row for row in self.sizes.rows if row not in ("start", "idle", *distances)]
        self.fresh_rows({"round": number, "pass": 0}, self.left(order))
        if turns:
            self.near_rows(number, self.left(order), turns)
        for row in distances:
            self.distance_row(number, self.left(order), row)

    def left(self, order):
        return [kind for kind in order if kind.name not in self.failed]

    def fresh_rows(self, where, order):
        """Each peer alone, as PSS divides what is shared among all that run; and in processes that did nothing before, since other rows leave their garbage."""
        for kind in order if {"start", "idle"} & set(self.sizes.rows) else []:
            with self.forgiving(kind), contextlib.ExitStack() as around:
                peer = self.start(around, kind)
                if "start" in self.sizes.rows:
                    self.rows.measure_start(where, peer)
                if "idle" in self.sizes.rows:
                    self.rows.measure_idle(where, peer)

    def near_rows(self, number, order, turns):
        with contextlib.ExitStack() as around:
            direct, peers = self.start(around, Direct), []
            self.rows.warm_up(direct, turns)
            for kind in order:
                with self.forgiving(kind):
                    peers.append(self.start(around, kind))
                    self.rows.warm_up(peers[-1], turns)
            for row in turns:
                self.take_turns(number, row, direct, peers)

    def distance_row(self, number, order, row):
        with contextlib.ExitStack() as around:
            rtt_ms = int(row.removeprefix("rtt-"))
            direct, peers = self.start(around, Direct, rtt_ms), []
            for kind in order:
                with self.forgiving(kind):
                    peers.append(self.start(around, kind, rtt_ms))
                    self.rows.warm_up(peers[-1], [row])
            self.take_turns(number, row, direct, peers)
        # TCP, TLS 1.3 and the request want a round trip each. Less than three says that it is not the distance that was measured.
        for figures in self.rows.measured:
            if figures["row"] == row and figures["peer"] == "direct" and figures["p50_ms"] < 3 * rtt_ms:
                raise Failure(f"{row}: direct TLS took {figures['p50_ms']:.1f} ms, expected {3 * rtt_ms} at least: the link does not delay")

    def take_turns(self, number, row, direct, peers):
        """Direct TLS, all peers, and direct TLS again: what it differs from itself is the noise of the row."""
        action = self.rows.action(row)
        self.rows.measure({"round": number, "pass": 0}, row, direct, lambda: action(direct))
        for peer in peers:
            if peer.name not in self.failed and (row != "h2" or peer.speaks_h2):
                with self.forgiving(type(peer)):
                    self.rows.measure({"round": number, "pass": 0}, row, peer, lambda peer=peer: action(peer))
        self.rows.measure({"round": number, "pass": 1}, row, direct, lambda: action(direct))

    def start(self, around, kind, rtt_ms=0):
        """Starts a peer that ends with `around`."""
        peer = kind(self.site, f"{self.site.work}/{kind.name}-{next(self.starts)}", rtt_ms)
        around.push(lambda error, *_: self.end(peer, failed=error is not None))
        return peer

    def end(self, peer, failed):
        problems = peer.stop()
        if not failed and peer.name not in self.failed:
            self.rows.notes += (problems if peer.is_ours else []) + peer.verify_end()
        shutil.rmtree(peer.directory, ignore_errors=True)

    @contextlib.contextmanager
    def forgiving(self, kind):
        """What others' programs fail at is a note; ours have to succeed."""
        try:
            yield
        except Failure as failure:
            if kind.is_ours or kind is Direct:
                raise
            print(f"bench: {kind.name} is left out: {failure}", file=sys.stderr)
            self.failed[kind.name] = str(failure).splitlines()[0]
            self.rows.notes.append(f"{kind.name} is left out from here on: {self.failed[kind.name]}")


def prepare_files(work, payload_mib):
    os.chmod(work, 0o755)  # squid works as another user
    os.makedirs(f"{work}/www/sink")
    with open(f"{work}/www/payload", "wb") as file, open(f"{work}/www/warm-up", "wb") as part:
        for i in range(payload_mib):
            file.write(block := os.urandom(MIB))
            if i < 64:
                part.write(block)
    write(f"{work}/www/small", "fairlead" * 128)


def choose_directory(payload_mib):
    """In memory, where there is room: a disk would be what is measured."""
    shm = "/dev/shm"
    if os.path.isdir(shm) and os.access(shm, os.W_OK) and shutil.disk_usage(shm).free > (3 * payload_mib + 128) * MIB:
        return shm
    print("bench: no room in /dev/shm, so files are in the temporary directory; uploads may show its disk", file=sys.stderr)
    return None


def names(text, known, what, parser):
    chosen = [name.strip() for name in text.split(",") if name.strip()]
    if unknown := [name for name in chosen if name not in known]:
        parser.error(f"{what}: {', '.join(unknown)} not known; there are {', '.join(known)}")
    return chosen


def parse():
    parser = argparse.ArgumentParser(
        prog="./dev bench", description="Speed and memory beside direct TLS, as ratios of one run. bench/README.md says what the rows are and how to read them.",
        epilog="Others: --start (the relay's start alone), --growth (many tunnels, sessions, rules, records), --micro (what one call costs); each has its own --help.")
    parser.add_argument("--full", action="store_true", help="all peers, larger sizes, all rows, 5 rounds: more than an hour; writes docs/performance.md where the machine was quiet")
    parser.add_argument("--quick", action="store_true", help="tiny sizes, one round, to see that everything works; its figures mean little")
    parser.add_argument("--only", metavar="NAMES", help="these peers, with commas; direct TLS is always measured: " + ", ".join(kind.name for kind in OURS + FIELD))
    parser.add_argument("--rows", metavar="NAMES", help="these rows or groups of rows, with commas: " + ", ".join([*GROUPS, *(row for row in ROWS if row not in GROUPS)]))
    parser.add_argument("--rounds", type=int, metavar="N", help="interleaved rounds (default: 3; --full: 5; --quick: 1)")
    parser.add_argument("--relay", choices=RELAYS, default="aot", help="which build of the relay: compiled ahead of time (default), or managed")
    parser.add_argument("--audit", metavar="DIR", default=TOOLS, help="where the audit is written, whose disk requests wait for (default: artifacts/bench); /dev/shm shows what is left without one")
    parser.add_argument("--page", metavar="RESULTS", help="only writes docs/performance.md from a file of bench/results")
    arguments = parser.parse_args()
    if arguments.rounds is not None and arguments.rounds < 1:
        parser.error("--rounds: expected 1 or more")
    kinds = {kind.name: kind for kind in OURS + FIELD}
    chosen = OURS + (FIELD if arguments.full else [])
    if arguments.only is not None:
        asked = names(arguments.only, kinds, "--only", parser)
        chosen = [kind for kind in OURS + FIELD if kind.name in asked]
    sizes = QUICK if arguments.quick else FULL if arguments.full else SHORT
    rows = set(sizes.rows)
    if arguments.rows is not None:
        rows = {row for name in names(arguments.rows, dict.fromkeys([*GROUPS, *ROWS]), "--rows", parser) for row in GROUPS.get(name, [name])}
    rounds = arguments.rounds or sizes.rounds
    return arguments, chosen, Sizes(**{**sizes.__dict__, "rounds": rounds, "rows": tuple(row for row in ROWS if row in rows)})


def install(chosen):
    """Returns the peers that can be run here, and notes about the others."""
    foreign = [kind for kind in chosen if not kind.is_ours]
    needed = sorted({need for kind in foreign for need in kind.needs})
    missing = subprocess.run([f"{HERE}/peers/setup.sh", *needed], stdout=subprocess.PIPE, text=True, check=True).stdout.split() if needed else []
    absent = [kind for kind in foreign if set(kind.needs) & set(missing)]
    return [kind for kind in chosen if kind not in absent], [f"{kind.name} is left out: {', '.join(set(kind.needs) & set(missing))} cannot be had here" for kind in absent]


def main():
    arguments, chosen, sizes = parse()
    if arguments.page:
        return page.write_from(arguments.page)
    Fairlead.relay_build, Fairlead.audit_in = arguments.relay, os.path.abspath(arguments.audit)
    # A signal is an exception like any other, so that processes and files are cleared away.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    # A thousand tunnels are two thousand descriptors of a relay; peers inherit what they may have.
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    chosen, notes = install(chosen)
    started, when = time.monotonic(), time.strftime("%Y-%m-%dT%H-%M-%SZ", time.gmtime())
    about = report.machine(Fairlead.audit_in)
    with tempfile.TemporaryDirectory(prefix="fairlead-bench-", dir=choose_directory(sizes.payload_mib)) as work:
        run = origin = None
        try:
            prepare_files(work, sizes.payload_mib)
            origin, problem = open_site(work)
            if problem and any(not kind.is_ours for kind in chosen):
                # Their origin has to have the port 443 and a name that they resolve.
                chosen, notes = [kind for kind in chosen if kind.is_ours], [f"other peers are left out: {problem}"]
            run = Run(Site(work, origin), sizes, chosen)
            run.rows.notes += notes
            for number in range(sizes.rounds):
                print(f"bench: round {number + 1} of {sizes.rounds}", file=sys.stderr)
                run.round(number)
        except (Failure, OSError) as failure:
            print(f"bench: {failure}", file=sys.stderr)
            return 1
        except KeyboardInterrupt:
            print("bench: interrupted", file=sys.stderr)
            return 130
        finally:
            if origin:
                origin.stop()
    settings = {**sizes.__dict__, "mode": "full" if arguments.full else "quick" if arguments.quick else "short", "relay": arguments.relay,
                "peers": {kind.name: {"group": kind.group, "what": kind.what, "is_ours": kind.is_ours, "versions": kind.versions()} for kind in [Direct, *chosen]}}
    result = {"when": when, "machine": about, "settings": settings, "took_seconds": round(time.monotonic() - started, 1), "notes": run.rows.notes, "measured": run.rows.measured}
    path = report.finish(result)
    if arguments.full and not arguments.quick and arguments.only is None and arguments.rows is None:
        return page.write_from(path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
