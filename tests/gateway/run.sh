#!/usr/bin/env bash
# Holds a gateway to its document and its contracts, from outside, beside a real Kafka: installs requirements.txt into
# target/gateway, and runs test.py with the binary that is given (target/debug/tillgate unless it is).
#
#   tests/gateway/run.sh [BINARY [ARGUMENTS OF test.py...]]
#
# TILLGATE_TEST_KAFKA: the bootstrap address of a Kafka to use; without it tests/kafka/kafka.sh starts one. Where it cannot, the
# tests are passed over, loudly; under CI=true that is a failure.
set -euo pipefail
cd "$(dirname "$0")/../.."
binary=${1:-target/debug/tillgate}
[ $# -eq 0 ] || shift
kept=target/gateway

mkdir -p "$kept"
if ! cmp -s tests/gateway/requirements.txt "$kept/installed.txt"; then
  rm -rf "$kept/venv"
  python3 -m venv "$kept/venv"
  "$kept/venv/bin/pip" install --quiet --disable-pip-version-check --only-binary :all: -r tests/gateway/requirements.txt
  cp tests/gateway/requirements.txt "$kept/installed.txt"
fi
export PYTHONDONTWRITEBYTECODE=1
status=0
"$kept/venv/bin/python" tests/gateway/test.py "$binary" "$@" || status=$?
# As kafka.sh has it.
if [ "$status" -eq 3 ] && [ "${CI:-}" != true ]; then
  echo "tests/gateway/run.sh: passed over, no Kafka can be had" >&2
  exit 0
fi
exit "$status"
