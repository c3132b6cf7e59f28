"""A network and a hosts file of our own: every port is free, the names of the bench resolve for every program, and nothing leaves the machine."""
import ctypes
import fcntl
import os
import socket
import struct

NEW_MOUNTS, NEW_NETWORK = 0x00020000, 0x40000000
PRIVATE_EVERYWHERE = (1 << 18) | (1 << 14)  # MS_PRIVATE | MS_REC
BIND = 1 << 12
SET_FLAGS, UP = 0x8914, 0x1


def isolate(hosts):
    """
    Moves this process, and all that it starts from now on, into a network with nothing but loopback, where /etc/hosts is `hosts`.
    Returns None, or why that cannot be: it needs root, and a container may forbid it.
    """
    if os.getuid() != 0:
        return "only root may make a network of its own"
    libc = ctypes.CDLL(None, use_errno=True)

    def succeed(result, what):
        if result != 0:
            raise OSError(ctypes.get_errno(), f"{what}: {os.strerror(ctypes.get_errno())}")

    if libc.unshare(NEW_MOUNTS | NEW_NETWORK) != 0:
        return f"a network of its own cannot be made here: {os.strerror(ctypes.get_errno())}"
    # Else the next line would change everybody's /etc/hosts.
    succeed(libc.mount(b"none", b"/", None, PRIVATE_EVERYWHERE, None), "mounts cannot be made private")
    succeed(libc.mount(hosts.encode(), b"/etc/hosts", None, BIND, None), "/etc/hosts cannot be covered")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, SET_FLAGS, struct.pack("16sh14x", b"lo", UP))
    with open("/proc/sys/net/ipv4/ip_local_port_range", "w", encoding="ascii") as file:
        file.write("10000 65000")
    return None
