"""What a process of the same user can try. Each technique gets a Target and says whether it had the token, or got through a door behind which it is."""
import ctypes
import os
import shutil
import signal
import struct
import subprocess
import time

import diagnostics

LIBC = ctypes.CDLL(None, use_errno=True)
PTRACE_ATTACH, PTRACE_DETACH, PTRACE_SEIZE, PTRACE_INTERRUPT = 16, 17, 0x4206, 0x4207
SYS_PERF_EVENT_OPEN, SYS_KCMP, SYS_PIDFD_OPEN, SYS_PIDFD_GETFD = 298, 312, 434, 438
WALL = 0x40000000
MAX_REGION, BLOCK, OVERLAP = 1 << 29, 1 << 22, 512
MAX_KEPT = 1500
"".encode("utf-16-le")  # Loaded now: the attacker may not be able to read where Python is installed.


class Target:
    def __init__(self, pid, folder, token_file, canary, held, kept, hook):
        self.pid, self.folder, self.token_file, self.canary, self.held, self.kept, self.hook = pid, folder, token_file, canary, held, kept, hook

    def has(self, data):
        return self.canary in data or self.canary.decode().encode("utf-16-le") in data

    def proc(self, name):
        return f"/proc/{self.pid}/{name}"


def read_file(path, limit=1 << 24):
    with open(path, "rb") as file:
        return file.read(limit)


def regions(maps):
    for line in maps.decode(errors="replace").splitlines():
        fields = line.split()
        start, end = (int(part, 16) for part in fields[0].split("-"))
        if fields[1].startswith("rw") and end - start < MAX_REGION and start < 1 << 47:
            yield start, end


def look_through(target, maps, read):
    """Reads all that can be written to; read takes an address and a length."""
    for start, end in regions(maps):
        for at in range(start, end, BLOCK - OVERLAP):
            try:
                if target.has(read(at, min(BLOCK, end - at))):
                    return True
            except OSError:
                continue
    return False


def memory_through(target, path):
    memory = os.open(path, os.O_RDONLY)
    try:
        return look_through(target, read_file(target.proc("maps")), lambda at, length: os.pread(memory, length, at))
    finally:
        os.close(memory)


def watch(pid, is_over):
    """From before exec on: takes every handle on the memory that can be had, and keeps it."""
    kept = []
    while not is_over():
        try:
            memory = os.open(f"/proc/{pid}/mem", os.O_RDONLY)
        except OSError:
            continue
        try:
            kept.append((memory, os.open(f"/proc/{pid}/maps", os.O_RDONLY)))
        except OSError:
            os.close(memory)
        if len(kept) > MAX_KEPT:
            for descriptor in kept.pop(0):
                os.close(descriptor)
        time.sleep(0.0005)
    return kept


def raced_memory(target):
    for memory, maps in reversed(target.kept):
        text = b""
        while piece := os.read(maps, 1 << 16):
            text += piece
        if text:  # The others are handles on what was there before an exec.
            return look_through(target, text, lambda at, length, memory=memory: os.pread(memory, length, at))
    return False


def ptrace(request, pid):
    if LIBC.ptrace(request, pid, None, None) != 0:
        raise OSError(ctypes.get_errno(), "ptrace")


def traced(target, request):
    ptrace(request, target.pid)
    try:
        if request == PTRACE_SEIZE:
            ptrace(PTRACE_INTERRUPT, target.pid)
        os.waitpid(target.pid, WALL)
        return memory_through(target, target.proc("mem"))
    finally:
        ptrace(PTRACE_DETACH, target.pid)


def process_vm_readv(target):
    def read(at, length):
        buffer = ctypes.create_string_buffer(length)
        local = (ctypes.c_void_p * 2)(ctypes.addressof(buffer), length)
        remote = (ctypes.c_void_p * 2)(at, length)
        got = LIBC.process_vm_readv(target.pid, local, ctypes.c_ulong(1), remote, ctypes.c_ulong(1), ctypes.c_ulong(0))
        if got < 0:
            raise OSError(ctypes.get_errno(), "process_vm_readv")
        return buffer.raw[:got]

    return look_through(target, read_file(target.proc("maps")), read)


def pidfd_getfd(target):
    handle = LIBC.syscall(SYS_PIDFD_OPEN, target.pid, 0)
    if handle < 0:
        raise OSError(ctypes.get_errno(), "pidfd_open")
    return any(LIBC.syscall(SYS_PIDFD_GETFD, handle, number, 0) >= 0 for number in range(3, 256))


def open_files(target):
    found = False
    for name in os.listdir(target.proc("fd")):
        try:
            descriptor = os.open(target.proc(f"fd/{name}"), os.O_RDONLY | os.O_NONBLOCK)
            found = found or target.has(os.pread(descriptor, 1 << 20, 0))
            os.close(descriptor)
        except OSError:
            continue
    return found


def perf_event_open(target):
    # struct perf_event_attr: | u32 type: software | u32 size | u64 config: cpu clock | ... | u64 flags: neither kernel nor hypervisor |
    attributes = struct.pack("<IIQ", 1, 64, 0) + bytes(24) + struct.pack("<Q", 0b1100000) + bytes(16)
    return LIBC.syscall(SYS_PERF_EVENT_OPEN, attributes, target.pid, -1, -1, 0) >= 0


def debugger(target):
    program = shutil.which("gdb")
    if program is None:
        return None
    said = subprocess.run([program, "-nx", "-batch", "-p", str(target.pid), "-ex", "info registers"], capture_output=True, text=True, timeout=60, check=False).stdout
    return "rip" in said


def port(target, ask):
    try:
        return ask([target.folder, "/tmp"])
    except (diagnostics.NoPort, OSError):
        return False


def dump_by_port(target):
    path = os.path.join(target.folder, "port.dump")
    port(target, lambda folders: diagnostics.dump(target.pid, folders, path))
    return os.path.exists(path) and target.has(read_file(path, 1 << 30))


def hook_by_port(target):
    port(target, lambda folders: diagnostics.apply_startup_hook(target.pid, folders, target.hook))
    return False


# What is tried on a process that runs. None: cannot be said here; an error of the system: the door was shut.
RUNNING = [
    ("/proc/PID/mem", lambda target: memory_through(target, target.proc("mem"))),
    ("/proc/PID/task/TID/mem", lambda target: any([memory_through(target, target.proc(f"task/{thread}/mem")) for thread in os.listdir(target.proc("task"))[:2]])),
    ("/proc/PID/mem opened while it started", raced_memory),
    ("/proc/PID/environ", lambda target: target.has(read_file(target.proc("environ")))),
    ("/proc/PID/cmdline", lambda target: target.has(read_file(target.proc("cmdline")))),
    ("/proc/PID/maps (door)", lambda target: len(read_file(target.proc("maps"))) > 0),
    ("/proc/PID/root (door)", lambda target: len(os.listdir(target.proc("root"))) > 0),
    ("/proc/PID/syscall (door)", lambda target: len(read_file(target.proc("syscall"))) > 0),
    ("/proc/PID/auxv (door)", lambda target: len(read_file(target.proc("auxv"))) > 0),
    ("/proc/PID/fd/*", open_files),
    ("pidfd_getfd (door)", pidfd_getfd),
    ("ptrace attach", lambda target: traced(target, PTRACE_ATTACH)),
    ("ptrace seize", lambda target: traced(target, PTRACE_SEIZE)),
    ("process_vm_readv", process_vm_readv),
    ("kcmp (door)", lambda target: LIBC.syscall(SYS_KCMP, target.pid, os.getpid(), 0, 0, 0) >= 0),
    ("perf_event_open (door)", perf_event_open),
    ("token file, read again", lambda target: target.has(read_file(target.token_file))),
    ("token file, descriptor from before", lambda target: target.has(os.pread(target.held, 1 << 16, 0))),
    (".NET port: environment", lambda target: port(target, lambda folders: target.has(diagnostics.environment(target.pid, folders)))),
]

# Too slow for each start, or not together with hostile variables.
SOMETIMES = [("gdb (door)", debugger), (".NET port: dump", dump_by_port)]


def attack(target, is_hostile, is_thorough):
    """What each technique got: True, False, or None where it cannot be said."""
    techniques = RUNNING + (SOMETIMES if is_thorough else []) + ([] if is_hostile else [(".NET port: startup hook", hook_by_port)])
    results = {}
    for name, technique in techniques:
        try:
            results[name] = technique(target)
        except OSError:
            results[name] = False
    return results


def crash(pid, is_hostile):
    """A core file, if the process leaves one. The handlers of .NET take the first signal of some kinds for a fault that will come again, so it does."""
    for kind in [signal.SIGABRT, signal.SIGABRT, signal.SIGXCPU] if is_hostile else [signal.SIGSEGV, signal.SIGSEGV, signal.SIGXCPU]:
        os.kill(pid, kind)
        for _ in range(30):
            if read_file(f"/proc/{pid}/stat").rpartition(b")")[2].split()[0] == b"Z":
                return
            time.sleep(0.005)
