#!/usr/bin/env python3
"""Attacks fairlead as a process of the same user would, and says in a table what it got.

    attack.py [--starts N] [--readable] [--out DIR]     as root: it becomes the relay's user itself

Each start has a fresh random token. The control is a .NET program that protects nothing: what does not find its token proves nothing, and is shown as
such. "door" rows ask for no token: what is behind them would lead to it. Exit code 1: a way in was found, or a start failed. --readable installs the relay with mode 0755, to see what the mode is for.
"""
import argparse
import multiprocessing
import os
import resource
import secrets
import shutil
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
import gateway  # noqa: E402
import techniques  # noqa: E402
import victim  # noqa: E402

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
HERE = os.path.dirname(os.path.abspath(__file__))
THOROUGH_STARTS = 4
CORE, FILES = "core file after a crash", "other files, and what it says"


def prepare(top, out, mode):
    """Installs the relay's builds by the recipe of the packages, and the control; returns name: [program, first arguments]."""
    tools = os.path.join(top, "tools")
    os.mkdir(tools, 0o755)
    subprocess.run(["gcc", "-O2", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-o", f"{tools}/preload.so", f"{HERE}/spy.c", "-pthread", "-Wl,-z,nodelete"], check=True)
    holder = os.path.join(top, "control")
    shutil.copytree(os.path.join(ROOT, "artifacts/bin/Fairlead.Attack.Holder/release"), holder)
    for copy in (f"{tools}/profiler.so", f"{holder}/spy.so"):
        shutil.copy(f"{tools}/preload.so", copy)
    builds = {"control": [f"{holder}/holder"]}
    managed = os.path.join(top, "managed-files")
    os.mkdir(managed)
    for name in ("fairlead", "fairlead.dll", "fairlead.deps.json", "fairlead.runtimeconfig.json", "Fairlead.Wire.dll", "System.CommandLine.dll"):
        shutil.copy(os.path.join(out, name), managed)
    native = os.path.join(top, "aot-files")
    os.mkdir(native)
    shutil.copy(os.path.join(out, "aot/fairlead"), native)
    for name, files in (("managed", managed), ("aot", native)):
        subprocess.run([f"{ROOT}/packaging/install.sh", "--prefix", f"{top}/{name}", "--from", files], check=True, stdout=subprocess.DEVNULL)
        os.chmod(f"{top}/{name}/lib/fairlead/fairlead", mode)
        builds[name] = [f"{top}/{name}/bin/fairlead"]
    return builds, tools, {"hook": f"{holder}/holder.dll"}


def attacker(connection, token_file, canary, hook):
    """The attacker's process: there before the program is."""
    victim.become_attacker()
    resource.setrlimit(resource.RLIMIT_NOFILE, (4096, max(4096, resource.getrlimit(resource.RLIMIT_NOFILE)[1])))
    held = os.open(token_file, os.O_RDONLY)
    pid, folder = connection.recv()
    connection.send("watching")
    kept = techniques.watch(pid, connection.poll)
    is_hostile, is_thorough = connection.recv()
    target = techniques.Target(pid, folder, token_file, canary, held, kept, hook)
    connection.send(techniques.attack(target, is_hostile, is_thorough))
    connection.recv()
    try:
        techniques.crash(pid, is_hostile)
    except (ProcessLookupError, FileNotFoundError):
        pass  # It has ended, and is forgotten already.
    os._exit(0)


def left_behind(folder, canary, is_hostile):
    """Which files of the folder have the token, by what made the program write them."""
    target = techniques.Target(0, folder, "", canary, 0, [], "")
    found = [name for name in os.listdir(folder) if os.path.isfile(os.path.join(folder, name)) and name != "token" and target.has(techniques.read_file(os.path.join(folder, name), 1 << 30))]
    results = {CORE: any(name.startswith("core") for name in found)}
    known = [name for name in found if name.startswith("core") or name == "port.dump"]
    if is_hostile:
        for variable, name in victim.LEFT_BY_VARIABLES.items():
            results[f"variable {variable}"] = name in found
            known.append(name)
    elif "spy.so.found" in found:
        results[".NET port: startup hook"] = True
        known.append("spy.so.found")
    results[FILES] = any(name not in known for name in found)
    return results


def start(number, name, program, top, tools, control, site):
    """One start with everything that is tried on it."""
    folder = tempfile.mkdtemp(prefix=f"{name}-", dir=top)
    canary = f"FAKE-canary-{secrets.token_hex(16)}".encode()
    is_hostile, is_thorough = number % 2 == 1, number < THOROUGH_STARTS
    token_file = os.path.join(folder, "token")
    with open(token_file, "wb", opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
        file.write(canary + b"\n")
    for path in (folder, token_file):
        os.chown(path, victim.USER, victim.USER)
    environment = {"PATH": "/usr/bin:/bin", "HOME": folder, "TMPDIR": folder, "DOTNET_ROOT": os.environ.get("DOTNET_ROOT") or os.path.dirname(os.path.realpath(shutil.which("dotnet")))}
    if is_hostile:
        environment |= victim.hostile(folder, tools, control)
    ready = os.path.join(folder, "ready")
    if name == "control":
        environment["TOKEN"] = canary.decode()
        arguments = [*program, token_file, ready, canary.decode()]
    else:
        environment |= {"FAIRLEAD_GATEWAY": site.url, "FAIRLEAD_SESSION_ID": "attacked", "FAIRLEAD_TOKEN_FILE": token_file, "FAIRLEAD_FAIL": "closed"}
        arguments = [*program, "relay", "--verbose", "--env-file", ready]
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("fork").Process(target=attacker, args=(theirs, token_file, canary, control["hook"]))
    process.start()
    theirs.close()
    running = victim.Victim(folder, arguments, environment)
    try:
        ours.send((running.pid, folder))
        ours.recv()
        running.go()
        running.wait_until_ready()
        if name != "control":
            site.use(ready)
        ours.send((is_hostile, is_thorough))
        results = ours.recv()
        # What was loaded looks through the memory every 50 ms.
        time.sleep(0.3 if name == "control" else 0.05)
        ours.send("crash")
        running.wait_for_end()
        return results | {row: hit or results.get(row, False) for row, hit in left_behind(folder, canary, is_hostile).items()}
    finally:
        if not running.has_ended():
            os.kill(running.pid, 9)
            running.wait_for_end()
        process.join(5)
        process.kill()
        shutil.rmtree(folder, ignore_errors=True)


def show(counts, starts):
    """The table; returns how often there was a way in."""
    names = list(counts)
    rows = list(dict.fromkeys(row for name in names for row in counts[name]))
    lines = [["technique", *(f"{name}, {starts[name]} starts" for name in names)]]
    total = 0
    for row in rows:
        cells = [row]
        for name in names:
            found, tried = counts[name].get(row, [0, 0])
            total += found if name != "control" else 0
            cells.append(f"found {found} of {tried}" if counts["control"].get(row, [0])[0] else "not available here: the control does not yield to it")
        lines.append(cells)
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    print("\n".join("  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip() for line in lines))
    return total


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--starts", type=int, default=100)
    parser.add_argument("--readable", action="store_true")
    parser.add_argument("--out", default=os.path.join(ROOT, "out"))
    options = parser.parse_args()
    if os.geteuid() != 0:
        sys.exit("attack.py: expected root, which becomes the relay's user; got another user")
    began = time.monotonic()
    top = tempfile.mkdtemp(prefix="fairlead-attack-")
    try:
        os.chmod(top, 0o755)
        builds, tools, control = prepare(top, options.out, 0o755 if options.readable else 0o711)
        counts = {name: {} for name in builds}
        starts = {name: options.starts for name in builds} | {"control": 2 if options.starts < 10 else 4}
        with gateway.Gateway(top) as site:
            for name, program in builds.items():
                for number in range(starts[name]):
                    for row, hit in start(number, name, program, top, tools, control, site).items():
                        if hit is not None:
                            count = counts[name].setdefault(row, [0, 0])
                            count[0] += bool(hit)
                            count[1] += 1
        total = show(counts, starts)
    finally:
        shutil.rmtree(top, ignore_errors=True)
    print(f"{'no way in found' if total == 0 else f'{total} ways in found'}; {time.monotonic() - began:.0f} s")
    sys.exit(1 if total else 0)


if __name__ == "__main__":
    main()
