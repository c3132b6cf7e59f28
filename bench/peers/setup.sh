#!/usr/bin/env bash
# Installs what the named peers need, from Debian and npm; quiet when there is nothing to do.   setup.sh PACKAGE...
# "npm" is what package.json lists. What a registry does not have is left out with a line: its peers are skipped.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
tools=$here/../../artifacts/bench

say() { printf 'bench: %s\n' "$*" >&2; }

has_updated=
apt() { # apt SUBCOMMAND ARGS...
    [ -n "$has_updated" ] || { apt-get update -qq >/dev/null 2>&1 || true; has_updated=yes; }
    # RUNLEVEL=1: the packages of servers do not start them.
    DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get "$@" >/dev/null 2>&1
}

install_package() { # install_package COMMAND PACKAGE
    command -v "$1" >/dev/null && return
    [ "$(id -u)" -eq 0 ] || { say "$2 is not installed, and only root may install it"; return 1; }
    say "installing $2"
    apt install -y -qq --no-install-recommends "$2"
}

# It excludes Debian's squid, which the tests run: the same files, but not installed. What it stands on comes with that squid.
unpack_squid() {
    [ ! -x "$tools/squid-openssl/usr/sbin/squid" ] || return 0
    install_package squid squid || return
    say "unpacking squid-openssl"
    mkdir -p "$tools/squid-openssl.new"
    (cd "$tools/squid-openssl.new" && apt download squid-openssl && dpkg-deb -x squid-openssl_*.deb . &&
        dpkg-deb -f squid-openssl_*.deb Version >version && rm squid-openssl_*.deb) || return
    mv "$tools/squid-openssl.new" "$tools/squid-openssl"
}

install_node_modules() {
    install_package node nodejs && install_package npm npm || return
    mkdir -p "$tools/node"
    cmp -s "$here/node/package-lock.json" "$tools/node/.installed-from" && return
    say "installing peers from npm"
    cp "$here/node/package.json" "$here/node/package-lock.json" "$tools/node"
    (cd "$tools/node" && npm ci --ignore-scripts --no-fund --no-audit --loglevel error >/dev/null) || return
    cp "$here/node/package-lock.json" "$tools/node/.installed-from"
}

for package in "$@"; do
    case "$package" in
        npm) install_node_modules ;;
        squid-openssl) unpack_squid ;;
        mitmproxy) install_package mitmdump mitmproxy ;;
        *) install_package "$package" "$package" ;;
    esac || { say "$package cannot be had here"; echo "$package"; }
done
