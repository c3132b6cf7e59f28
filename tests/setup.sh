#!/usr/bin/env bash
# Installs what the tests run against, from Debian and npm. Idempotent; quiet when there is nothing to do.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

say() { printf 'tests/setup.sh: %s\n' "$*" >&2; }

# 1. Tools that the tests drive, from where the containers of the tests look for them.
system_path=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
missing=()
need() { # need COMMAND PACKAGE...
    PATH=$system_path command -v "$1" >/dev/null || missing+=("${@:2}")
}
need_that() { # need_that COMMAND PACKAGE...: the command succeeds when the packages are there
    PATH=$system_path sh -c "$1" >/dev/null 2>&1 || missing+=("${@:2}")
}
need curl curl ca-certificates
need wget wget
need git git
need openssl openssl
need python3 python3
need pip python3-pip
need node nodejs npm
need npm npm
need strace strace
need setpriv util-linux
# The relay compiled ahead of time, and the attacker.
need gcc gcc libc6-dev
[ -e /usr/include/zlib.h ] || missing+=(zlib1g-dev)
[ -r /etc/ssl/certs/ca-certificates.crt ] || missing+=(ca-certificates)
# A CA whose key is in a token.
need softhsm2-util softhsm2
need pkcs11-tool opensc
[ -e /usr/lib/x86_64-linux-gnu/engines-3/pkcs11.so ] || missing+=(libengine-pkcs11-openssl)
# The topology.
need ip iproute2
need squid squid
need nginx nginx
# A place for audit records.
need_that "ls /usr/lib/postgresql/*/bin/initdb" postgresql
# Roots for the relay.
need busybox busybox-static
need debootstrap debootstrap
[ -e /lib/ld-musl-x86_64.so.1 ] || missing+=(musl)
# The matrix of tools.
need aria2c aria2
need aws awscli
need axel axel
need bundle bundler
need cargo cargo-web
need certutil libnss3-tools
need chromium chromium
need composer composer unzip
need docker-registry docker-registry
need gh gh
need go golang-go
need gradle gradle
need http httpie
need javac default-jdk-headless
need kubectl kubernetes-client
need lftp lftp
need lynx lynx
need mvn maven
need php php-cli
need rclone rclone
need ruby ruby
need s3cmd s3cmd
need skopeo skopeo
need svn subversion
need w3m w3m
need_that "python3 -c 'import aiohttp, httpx, requests'" python3-aiohttp python3-httpx python3-requests
# A parser of metrics.
need_that "python3 -c 'import prometheus_client'" python3-prometheus-client
need_that "php -r 'exit(function_exists(\"curl_init\") ? 0 : 1);'" php-curl
need_that "perl -MLWP::Protocol::https -e 1" libwww-perl liblwp-protocol-https-perl

if [ ${#missing[@]} -gt 0 ]; then
    as_root=()
    [ "$(id -u)" -eq 0 ] || as_root=(sudo)
    say "installing ${missing[*]}"
    "${as_root[@]}" apt-get update -qq
    # RUNLEVEL=1: the packages of servers do not start them.
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi

# 2. gRPC, the JSON Schema validator, a registry of packages, and the matrix's package managers and clients, as the lock file has them.
for folder in . registry; do
    if ! cmp -s "$folder/package-lock.json" "$folder/node_modules/.installed-from"; then
        (cd "$folder" && npm ci --ignore-scripts --no-fund --no-audit --loglevel error >/dev/null)
        cp "$folder/package-lock.json" "$folder/node_modules/.installed-from"
    fi
done

# 3. A minimal Debian to start the relay in.
roots=../artifacts/roots
if [ ! -e "$roots/debian/usr/bin/curl" ] && [ "$(id -u)" -eq 0 ]; then
    say "making a minimal Debian in artifacts/roots"
    rm -rf "$roots/debian" "$roots/debian.new"
    mkdir -p "$roots"
    # shellcheck source=/dev/null
    debootstrap --variant=minbase --include=ca-certificates,curl "$(. /etc/os-release && echo "$VERSION_CODENAME")" "$roots/debian.new" >/dev/null
    mv "$roots/debian.new" "$roots/debian"
fi
