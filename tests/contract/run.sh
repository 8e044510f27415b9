#!/usr/bin/env bash
# Holds schemas/ to standards and to real records: installs the validators of requirements.txt into target/contract, fetches the
# meta-schema of AsyncAPI, and runs validate.py with the binary that is given (target/debug/tillgate unless it is).
#
# Under CI=true whatever cannot be had is a failure; else it is passed over, loudly.
set -euo pipefail
cd "$(dirname "$0")/../.."
binary=${1:-target/debug/tillgate}
kept=target/contract
# Its release of AsyncAPI's meta-schemas, pinned as requirements.txt pins the rest.
specs=@asyncapi/specs@6.11.1

missing() {
  echo "tests/contract/run.sh: $1" >&2
  [ "${CI:-}" != true ] || exit 1
}

mkdir -p "$kept"
if ! cmp -s tests/contract/requirements.txt "$kept/installed.txt"; then
  rm -rf "$kept/venv"
  python3 -m venv "$kept/venv"
  "$kept/venv/bin/pip" install --quiet --disable-pip-version-check --only-binary :all: -r tests/contract/requirements.txt
  cp tests/contract/requirements.txt "$kept/installed.txt"
fi

flags=()
meta_schema=$kept/${specs##*@}.json
if [ ! -s "$meta_schema" ] && command -v npm >/dev/null; then
  archive=$(cd "$kept" && npm pack --silent "$specs")
  tar -xzOf "$kept/$archive" 'package/schemas/3.0.0-without-$id.json' >"$meta_schema"
fi
if [ -s "$meta_schema" ]; then
  flags+=(--asyncapi "$meta_schema")
else
  missing "asyncapi.json is not validated: npm is needed for $specs"
fi
if [ -d ../shared/cases ]; then
  flags+=(--cases ../shared/cases)
else
  missing "../shared/cases is not there"
fi
exec "$kept/venv/bin/python" tests/contract/validate.py "$binary" "${flags[@]}"
