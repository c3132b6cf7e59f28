"""From raw figures to tables and the file in bench/results: medians, min-max, and ratios to direct TLS of the same round."""
import json
import os
import platform
import statistics
import subprocess
import time
from dataclasses import dataclass
from typing import Callable

from processes import REPOSITORY

GIB = 1024 ** 3


@dataclass(frozen=True)
class Column:
    """One figure of a row. `take` gives a number, or one for each process of the peer, which are then shown with their sum."""

    title: str
    row: str
    take: Callable
    decimals: int
    has_ratio: bool = False
    plot: str = ""  # what the plot calls it, where the plot shows it: the ratio, where there is one
    is_time: bool = False  # a plot shows the inverse of its ratio, so that more is better everywhere


def field(name, factor=1):
    return lambda figures: figures[name] * factor


def megabytes(figures):
    return figures["bytes"] / figures["seconds"] / 1e6


def cpu_per(unit, factor):
    return lambda figures: {name: used * factor / figures[unit] for name, used in figures["cpu"].items() if name != "origin"}


def memory_of(name, factor):
    """PSS where it may be seen, else RSS."""
    return lambda figures: {server: (kib["pss"] if kib["pss"] is not None else kib["rss"]) * factor for server, kib in figures[name].items()}


def once(rtt):
    return [Column(f"{rtt} ms: p50 ms", f"rtt-{rtt}", field("p50_ms"), 1, True, f"speed, {rtt} ms", is_time=True)]


TABLES = {
    "bulk": ("Bulk transfer over one tunnel", [
        Column("down MB/s", "download", megabytes, 0, True, "down"),
        Column("up MB/s", "upload", megabytes, 0, True, "up"),
        Column("CPU-s per GiB, down", "download", cpu_per("bytes", GIB), 2),
        Column("CPU-s per GiB, up", "upload", cpu_per("bytes", GIB), 2),
    ]),
    "tunnel": ("A new tunnel, TLS and a GET of 1 KiB", [
        Column("p50 ms", "sequential", field("p50_ms"), 2, True, "speed, one after another", is_time=True),
        Column("p99 ms", "sequential", field("p99_ms"), 2),
        Column("per second, 32 at once", "parallel", field("per_second"), 0, True, "per second, 32 at once"),
        Column("p99 ms, 32 at once", "parallel", field("p99_ms"), 0),
        Column("CPU us each, 32 at once", "parallel", cpu_per("requests", 1e6), 0),
    ]),
    "distance": ("The same with a round-trip time on the long way", once(20) + once(80)),
    "requests": ("Requests of 1 KiB on tunnels that are kept", [
        Column("1: p50 us", "keepalive-1", field("p50_ms", 1e3), 0, True, "speed, 1 tunnel", is_time=True),
        Column("1: p99 us", "keepalive-1", field("p99_ms", 1e3), 0),
        Column("32: per second", "keepalive-32", field("per_second"), 0, True, "per second, 32 tunnels"),
        Column("32: CPU us each", "keepalive-32", cpu_per("requests", 1e6), 0),
        Column("h2, 4 x 8: per second", "h2", field("per_second"), 0, True, "per second, HTTP/2, 4 x 8"),
        Column("h2: CPU us each", "h2", cpu_per("requests", 1e6), 0),
    ]),
    "idle": ("Memory of idle tunnels", [Column("PSS KiB per tunnel", "idle", memory_of("kib_per_tunnel", 1), 1, plot="KiB per tunnel")]),
    "start": ("Start", [
        Column("ms to ready", "start", lambda figures: figures["started_ms"], 0, plot="ms to ready"),
        Column("idle PSS MiB", "start", memory_of("kib_idle", 1 / 1024), 1),
        Column("first request ms", "start", field("first_ms"), 1, plot="first request, ms"),
        Column("tenth ms", "start", field("tenth_ms"), 1),
    ]),
}


class Results:
    """The figures of one run, by row, peer and round."""

    def __init__(self, result):
        self.settings, self.machine, self.when = result["settings"], result["machine"], result["when"]
        self.notes, self.measured = result["notes"], result["measured"]
        self.peers = [name for name in self.settings["peers"] if any(figures["peer"] == name for figures in self.measured)]

    def figures(self, column, peer, attempt=None):
        """By round. Direct TLS is measured at the beginning and at the end of a row: the mean of both, unless one is asked for."""
        found = {}
        for figures in self.measured:
            if figures["row"] == column.row and figures["peer"] == peer and attempt in (None, figures["pass"]):
                found.setdefault(figures["round"], []).append(column.take(figures))
        return {number: values[0] if isinstance(values[0], dict) else statistics.mean(values) for number, values in found.items()}

    def values(self, column, peer):
        """One for each round: the sum, where a figure has parts."""
        return [sum(value.values()) if isinstance(value, dict) else value for value in self.figures(column, peer).values()]

    def ratios(self, column, peer):
        """To direct TLS of the same round. Of direct TLS: its second time to its first, which is the noise."""
        first = self.figures(column, "direct", 0) if peer == "direct" else self.figures(column, "direct")
        second = self.figures(column, peer, 1) if peer == "direct" else self.figures(column, peer)
        return [value / first[number] for number, value in second.items() if number in first]

    def cell(self, column, peer):
        text = span(self.values(column, peer), column.decimals)
        parts = [value for value in self.figures(column, peer).values() if isinstance(value, dict)]
        if parts and len(parts[0]) > 1:
            medians = (f"{name} {statistics.median(part[name] for part in parts):.{column.decimals}f}" for name in parts[0])
            text += f" ({', '.join(medians)})"
        return "-" if peer == "direct" and parts else text

    def table(self, group):
        """Lines of cells, the title's first; None when nothing of it was measured."""
        columns = [column for column in TABLES[group][1] if any(figures["row"] == column.row for figures in self.measured)]
        peers = [peer for peer in self.peers if any(figures["row"] in {column.row for column in columns} and figures["peer"] == peer for figures in self.measured)]
        if not columns or not peers:
            return None
        lines = [["", "", *(title for column in columns for title in ([column.title, "x direct"] if column.has_ratio else [column.title]))]]
        for peer in peers:
            line = [peer, self.settings["peers"][peer]["group"]]
            for column in columns:
                line.append(self.cell(column, peer))
                line += [span(self.ratios(column, peer), 2)] if column.has_ratio else []
            lines.append(line)
        return lines

    def others(self):
        """Cores that other programs used: the median, and the most; None where no row told."""
        used = [figures["other_cores"] for figures in self.measured if "other_cores" in figures]
        return (statistics.median(used), max(used)) if used else None

    def about(self):
        machine, settings, others = self.machine, self.settings, self.others()
        return [
            f"{self.when[:10]}, {machine['cores']} cores ({machine['cpu']}), Linux {machine['kernel']}, .NET {machine['dotnet']}, relay {settings['relay']}, "
            f"commit {machine['commit'][:10]}{' with changes' if machine['is_changed'] else ''}",
            f"{settings['rounds']} round(s), {settings['payload_mib']} MiB, {settings['seconds']} s a row, {settings['idle_tunnels']} idle tunnels; median [min-max]; "
            "ratios are to direct TLS of the same round, of direct TLS to itself at the end of the row: the noise",
            f"{f'other programs used {others[0]:.2f} cores (most: {others[1]:.2f})' if others else 'these rows do not tell what other programs used'}, load at the start {machine['load']:.2f}; the audit's disk takes {machine['disk_us']} us to keep 4 KiB",
        ]


def span(values, decimals):
    """Median [min-max]; one value alone; a dash for none."""
    if not values or None in values:
        return "-"
    middle = f"{statistics.median(values):.{decimals}f}"
    return middle if len(values) == 1 else f"{middle} [{min(values):.{decimals}f}-{max(values):.{decimals}f}]"


def aligned(lines):
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    return "\n".join("  ".join(cell.ljust(width) if column < 2 else cell.rjust(width) for column, (cell, width) in enumerate(zip(line, widths))) for line in lines)


def markdown(lines):
    head, *rest = lines
    return "\n".join(f"| {' | '.join(line)} |" for line in [head, ["---"] * len(head), *rest])


def output_of(*command):
    try:
        return subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def first_line_value(path, key):
    with open(path, encoding="utf-8") as file:
        return next((line.partition(":")[2].strip() for line in file if line.startswith(key)), "unknown")


def disk_microseconds(directory, times=32):
    """What the disk of a directory takes to keep 4 KiB: the median."""
    os.makedirs(directory, exist_ok=True)
    path, took = os.path.join(directory, "fairlead-bench-probe"), []
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        for _ in range(times):
            os.write(file, b"x" * 4096)
            began = time.monotonic()
            os.fdatasync(file)
            took.append(time.monotonic() - began)
    finally:
        os.close(file)
        os.remove(path)
    return round(statistics.median(took) * 1e6)


def machine(audit_in):
    """What the figures hold for; `audit_in` is where the audit is written."""
    runtimes = [line.split()[1] for line in output_of("dotnet", "--list-runtimes").splitlines() if line.startswith("Microsoft.AspNetCore.App 10.")]
    return {
        "cpu": first_line_value("/proc/cpuinfo", "model name"),
        "cores": os.cpu_count(),
        "memory_kib": int(first_line_value("/proc/meminfo", "MemTotal").split()[0]),
        "kernel": platform.release(),
        "dotnet": runtimes[-1] if runtimes else "unknown",
        "openssl": output_of("openssl", "version"),
        "commit": output_of("git", "rev-parse", "HEAD"),
        "is_changed": output_of("git", "status", "--porcelain", "--untracked-files=no", "--", ":!docs") != "",
        "load": os.getloadavg()[0],
        "disk_us": disk_microseconds(audit_in),
    }


def save(when, result):
    """Writes bench/results/WHEN.json and returns its path."""
    directory = os.path.join(REPOSITORY, "bench", "results")
    os.makedirs(directory, exist_ok=True)
    path = os.path.join(directory, f"{when}.json")
    with open(path, "w", encoding="utf-8") as output:
        json.dump(result, output, indent=1)
        output.write("\n")
    print(f"raw figures: {os.path.relpath(path)}")
    return path


def finish(result):
    """Prints the tables, and returns the path of the raw figures."""
    results = Results(result)
    print("\n".join(results.about()))
    for group, (title, _) in TABLES.items():
        if lines := results.table(group):
            print(f"\n{title}\n{aligned(lines)}")
    for note in results.notes:
        print(f"note: {note}")
    return save(result["when"], result)
