"""Peers that are packages of Debian."""
import json
import os
import subprocess
import uuid

from origin import HEADER, HOST, KEY
from peers.peer import Peer
from processes import HERE, TOOLS, Failure, free_port, write

# Squid with TLS excludes Debian's other squid, which the tests need, so it is unpacked and not installed.
SQUID = os.path.join(TOOLS, "squid-openssl")


class Mitmproxy(Peer):
    """As mitmdump, with bodies passed through and not collected."""

    name, group, what = "mitmproxy", "M", "mitmdump (Python), injecting a header"
    needs = ("mitmproxy",)

    def start(self):
        with open(f"{self.site.work}/mitm-rsa.key", encoding="ascii") as key, open(f"{self.site.work}/mitm-rsa.pem", encoding="ascii") as certificate:
            write(f"{self.directory}/mitmproxy-ca.pem", key.read() + certificate.read())
        port = free_port()
        self.add("proxy", ["mitmdump", "-q", "--listen-host", "127.0.0.1", "-p", port, "--set", f"confdir={self.directory}", "--set",
                           f"ssl_verify_upstream_trusted_ca={self.ca}", "--set", "stream_large_bodies=64k", "-s", os.path.join(HERE, "peers", "mitmproxy_addon.py")], port,
                 HOME=self.directory, PYTHONDONTWRITEBYTECODE="1", BENCH_CREDENTIAL=f"{HEADER}: {KEY}")
        self.port, self.ca = self.link(port), f"{self.site.work}/mitm-rsa.pem"


class SquidBump(Peer):
    """Squid as it is set up to look into TLS."""

    name, group, what = "squid-bump", "M", "squid with ssl-bump (C++), injecting a header"
    needs = ("squid-openssl",)
    speaks_h2 = False

    @classmethod
    def versions(cls):
        with open(f"{SQUID}/version", encoding="ascii") as file:
            return {**super().versions(), "squid-openssl": file.read().strip()}

    def start(self):
        self.port = self.link(self.start_squid("proxy"))
        self.ca = f"{self.site.work}/mitm-ec.pem"

    def start_squid(self, side):
        port, work, certificates = free_port(), self.site.work, f"{self.directory}/certificates"
        program = f"{SQUID}/usr/lib/squid/security_file_certgen"
        done = subprocess.run([program, "-c", "-s", certificates, "-M", "16MB"], capture_output=True, text=True, check=False)
        if done.returncode:
            raise Failure(f"{program} failed: {done.stderr}")
        # It gives up its rights, so what it writes and reads has to be open.
        subprocess.run(["chown", "-R", "proxy", self.directory], check=True)
        config = write(f"{self.directory}/squid.conf", "\n".join((
            f"http_port 127.0.0.1:{port} ssl-bump generate-host-certificates=on dynamic_cert_mem_cache_size=16MB tls-cert={work}/mitm-ec.pem tls-key={work}/mitm-ec.key",
            f"sslcrtd_program {program} -s {certificates} -M 16MB", "ssl_bump bump all", f"tls_outgoing_options cafile={work}/ca.pem",
            f"request_header_add {HEADER} {KEY} all", "acl here src 127.0.0.0/8", "http_access allow here", "http_access deny all", "cache deny all", "cache_mem 8 MB",
            "access_log none", "cache_store_log none", f"cache_log {self.directory}/cache.log", f"pid_filename {self.directory}/squid.pid", f"coredump_dir {self.directory}",
            "cache_effective_user proxy", "pinger_enable off", "max_filedescriptors 16384", "shutdown_lifetime 0 seconds", "half_closed_clients off",
            "dns_nameservers 127.0.0.1", "visible_hostname bench", "")))
        self.add(side, [f"{SQUID}/usr/sbin/squid", "-N", "-f", config], port)
        return port


class StunnelSquid(SquidBump):
    """What comes nearest to the whole path in packages alone: TLS between two stunnels, squid behind."""

    name, group, what = "stunnel+squid", "C", "two stunnels with TLS between them, and squid with ssl-bump behind"
    needs = ("stunnel4", "squid-openssl")

    def start(self):
        squid, far, near = self.start_squid("squid"), free_port(), free_port()
        common = "foreground = yes\npid =\nsocket = l:TCP_NODELAY=1\nsocket = r:TCP_NODELAY=1\n"
        work = self.site.work
        self.add("far stunnel", ["stunnel4", write(f"{self.directory}/far.conf", f"{common}[far]\naccept = 127.0.0.1:{far}\nconnect = 127.0.0.1:{squid}\ncert = {work}/far.pem\nkey = {work}/far.key\n")], far)
        self.add("near stunnel", ["stunnel4", write(
            f"{self.directory}/near.conf",
            f"{common}[near]\nclient = yes\naccept = 127.0.0.1:{near}\nconnect = 127.0.0.1:{self.link(far)}\nverifyChain = yes\ncheckIP = 127.0.0.1\nCAfile = {work}/ca.pem\n")], near)
        self.port, self.ca = near, f"{work}/mitm-ec.pem"


class HaproxyReverse(Peer):
    """A TLS-terminating proxy for one host, whose certificate it was given: no CONNECT, nothing is minted."""

    name, group, what = "haproxy", "M", "haproxy (C) as reverse proxy of this one host, injecting a header"
    needs = ("haproxy",)
    is_proxy = False

    def start(self):
        port, work = free_port(), self.site.work
        config = write(f"{self.directory}/haproxy.cfg", "\n".join((
            "global", " maxconn 8000", " nbthread 2", " ssl-server-verify required", "defaults", " mode http", " timeout connect 5s", " timeout client 600s", " timeout server 600s",
            " http-reuse always", "listen bench", f" bind 127.0.0.1:{port} ssl crt {work}/leaf.both.pem alpn h2,http/1.1", f" http-request set-header {HEADER} {KEY}",
            f" server origin 127.0.0.1:{self.site.origin.port} ssl verify required ca-file {work}/ca.pem sni str({HOST}) verifyhost {HOST} alpn http/1.1", "")))
        self.add("proxy", ["haproxy", "-f", config, "-db"], port)
        self.port, self.ca = self.link(port), f"{work}/mitm-ec.pem"


class V2rayWss(Peer):
    """VLESS over WebSocket over TLS."""

    name, group, what = "v2ray-wss", "T", "v2ray (Go): VLESS over WebSocket, with TLS"
    needs = ("v2ray",)
    injects = False
    is_tls = True

    def start(self):
        far, near, user, work = free_port(), free_port(), str(uuid.uuid4()), self.site.work
        stream = {"network": "ws", "wsSettings": {"path": "/tunnel"}}
        ends = {"far": dict(stream), "near": dict(stream)}
        if self.is_tls:
            ends["far"] |= {"security": "tls", "tlsSettings": {"certificates": [{"certificateFile": f"{work}/far.pem", "keyFile": f"{work}/far.key"}]}}
            authority = {"usage": "verify", "certificateFile": f"{work}/ca.pem"}
            ends["near"] |= {"security": "tls", "tlsSettings": {"serverName": "localhost", "certificates": [authority], "disableSystemRoot": True}}
        policy = {"levels": {"0": {"connIdle": 600}}}
        quiet = {"loglevel": "warning"}
        self.add("far", self.command("far", {
            "log": quiet, "policy": policy, "outbounds": [{"protocol": "freedom"}],
            "inbounds": [{"listen": "127.0.0.1", "port": far, "protocol": "vless", "settings": {"clients": [{"id": user}], "decryption": "none"}, "streamSettings": ends["far"]}],
        }), far)
        server = {"address": "127.0.0.1", "port": self.link(far), "users": [{"id": user, "encryption": "none"}]}
        self.add("near", self.command("near", {
            "log": quiet, "policy": policy, "inbounds": [{"listen": "127.0.0.1", "port": near, "protocol": "http", "settings": {"timeout": 0}}],
            "outbounds": [{"protocol": "vless", "settings": {"vnext": [server]}, "streamSettings": ends["near"]}],
        }), near)
        self.port = near

    def command(self, side, config):
        return ["v2ray", "-config", write(f"{self.directory}/{side}.json", json.dumps(config))]


class V2rayWs(V2rayWss):
    """VLESS over a plain WebSocket."""

    name, what = "v2ray-ws", "v2ray (Go): VLESS over WebSocket"
    is_tls = False
