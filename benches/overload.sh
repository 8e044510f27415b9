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
here=$(cd "$(dirname "$0")" && pwd)
tillgate=${TILLGATE:-${CARGO_TARGET_DIR:-$here/../target}/release/tillgate}
workers=${WORKERS:-2} partitions=${PARTITIONS:-8} accounts=${ACCOUNTS:-10000} port=${PORT:-9500}
scratch=$(mktemp -d)
run_pid="" kafka_pid=""

stop_run() {
  [ -z "$run_pid" ] || { kill "$run_pid" 2>/dev/null || true; wait "$run_pid" 2>/dev/null || true; }
  run_pid=""
}

finish() {
  stop_run
  # The script of the broker ends it, and removes what it wrote, when its input is closed.
  [ -z "$kafka_pid" ] || { exec 3>&-; wait "$kafka_pid" 2>/dev/null || true; }
  rm -rf "$scratch"
}
trap finish EXIT
trap 'exit 130' INT TERM

await() { # SECONDS WHAT COMMAND...
  local end=$((SECONDS + $1)) what=$2
  shift 2
  until "$@" >/dev/null 2>&1; do
    [ "$SECONDS" -lt "$end" ] || { echo "overload.sh: gave up waiting for $what" >&2; exit 1; }
    sleep 0.2
  done
}

decided() { curl -s "127.0.0.1:$port/metrics" | awk '/^tillgate_events_total/ { sum += $2 } END { print sum + 0 }'; }
memory() { awk -v field="$1:" '$1 == field { printf "%d", $2 / 1024 }' "/proc/$run_pid/status"; }

measure() { # EVENTS
  local name=overload-$$-$1 bytes began
  local common=(--set "kafka.bootstrap_servers=$boot" --set "topics.partitions=$partitions"
    --set "topics.pos_events=$name.events" --set "topics.account_events=$name.accounts"
    --set "topics.pos_outcomes=$name.outcomes" --set "topics.dead_letters=$name.dead" --set "topics.journal=$name.journal"
    --set "kafka.group_id=$name" --set "kafka.transactional_id_prefix=$name")
  await 120 "topics to be made" "$tillgate" topics create "${common[@]}"
  await 60 "the topics" "$tillgate" topics check "${common[@]}"
  "$tillgate" load "${common[@]}" --count "$1" --accounts "$accounts" --mistakes 0 2>"$scratch/load.log" ||
    { cat "$scratch/load.log" >&2; exit 1; }
  bytes=$(sed -n 's/.* account events, \([0-9]*\) bytes.*/\1/p' "$scratch/load.log")
  "$tillgate" run "${common[@]}" --set "kafka.workers=$workers" --set log.level=warn --set "admin.listen=127.0.0.1:$port" &
  run_pid=$!
  await 120 "tillgate run" sh -c "curl -fs 127.0.0.1:$port/readyz | grep -q active"
  began=$SECONDS
  while [ "$(decided)" -lt "$1" ]; do kill -0 "$run_pid" && sleep 0.2; done
  echo "| $1 | $((bytes / 1000000)) MB | $(memory VmHWM) MB | $(memory VmRSS) MB | $((SECONDS - began)) s |"
  stop_run
}

[ -x "$tillgate" ] || cargo build --release --locked --manifest-path "$here/../Cargo.toml"
if [ $# -ge 1 ]; then
  boot=$1
else
  mkfifo "$scratch/pipe"
  "$here/../tests/kafka/kafka.sh" serve "$scratch/kafka" $((port + 10)) 1 <"$scratch/pipe" >"$scratch/brokers" 2>"$scratch/kafka.err" &
  kafka_pid=$!
  exec 3>"$scratch/pipe"
  await 120 "the broker" grep -q '^brokers ' "$scratch/brokers"
  boot=$(sed -n 's/^brokers //p' "$scratch/brokers")
fi
echo "| events that wait | bytes | most memory | memory at the end | decided in |"
echo "|---|---|---|---|---|"
for events in ${BACKLOGS:-100000 500000 2000000}; do measure "$events"; done
