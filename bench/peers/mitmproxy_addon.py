"""Puts the credential in, before a body is passed on: mitmproxy's own option comes too late for bodies that are not collected."""
import os

NAME, VALUE = os.environ["BENCH_CREDENTIAL"].split(": ")


def requestheaders(flow):
    flow.request.headers[NAME] = VALUE
