#!/usr/bin/env bash
# Measures out/fairlead and out/fairlead-gateway beside direct TLS. `./dev bench` builds them first; README.md says what the rows are.
#
#   --rounds N    interleaved rounds, 3 by default
#   --quick       one small round of some seconds, to see that everything works
#   --start       only how fast the relay starts, in both builds, and what it holds when idle
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
client=$here/../artifacts/bench/load

fail() { echo "bench: $*" >&2; exit 1; }

# Debian's packages, where something is missing. The origin is started by us: installing nginx must not start a server.
install_missing() {
    local packages=()
    command -v nginx >/dev/null || packages+=(nginx)
    command -v gcc >/dev/null || packages+=(gcc libc6-dev)
    [ -e /usr/include/openssl/ssl.h ] || packages+=(libssl-dev libc6-dev)
    command -v openssl >/dev/null || packages+=(openssl)
    command -v python3 >/dev/null || packages+=(python3)
    [ ${#packages[@]} -gt 0 ] || return 0
    [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null || fail "${packages[*]} needed; on Debian: apt-get install ${packages[*]}"
    export DEBIAN_FRONTEND=noninteractive RUNLEVEL=1
    # Lists that are missing or old are the usual reason for a first failure.
    apt-get install -y -qq --no-install-recommends "${packages[@]}" >/dev/null 2>&1 && return
    { apt-get update -qq && apt-get install -y -qq --no-install-recommends "${packages[@]}"; } >&2 || fail "apt-get could not install ${packages[*]}"
}

install_missing
for program in fairlead fairlead-gateway; do
    [ -x "$here/../out/$program" ] || fail "out/$program is missing; ./dev bench builds it"
done
[ "${1:-}" != --start ] || exec python3 "$here/start.py" "$@"
if [ ! -x "$client" ] || [ "$here/load.c" -nt "$client" ]; then
    mkdir -p "$(dirname "$client")"
    gcc -O2 -std=gnu17 -Wall -Wextra -Werror -o "$client" "$here/load.c" -lssl -lcrypto -pthread || fail "the load client does not compile"
fi

exec python3 "$here/bench.py" --client "$client" "$@"
