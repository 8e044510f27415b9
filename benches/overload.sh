#!/usr/bin/env bash
# Whether memory depends on what waits: fills topics with backlogs of several sizes, then starts `tillgate run` on each
# and says the most memory it had (VmHWM) until all was decided; as a table in Markdown.
#
#   benches/overload.sh                 a broker of its own; needs what tests/kafka/kafka.sh needs
#   benches/overload.sh HOST:PORT,...   brokers that are there
#
# In the environment: BACKLOGS="100000 500000 2000000" JSON events of about 1 kB, ACCOUNTS=10000, WORKERS=2, PARTITIONS=8,
# TILLGATE=target/release/tillgate (built where it is missing), PORT=9500 for the metrics page and PORT+10 on for the broker.
set -euo pipefail
workers=${WORKERS:-2} partitions=${PARTITIONS:-8} accounts=${ACCOUNTS:-10000} port=${PORT:-9500}
# shellcheck source=benches/kafka.sh
. "$(dirname "$0")/kafka.sh"

decided() { curl -s "127.0.0.1:$port/metrics" | awk '/^tillgate_events_total/ { sum += $2 } END { print sum + 0 }'; }
memory() { awk -v field="$1:" '$1 == field { printf "%d", $2 / 1024 }' "/proc/$run_pid/status"; }

measure() { # EVENTS
  local name=overload-$$-$1 bytes began
  make_topics "$name"
  "$tillgate" load "${common[@]}" --count "$1" --accounts "$accounts" --mistakes 0 2>"$scratch/load.log" ||
    { cat "$scratch/load.log" >&2; exit 1; }
  bytes=$(sed -n 's/.* account events, \([0-9]*\) bytes.*/\1/p' "$scratch/load.log")
  start_run
  began=$SECONDS
  while [ "$(decided)" -lt "$1" ]; do
    kill -0 "$run_pid" || { cat "$scratch/run.log" >&2; exit 1; }
    sleep 0.2
  done
  echo "| $1 | $((bytes / 1000000)) MB | $(memory VmHWM) MB | $(memory VmRSS) MB | $((SECONDS - began)) s |"
  stop_run
}

build_where_it_is_missing
if [ $# -ge 1 ]; then boot=$1; else start_kafka 1; fi
echo "| events that wait | bytes | most memory | memory at the end | decided in |"
echo "|---|---|---|---|---|"
for events in ${BACKLOGS:-100000 500000 2000000}; do measure "$events"; done
