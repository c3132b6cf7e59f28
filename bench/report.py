"""From raw figures to the table and the file in bench/results: medians, min-max, and ratios to direct TLS of the same round."""
import json
import os
import platform
import statistics
import subprocess

GIB = 1024 ** 3
REPOSITORY = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def per_second(figures):
    return figures["per_second"]


def megabytes(figures):
    return figures["bytes"] / figures["seconds"] / 1e6


def cpu_per_gib(name):
    return lambda figures: figures["cpu"][name] * GIB / figures["bytes"]


def cpu_per_request(name, unit):
    return lambda figures: figures["cpu"][name] * unit / figures["requests"]


def idle_memory(name, kind):
    return lambda figures: figures["kib_per_tunnel"][name][kind]


# Title, the row of the raw figures, what to take from them, decimals, and whether it is set beside direct TLS.
LINES = [
    ("download, MB/s", "download", megabytes, 0, True),
    ("  relay, CPU-s per GiB", "download", cpu_per_gib("relay"), 2, False),
    ("  gateway, CPU-s per GiB", "download", cpu_per_gib("gateway"), 2, False),
    ("upload, MB/s", "upload", megabytes, 0, True),
    ("  relay, CPU-s per GiB", "upload", cpu_per_gib("relay"), 2, False),
    ("  gateway, CPU-s per GiB", "upload", cpu_per_gib("gateway"), 2, False),
    ("new tunnel, p50 ms", "sequential", lambda figures: figures["p50_ms"], 2, True),
    ("new tunnel, p99 ms", "sequential", lambda figures: figures["p99_ms"], 2, True),
    ("new tunnels/s, 32 parallel", "parallel", per_second, 0, True),
    ("  relay, CPU ms per tunnel", "parallel", cpu_per_request("relay", 1e3), 2, False),
    ("  gateway, CPU ms per tunnel", "parallel", cpu_per_request("gateway", 1e3), 2, False),
    ("kept-alive requests/s, 1", "keepalive-1", per_second, 0, True),
    ("  p50 ms", "keepalive-1", lambda figures: figures["p50_ms"], 3, True),
    ("kept-alive requests/s, 32", "keepalive-32", per_second, 0, True),
    ("  p50 ms", "keepalive-32", lambda figures: figures["p50_ms"], 3, True),
    ("  relay, CPU us per request", "keepalive-32", cpu_per_request("relay", 1e6), 0, False),
    ("  gateway, CPU us per request", "keepalive-32", cpu_per_request("gateway", 1e6), 0, False),
    ("idle tunnel: relay RSS, KiB", "idle", idle_memory("relay", "rss"), 1, False),
    ("idle tunnel: relay PSS, KiB", "idle", idle_memory("relay", "pss"), 1, False),
    ("idle tunnel: gateway RSS, KiB", "idle", idle_memory("gateway", "rss"), 1, False),
    ("idle tunnel: gateway PSS, KiB", "idle", idle_memory("gateway", "pss"), 1, False),
]


def span(values, decimals):
    """Median [min-max]; one value alone; a dash for none."""
    if not values or None in values:
        return "-"
    middle = f"{statistics.median(values):.{decimals}f}"
    return middle if len(values) == 1 else f"{middle} [{min(values):.{decimals}f}-{max(values):.{decimals}f}]"


def table(measured):
    def values(row, path, take):
        """By round."""
        return {figures["round"]: take(figures) for figures in measured if figures["row"] == row and figures["path"] == path}

    lines = [["", "direct", "ours, ws", "x direct", "ours, wss", "x direct"]]
    for title, row, take, decimals, has_direct in LINES:
        direct = values(row, "direct", take) if has_direct else {}
        cells = [title, span(list(direct.values()), decimals)]
        for path in ("ws", "wss"):
            ours = values(row, path, take)
            cells += [span(list(ours.values()), decimals), span([ours[number] / direct[number] for number in ours] if direct else [], 2)]
        lines.append(cells)
    return lines


def aligned(lines):
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    return "\n".join("  ".join(cell.ljust(width) if column == 0 else cell.rjust(width) for column, (cell, width) in enumerate(zip(line, widths))) for line in lines)


def output_of(*command):
    try:
        return subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def first_line_value(path, key):
    with open(path, encoding="utf-8") as file:
        return next((line.partition(":")[2].strip() for line in file if line.startswith(key)), "unknown")


def machine():
    runtimes = [line.split()[1] for line in output_of("dotnet", "--list-runtimes").splitlines() if line.startswith("Microsoft.AspNetCore.App 10.")]
    return {
        "cpu": first_line_value("/proc/cpuinfo", "model name"),
        "cores": os.cpu_count(),
        "memory_kib": int(first_line_value("/proc/meminfo", "MemTotal").split()[0]),
        "kernel": platform.release(),
        "dotnet": runtimes[-1] if runtimes else "unknown",
        "openssl": output_of("openssl", "version"),
        "commit": output_of("git", "rev-parse", "HEAD"),
        "is_changed": output_of("git", "status", "--porcelain", "--untracked-files=no") != "",
    }


def finish(when, settings, measured, notes, took):
    """Prints the table and writes bench/results/WHEN.json."""
    about, lines = machine(), table(measured)
    others = [figures["other_cores"] for figures in measured if "other_cores" in figures]
    print(f"{about['cores']} cores, {about['cpu']}, Linux {about['kernel']}, .NET {about['dotnet']}, commit {about['commit'][:10]}{' with changes' if about['is_changed'] else ''}")
    print(f"{settings['rounds']} round(s), {settings['payload_mib']} MiB, {took:.0f} s; median [min-max]; ratios are to direct TLS of the same round\n")
    print(aligned(lines))
    print(f"\nother programs used {statistics.median(others):.2f} cores meanwhile (most: {max(others):.2f}); above 0.1 the figures are a floor")
    for note in notes:
        print(f"note: {note}")
    directory = os.path.join(REPOSITORY, "bench", "results")
    os.makedirs(directory, exist_ok=True)
    file = os.path.join(directory, f"{when}.json")
    with open(file, "w", encoding="utf-8") as output:
        json.dump({"when": when, "machine": about, "settings": settings, "took_seconds": round(took, 1), "notes": notes, "table": lines, "measured": measured}, output, indent=1)
        output.write("\n")
    print(f"raw figures: {os.path.relpath(file)}")
