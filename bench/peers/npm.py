"""Peers that are packages of npm, and those written here in Node.js."""
import json
import os
import shutil
import subprocess

from origin import HEADER, KEY
from peers.peer import Peer
from processes import HERE, TOOLS, free_port

MODULES = os.path.join(TOOLS, "node", "node_modules")
SOURCES = os.path.join(HERE, "peers", "node")


class NodePeer(Peer):
    """What runs under Node.js."""

    needs = ("npm",)
    modules = ()

    @classmethod
    def versions(cls):
        found = super().versions() | {"Node.js": subprocess.run(["node", "--version"], capture_output=True, text=True, check=True).stdout.strip()}
        for module in cls.modules:
            with open(f"{MODULES}/{module}/package.json", encoding="utf-8") as file:
                found[module] = json.load(file)["version"]
        return found

    def add_node(self, side, port, script, *arguments):
        self.add(side, [shutil.which("node"), os.path.join(SOURCES, script), port, *arguments], port, NODE_PATH=MODULES, NODE_EXTRA_CA_CERTS=f"{self.site.work}/ca.pem",
                 BENCH_CREDENTIAL=f"{HEADER}: {KEY}")


class NodePairWss(NodePeer):
    """A relay and a gateway in Node.js, written the obvious way with `ws` and node-forge."""

    name, group, what = "node-pair", "C", "relay and gateway written the obvious way for Node.js (ws, node-forge), wss between them: interception, injected header"
    modules = ("ws", "node-forge")
    speaks_h2 = False
    is_tls = True

    def start(self):
        work, far, near = self.site.work, free_port(), free_port()
        certificate = [f"{work}/far.pem", f"{work}/far.key"] if self.is_tls else []
        self.add_node("gateway", far, "gateway.cjs", f"{work}/mitm-rsa.pem", f"{work}/mitm-rsa.key", *certificate)
        self.add_node("relay", near, "relay.cjs", f"{'wss' if self.is_tls else 'ws'}://localhost:{self.link(far)}/")
        self.port, self.ca = near, f"{work}/mitm-rsa.pem"


class NodePairWs(NodePairWss):
    """The same without TLS between the halves."""

    name, what = "node-pair-ws", "the same, ws between relay and gateway"
    is_tls = False


class Mockttp(NodePeer):
    """As HTTP Toolkit uses it."""

    name, group, what = "mockttp", "M", "mockttp (Node.js), passing through, injecting a header"
    modules = ("mockttp",)

    def start(self):
        port = free_port()
        self.add_node("proxy", port, "mockttp.cjs", f"{self.site.work}/mitm-rsa.pem", f"{self.site.work}/mitm-rsa.key", f"{self.site.work}/ca.pem")
        self.port, self.ca = self.link(port), f"{self.site.work}/mitm-rsa.pem"


class HttpMitmProxy(NodePeer):
    """It makes a CA of its own, and listens on one port more for each host."""

    name, group, what = "http-mitm-proxy", "M", "http-mitm-proxy (Node.js), injecting a header"
    modules = ("http-mitm-proxy",)
    speaks_h2 = False

    def start(self):
        port = free_port()
        self.add_node("proxy", port, "http-mitm-proxy.cjs", self.directory)
        self.port, self.ca = self.link(port), f"{self.directory}/certs/ca.pem"


class Websockify(NodePeer):
    """Debian's websockify before the origin, and a client of `ws` that sends it what comes."""

    name, group, what = "websockify", "T", "websockify (Python), ws, to this one host; the near half is a client of ws (Node.js)"
    needs, modules = ("websockify", "npm"), ("ws",)
    injects, is_proxy = False, False

    def start(self):
        far, near = free_port(), free_port()
        self.add("far", ["websockify", f"127.0.0.1:{far}", f"127.0.0.1:{self.site.origin.port}"], far)
        self.add_node("near", near, "raw-relay.cjs", f"ws://localhost:{self.link(far)}/")
        self.port = near
