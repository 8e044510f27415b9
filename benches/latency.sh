#!/usr/bin/env bash
# How long an answer takes: from the time of an event's record to the moment at which a reader of committed outcomes has
# its outcome; as a table in Markdown. `tillgate run` and `tillgate load --latency` of a release build, side by side on
# this machine, with brokers of its own (one, then three), which end with it.
#
#   benches/latency.sh                  brokers of its own; needs what tests/kafka/kafka.sh needs
#   benches/latency.sh HOST:PORT,...    brokers that are there
#
# In the environment: RATES="1000 10000 50000" events a second, DURATION=30 seconds each of which WARM_UP=10 do not
# count, BROKERS="1 3", WORKERS=2, PARTITIONS=8, ACCOUNTS=10000, FORMAT=avro (or json) of the events,
# TILLGATE=target/release/tillgate (built where it is missing), PORT=9480 for the health page and PORT+10 on for brokers.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
tillgate=${TILLGATE:-${CARGO_TARGET_DIR:-$here/../target}/release/tillgate}
rates=${RATES:-1000 10000 50000} duration=${DURATION:-30} warm_up=${WARM_UP:-10}
workers=${WORKERS:-2} partitions=${PARTITIONS:-8} accounts=${ACCOUNTS:-10000} format=${FORMAT:-avro} port=${PORT:-9480}
scratch=$(mktemp -d)
run_pid="" kafka_pid=""

stop_run() {
  [ -z "$run_pid" ] || { kill "$run_pid" 2>/dev/null || true; wait "$run_pid" 2>/dev/null || true; }
  run_pid=""
}

# The script of the brokers ends them, and removes what they wrote, when its input is closed.
stop_kafka() {
  [ -z "$kafka_pid" ] || { exec 3>&-; wait "$kafka_pid" 2>/dev/null || true; }
  kafka_pid=""
}

finish() { stop_run; stop_kafka; rm -rf "$scratch"; }
trap finish EXIT
trap 'exit 130' INT TERM

await() { # SECONDS WHAT COMMAND...
  local end=$((SECONDS + $1)) what=$2
  shift 2
  until "$@" >/dev/null 2>&1; do
    [ "$SECONDS" -lt "$end" ] || { echo "latency.sh: gave up waiting for $what; see above" >&2; exit 1; }
    sleep 0.2
  done
}

start_kafka() { # BROKERS: sets boot
  rm -f "$scratch/pipe"
  mkfifo "$scratch/pipe"
  TILLGATE_TEST_KAFKA_HEAP=${TILLGATE_TEST_KAFKA_HEAP:-1g} "$here/../tests/kafka/kafka.sh" serve "$scratch/kafka" $((port + 10)) "$1" \
    <"$scratch/pipe" >"$scratch/brokers" 2>"$scratch/kafka.err" &
  kafka_pid=$!
  exec 3>"$scratch/pipe"
  await 120 "brokers" grep -q '^brokers ' "$scratch/brokers"
  boot=$(sed -n 's/^brokers //p' "$scratch/brokers")
}

number() { sed -n "s/.*\"$1\":\([0-9]*\).*/\1/p" "$scratch/report"; }

measure() { # BROKERS RATE
  local name=latency-$$-$1-$2 count=$(($2 * duration)) reached note=""
  local common=(--set "kafka.bootstrap_servers=$boot" --set "topics.partitions=$partitions"
    --set "topics.pos_events=$name.events" --set "topics.account_events=$name.accounts"
    --set "topics.pos_outcomes=$name.outcomes" --set "topics.dead_letters=$name.dead" --set "topics.journal=$name.journal"
    --set "kafka.group_id=$name" --set "kafka.transactional_id_prefix=$name")
  await 120 "topics to be made" "$tillgate" topics create "${common[@]}"
  await 60 "the topics" "$tillgate" topics check "${common[@]}"
  "$tillgate" run "${common[@]}" --set "kafka.workers=$workers" --set log.level=warn --set "admin.listen=127.0.0.1:$port" \
    2>"$scratch/run.log" &
  run_pid=$!
  await 120 "tillgate run" sh -c "curl -fs 127.0.0.1:$port/readyz | grep -q active"
  if ! "$tillgate" load "${common[@]}" --rate "$2" --count "$count" --accounts "$accounts" --mistakes 0 --format "$format" \
    --latency --warm-up "${warm_up}s" >"$scratch/report" 2>"$scratch/load.log"; then
    cat "$scratch/run.log" "$scratch/load.log" >&2
    exit 1
  fi
  stop_run
  reached=$(number rate_reached)
  [ $((reached * 100)) -ge $(($2 * 98)) ] || note="rate not reached"
  [ "$(number answered)" -eq "$(number events)" ] || note="${note:+$note, }only $(number answered) of $(number events) answered"
  echo "| $1 | $2 | $reached | $(number counted) | $(number p50_ms) ms | $(number p99_ms) ms | $(number p999_ms) ms | $(number max_ms) ms | ${note:--} |"
}

[ -x "$tillgate" ] || cargo build --release --locked --manifest-path "$here/../Cargo.toml"
echo "| brokers | events/s asked | sent | counted | p50 | p99 | p99.9 | max | |"
echo "|---|---|---|---|---|---|---|---|---|"
if [ $# -ge 1 ]; then
  boot=$1
  for rate in $rates; do measure "$(echo "$boot" | tr ',' '\n' | wc -l)" "$rate"; done
else
  for brokers in ${BROKERS:-1 3}; do
    start_kafka "$brokers"
    for rate in $rates; do measure "$brokers" "$rate"; done
    stop_kafka
  done
fi
echo
echo "$(nproc) cores, $(uname -m), $(date -u +%Y-%m-%d); $format events, $partitions partitions, $workers workers; ${duration} s each, the first ${warm_up} s not counted; times to the millisecond"
