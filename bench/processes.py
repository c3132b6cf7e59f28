"""The processes that ./dev bench starts: each on a free port, with a log, in a session of its own, and ended by its id."""
import os
import re
import signal
import socket
import subprocess
import time

START_LIMIT = 60.0
END_LIMIT = 20.0
TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
HERE = os.path.dirname(os.path.abspath(__file__))
REPOSITORY = os.path.dirname(HERE)
OUT = os.path.join(REPOSITORY, "out")
TOOLS = os.path.join(REPOSITORY, "artifacts", "bench")
# What would send a process through a proxy, or configure it from outside.
FOREIGN = re.compile(r"(?i)^(https?_proxy|all_proxy|no_proxy|ssl_cert_(file|dir)|sslkeylogfile|fairlead_.*|ccr_.*|claude_code_.*|anthropic_.*|aspnetcore_.*"
                     r"|node_(extra_ca_certs|options|path|use_.*)|npm_config_.*|(requests|curl|aws)_ca_bundle|python.*)$")


class Failure(Exception):
    """A step that failed, in a sentence for the reader."""


def fill(template, **words):
    """The text of a file of this folder, with its @WORDS@ replaced."""
    with open(os.path.join(HERE, template), encoding="utf-8") as file:
        text = file.read()
    for name, value in words.items():
        text = text.replace(f"@{name}@", str(value))
    return text


def write(path, text):
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    return path


def tail(path, lines=15):
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return "".join(file.readlines()[-lines:])
    except FileNotFoundError:
        return ""


_given = set()


def free_port():
    """A port of 127.0.0.1 that nobody listens on, and that was not given out before."""
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        if port not in _given:
            _given.add(port)
            return port


def accepts(port):
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def busy_seconds():
    """CPU seconds that the machine has used for anything at all."""
    with open("/proc/stat", encoding="ascii") as file:
        user, nice, system, _, _, irq, softirq, steal = map(int, file.readline().split()[1:9])
    return (user + nice + system + irq + softirq + steal) / TICKS_PER_SECOND


class Server:
    """A process, its children, its log, and what they use."""

    def __init__(self, name, command, log, port=None, cwd=None, **environment):
        """Waits until `port` takes connections, where one is given: started_ms is how long that took."""
        self.name, self.log = name, log
        clean = {key: value for key, value in os.environ.items() if not FOREIGN.match(key)}
        with open(log, "w", encoding="utf-8") as output:
            began = time.monotonic()
            self.process = subprocess.Popen(
                [str(word) for word in command], env=clean | environment, cwd=cwd, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True)
        if port:
            try:
                self.wait_for(lambda: accepts(port))
            except BaseException:
                self.stop()
                raise
        self.started_ms = (time.monotonic() - began) * 1e3

    def wait_for(self, what):
        """Calls what() until it gives something, and returns that."""
        limit = time.monotonic() + START_LIMIT
        while time.monotonic() < limit:
            self.check()
            if found := what():
                return found
            time.sleep(0.002)
        raise Failure(f"{self.name} did not start within {START_LIMIT:.0f} s\n{tail(self.log)}")

    def check(self):
        if (code := self.process.poll()) is not None:
            raise Failure(f"{self.name} ended with {code}\n{tail(self.log)}")

    def stop(self):
        """Ends the process, and what it has started. Returns None, or what was wrong with its end."""
        if self.process.poll() is not None:
            return self._rest(f"{self.name} ended by itself with {self.process.returncode}")
        self.process.terminate()
        try:
            code = self.process.wait(END_LIMIT)
            return self._rest(None if code == 0 else f"{self.name} ended with {code} on SIGTERM")
        except subprocess.TimeoutExpired:
            return self._rest(f"{self.name} did not end within {END_LIMIT:.0f} s of SIGTERM")

    def _rest(self, problem):
        # The session is the process's own, so whatever is left in it was started by it.
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()
        return problem

    def pids(self):
        """The process and all below it: nginx works in children, squid mints certificates in them."""
        found = [self.process.pid]
        for pid in found:
            try:
                for task in os.listdir(f"/proc/{pid}/task"):
                    with open(f"/proc/{pid}/task/{task}/children", encoding="ascii") as file:
                        found += map(int, file.read().split())
            except (FileNotFoundError, ProcessLookupError):
                pass
        return found

    def cpu(self):
        """User and system seconds so far."""
        self.check()
        total = 0
        for pid in self.pids():
            try:
                with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
                    fields = file.read().rpartition(")")[2].split()
                # With what its children used that have ended: websockify has one for each connection.
                total += sum(map(int, fields[11:15]))
            except (FileNotFoundError, ProcessLookupError):
                pass
        return total / TICKS_PER_SECOND

    def memory(self):
        """Resident and proportional KiB; the latter None where this user may not see it, as our programs keep their memory private."""
        self.check()
        rss, pss = 0, 0
        for pid in self.pids():
            try:
                with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
                    for line in file:
                        if line.startswith("Rss:"):
                            rss += int(line.split()[1])
                        elif line.startswith("Pss:"):
                            pss += int(line.split()[1])
            except PermissionError:
                pss = None
                with open(f"/proc/{pid}/status", encoding="utf-8") as file:
                    rss += next(int(line.split()[1]) for line in file if line.startswith("VmRSS:"))
                return {"rss": rss, "pss": pss}
            except (FileNotFoundError, ProcessLookupError):
                pass
        return {"rss": rss, "pss": pss}

    def descriptors(self):
        """How many files and sockets are open; None where this user may not see it."""
        self.check()
        try:
            return len(os.listdir(f"/proc/{self.process.pid}/fd"))
        except PermissionError:
            return None
