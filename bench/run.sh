#!/usr/bin/env bash
# Measures out/fairlead and out/fairlead-gateway; ./dev bench builds them first. README.md says what the rows are.   run.sh --help
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
tools=$here/../artifacts/bench

fail() { echo "bench: $*" >&2; exit 1; }

# Debian's packages, where something is missing. The origin is started by us: installing nginx must not start a server.
install_missing() {
    local packages=()
    command -v nginx >/dev/null || packages+=(nginx)
    command -v gcc >/dev/null || packages+=(gcc libc6-dev)
    [ -e /usr/include/openssl/ssl.h ] || packages+=(libssl-dev libc6-dev)
    [ -e /usr/include/nghttp2/nghttp2.h ] || packages+=(libnghttp2-dev)
    command -v openssl >/dev/null || packages+=(openssl)
    command -v python3 >/dev/null || packages+=(python3)
    [ ${#packages[@]} -gt 0 ] || return 0
    if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
        fail "${packages[*]} needed; on Debian: apt-get install ${packages[*]}"
    fi
    export DEBIAN_FRONTEND=noninteractive RUNLEVEL=1
    # Lists that are missing or old are the usual reason for a first failure.
    apt-get install -y -qq --no-install-recommends "${packages[@]}" >/dev/null 2>&1 && return
    { apt-get update -qq && apt-get install -y -qq --no-install-recommends "${packages[@]}"; } >&2 || fail "apt-get could not install ${packages[*]}"
}

compile() { # compile NAME LIBRARY...: of NAME.c, or of the folder NAME
    local sources=("$here/$1.c")
    [ ! -d "$here/$1" ] || sources=("$here/$1"/*.c)
    if [ -x "$tools/$1" ] && [ -z "$(find "$here/$1"* -newer "$tools/$1")" ]; then return; fi
    mkdir -p "$tools"
    gcc -O2 -std=gnu17 -Wall -Wextra -Werror -o "$tools/$1" "${sources[@]}" "${@:2}" || fail "$1 does not compile"
}

case "${1:-}" in
    --start | --growth) script=${1#--}; shift ;;
    *) script=bench ;;
esac
# What measures nothing needs nothing.
case " $* " in
    *" --help "* | *" -h "* | *" --page "*) exec python3 "$here/$script.py" "$@" ;;
esac
install_missing
for program in fairlead fairlead-gateway aot/fairlead; do
    [ -x "$here/../out/$program" ] || fail "out/$program is missing; ./dev bench builds it"
done
compile load -lssl -lcrypto -lnghttp2 -pthread
compile delay
exec python3 "$here/$script.py" "$@"
