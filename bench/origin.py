"""The origin: nginx with files in memory, and the certificates of everybody."""
import os
import subprocess

from isolation import isolate
from processes import Failure, Server, accepts, fill, free_port, tail, write

HOST = "origin.bench.test"
# Marked as fake for scanners and readers: no real key begins like this.
KEY = "FAKE-bench-key"
HEADER = "x-api-key"


class Origin(Server):
    """Answers only who shows the credential. Where the network is our own it listens on 443, as origins do."""

    def __init__(self, work, is_isolated):
        self.port = 443 if is_isolated else free_port()
        user = "user root;\n" if os.getuid() == 0 else ""
        write(f"{work}/nginx.conf", user + fill("nginx.conf", WORK=work, PORT=self.port, HOST=HOST, KEY=KEY))
        super().__init__("the origin (nginx)", ["nginx", "-e", f"{work}/nginx.log", "-c", f"{work}/nginx.conf"], f"{work}/nginx.out")
        try:
            self.wait_for(lambda: accepts(self.port))
        except Failure as failure:
            self.stop()
            raise Failure(f"{failure}{tail(f'{work}/nginx.log')}") from None
        except BaseException:
            self.stop()
            raise


def open_site(work):
    """Makes the certificates and starts the origin, in a network of our own where there can be one. Returns it, and None or why there is none."""
    make_certificates(work)
    problem = isolate(write(f"{work}/hosts", f"127.0.0.1 localhost {HOST}\n"))
    return Origin(work, is_isolated=problem is None), problem


def openssl(*arguments):
    done = subprocess.run(["openssl", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise Failure(f"openssl {arguments[0]} failed: {done.stderr.strip()}")


def make_certificates(work):
    """
    ca: signs the origin's certificate, and the one of whoever ends TLS between the halves of a pair ("far", for localhost and 127.0.0.1).
    mitm-ec, mitm-rsa: with which interceptors that want a CA sign; some know RSA only. "leaf" is the first's, for the origin's name.
    """
    elliptic = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    for name, key in (("ca", elliptic), ("mitm-ec", elliptic), ("mitm-rsa", ["-newkey", "rsa:2048", "-nodes"])):
        openssl("req", "-x509", *key, "-days", "2", "-subj", f"/CN=Bench {name}", "-keyout", f"{work}/{name}.key", "-out", f"{work}/{name}.pem",
                "-addext", "keyUsage=critical,keyCertSign,cRLSign")
    for name, signer, alternative in (("origin", "ca", f"DNS:{HOST}"), ("far", "ca", "DNS:localhost,IP:127.0.0.1"), ("leaf", "mitm-ec", f"DNS:{HOST}")):
        write(f"{work}/{name}.ext", f"subjectAltName={alternative}\nextendedKeyUsage=serverAuth\n")
        openssl("req", *elliptic, "-subj", f"/CN={name}", "-keyout", f"{work}/{name}.key", "-out", f"{work}/{name}.csr")
        openssl("x509", "-req", "-in", f"{work}/{name}.csr", "-CA", f"{work}/{signer}.pem", "-CAkey", f"{work}/{signer}.key", "-days", "1", "-CAcreateserial",
                "-extfile", f"{work}/{name}.ext", "-out", f"{work}/{name}.pem")
        with open(f"{work}/{name}.key", encoding="ascii") as key, open(f"{work}/{name}.pem", encoding="ascii") as certificate:
            write(f"{work}/{name}.both.pem", key.read() + certificate.read())
