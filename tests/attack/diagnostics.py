"""The diagnostics port of .NET, as its debugging tools speak it: a request is a header, a payload, and an answer in the same form."""
import glob
import os
import socket
import struct

MAGIC = b"DOTNET_IPC_V1\0"
LIMIT_SECONDS = 8


class NoPort(Exception):
    """The process listens on no diagnostics port."""


def text(value):
    """| u32 characters with the 0 | UTF-16 | 0 |"""
    return struct.pack("<I", len(value) + 1) + (value + "\0").encode("utf-16-le")


def ask(pid, folders, command_set, command, payload=b""):
    """Everything that comes back until the process closes or falls silent."""
    sockets = [path for folder in folders for path in glob.glob(os.path.join(folder, f"dotnet-diagnostic-{pid}-*-socket"))]
    if not sockets:
        raise NoPort()
    with socket.socket(socket.AF_UNIX) as port:
        port.settimeout(LIMIT_SECONDS)
        port.connect(sockets[0])
        # | magic | u16 length of all | u8 set | u8 command | u16 reserved | payload |
        port.sendall(MAGIC + struct.pack("<HBBH", 20 + len(payload), command_set, command, 0) + payload)
        answer = b""
        try:
            while piece := port.recv(1 << 16):
                answer += piece
        except TimeoutError:
            pass
        return answer


def environment(pid, folders):
    return ask(pid, folders, 0x04, 0x02)


def dump(pid, folders, path):
    """A core file with the heap, written by the process itself."""
    ask(pid, folders, 0x01, 0x01, text(path) + struct.pack("<II", 2, 0))


def apply_startup_hook(pid, folders, assembly):
    ask(pid, folders, 0x04, 0x07, text(assembly))
