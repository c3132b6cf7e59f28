"""One start of a program that holds a token, in a folder of the attacker's: the relay, or the control that protects nothing."""
import ctypes
import os
import resource
import signal
import time

USER = 12345
START_SECONDS, END_SECONDS = 30, 10


def become_attacker():
    os.setgroups([])
    os.setresgid(USER, USER, USER)
    os.setresuid(USER, USER, USER)


def hostile(folder, tools, control):
    """Variables that load code into a .NET process, make it write, or bend whom it trusts."""
    hooks = control["hook"]
    return {
        "LD_PRELOAD": os.path.join(tools, "preload.so"),
        "LD_LIBRARY_PATH": tools,
        "DOTNET_STARTUP_HOOKS": hooks,
        "CORECLR_ENABLE_PROFILING": "1",
        "CORECLR_PROFILER": "{cf0d821e-299b-5307-a3d8-b283c03916dd}",
        "CORECLR_PROFILER_PATH": os.path.join(tools, "profiler.so"),
        "COMPlus_EnableDiagnostics": "1",
        "DOTNET_EnableDiagnostics": "1",
        "DOTNET_EnableEventPipe": "1",
        "DOTNET_EventPipeOutputStreaming": "1",
        "DOTNET_EventPipeOutputPath": os.path.join(folder, "events.nettrace"),
        "DOTNET_EventPipeConfig": ",".join(f"{name}:0xffffffffffffffff:5" for name in (
            "Fairlead-Holder", "System.Net.Http", "Private.InternalDiagnostics.System.Net.Http", "Private.InternalDiagnostics.System.Net.Sockets",
            "Private.InternalDiagnostics.System.Net.Security")),
        "DOTNET_DbgEnableMiniDump": "1",
        "DOTNET_DbgMiniDumpType": "2",
        "DOTNET_DbgMiniDumpName": os.path.join(folder, "crash.dump"),
        "SSL_CERT_FILE": "/dev/null",
        "SSL_CERT_DIR": tools,
        "SSLKEYLOGFILE": os.path.join(folder, "tls-keys"),
        "OPENSSL_CONF": "/dev/null",
    }


# What a variable made the process leave behind.
LEFT_BY_VARIABLES = {
    "LD_PRELOAD": "preload.so.found", "CORECLR_PROFILER_PATH": "profiler.so.found", "DOTNET_STARTUP_HOOKS": "spy.so.found",
    "DOTNET_EnableEventPipe": "events.nettrace", "DOTNET_DbgEnableMiniDump": "crash.dump",
}


class Victim:
    """Waits, forked, until go() lets it become the program; so an attacker knows its id before exec."""

    def __init__(self, folder, arguments, environment):
        self.folder, self.ready_file = folder, os.path.join(folder, "ready")
        self._status = None
        reading, self._gate = os.pipe()
        self.pid = os.fork()
        if self.pid:
            os.close(reading)
            return
        try:
            os.close(self._gate)
            output = os.open(os.path.join(folder, "said"), os.O_WRONLY | os.O_CREAT, 0o666)
            os.dup2(output, 1)
            os.dup2(output, 2)
            resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
            os.chdir(folder)
            # The end of a run that was stopped is the end of its victims: PR_SET_PDEATHSIG, which a change of user would undo before it.
            become_attacker()
            ctypes.CDLL(None).prctl(1, signal.SIGKILL)
            os.read(reading, 1)
            os.execve(arguments[0], arguments, environment)
        finally:
            os._exit(127)

    def go(self):
        os.write(self._gate, b"x")
        os.close(self._gate)

    def wait_until_ready(self):
        limit = time.monotonic() + START_SECONDS
        while not os.path.exists(self.ready_file):
            if self.has_ended() or time.monotonic() > limit:
                with open(os.path.join(self.folder, "said"), encoding="utf-8", errors="replace") as said:
                    raise RuntimeError(f"expected a start within {START_SECONDS} s, got: {said.read()[-2000:]}")
            time.sleep(0.005)

    def has_ended(self):
        if self._status is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self._status = status
        return self._status is not None

    def wait_for_end(self):
        limit = time.monotonic() + END_SECONDS
        while not self.has_ended() and time.monotonic() < limit:
            time.sleep(0.005)
        if not self.has_ended():
            os.kill(self.pid, signal.SIGKILL)
            _, self._status = os.waitpid(self.pid, 0)
