#!/usr/bin/env bash
# Installs what the tests run against, from Debian and npm. Idempotent; quiet when there is nothing to do.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

say() { printf 'tests/setup.sh: %s\n' "$*" >&2; }

# 1. Tools that the tests drive. What is already on the PATH is used as it is, from wherever it came.
missing=()
need() { # need COMMAND PACKAGE...
    command -v "$1" >/dev/null || missing+=("${@:2}")
}
need curl curl ca-certificates
need wget wget
need git git
need openssl openssl
need python3 python3 python3-pip
need node nodejs npm
need npm npm
need java openjdk-17-jdk-headless
need mvn maven
need certutil libnss3-tools
need strace strace
need setpriv util-linux
# The relay compiled ahead of time, and the attacker.
need gcc gcc libc6-dev
[ -e /usr/include/zlib.h ] || missing+=(zlib1g-dev)
if command -v python3 >/dev/null && ! python3 -m pip --version >/dev/null 2>&1; then missing+=(python3-pip); fi
[ -r /etc/ssl/certs/ca-certificates.crt ] || missing+=(ca-certificates)

if [ ${#missing[@]} -gt 0 ]; then
    as_root=()
    [ "$(id -u)" -eq 0 ] || as_root=(sudo)
    say "installing ${missing[*]}"
    "${as_root[@]}" apt-get update -qq
    DEBIAN_FRONTEND=noninteractive "${as_root[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi

# 2. gRPC and the JSON Schema validator, as the lock file has them.
if ! cmp -s package-lock.json node_modules/.installed-from; then
    npm ci --ignore-scripts --no-fund --no-audit --loglevel error >/dev/null
    cp package-lock.json node_modules/.installed-from
fi
