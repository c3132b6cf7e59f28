"""What all peers have in common."""
import os
import subprocess

from origin import HEADER, HOST, KEY
from processes import Server, TOOLS, free_port


class Site:
    """What a peer finds around it: files, the origin, and a link that takes its time."""

    def __init__(self, work, origin):
        self.work, self.origin = work, origin


class Peer:
    """Started in __init__, in a directory of its own; `servers` are its processes, the nearest to the client first."""

    name = "?"
    what = "?"           # one line for the reader
    group = "?"          # D direct, T tunnel only, M interception only, C the whole path
    injects = True       # puts the credential in; else the client sends it itself
    is_proxy = True      # the client says CONNECT; else whatever it sends goes to the origin
    speaks_h2 = True     # to the client
    is_ours = False
    needs = ()           # programs and packages, as setup.sh knows them

    def __init__(self, site, directory, rtt_ms=0):
        self.site, self.directory, self.rtt_ms = site, directory, rtt_ms
        self.servers, self.around = {}, []
        self.port, self.ca = None, f"{site.work}/ca.pem"
        self.requests = 0
        os.makedirs(directory)
        try:
            self.start()
        except BaseException:
            self.stop()
            raise

    def start(self):
        """Starts the processes, the far one first, and sets `port`."""
        raise NotImplementedError

    @classmethod
    def versions(cls):
        """Of the packages that it is made of: name and version."""
        found = {}
        for package in cls.needs:
            done = subprocess.run(["dpkg-query", "-W", "-f", "${Version}", package], capture_output=True, text=True, check=False)
            if done.returncode == 0 and package != "npm":
                found[package] = done.stdout
        return found

    def add(self, side, command, port, **environment):
        server = Server(f"{self.name}, {side}", command, f"{self.directory}/{side}.log", port=port, cwd=self.directory, **environment)
        self.servers = {side: server, **self.servers}

    def link(self, port):
        """Where `port` is reached over the long way: a forwarder with the row's round-trip time, or the port itself."""
        if not self.rtt_ms:
            return port
        link = free_port()
        self.around.append(Server(f"{self.name}, link", [f"{TOOLS}/delay", "--listen", link, "--to", port, "--rtt-ms", self.rtt_ms], f"{self.directory}/link.log", port=link))
        return link

    def client_options(self):
        options = ["--to", f"127.0.0.1:{self.port}", "--ca", self.ca, "--host", HOST]
        options += ["--connect", f"{HOST}:443"] if self.is_proxy else []
        return options + ([] if self.injects else ["--header", f"{HEADER}: {KEY}"])

    def stop(self):
        """Returns what was wrong with the ends, the nearest to the client first."""
        problems = [problem for server in self.servers.values() if (problem := server.stop())]
        for server in self.around:
            server.stop()
        return problems

    def verify_end(self):
        """Called after stop(): what has to hold then, and notes about it."""
        return []


class Direct(Peer):
    """The yardstick: TLS from the client to the origin."""

    name, group, what = "direct", "D", "TLS from the client to the origin"
    injects, is_proxy = False, False

    def start(self):
        self.port = self.link(self.site.origin.port)
