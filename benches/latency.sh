#!/usr/bin/env bash
# How long an answer takes: from the moment at which an event is sent to the one at which a reader of committed outcomes has
# its outcome; as a table in Markdown. `tillgate run` and `tillgate load --latency` of a release build, side by side on
# this machine, with brokers of its own (one, then three), which end with it.
#
#   benches/latency.sh                  brokers of its own; needs what tests/kafka/kafka.sh needs
#   benches/latency.sh HOST:PORT,...    brokers that are there
#
# In the environment: RATES="1000 10000 50000" events a second, DURATION=30 seconds each of which WARM_UP=10 do not
# count, BREAK_IN=90 seconds of 2,000 events/s before the first (fresh brokers compile their code, and three of them keep
# two cores busy with it: p50 was 200 ms then, 70 ms after it), BROKERS="1 3", WORKERS=2, PARTITIONS=8, ACCOUNTS=10000, FORMAT=avro (or json) of the events,
# TILLGATE=target/release/tillgate (built where it is missing), PORT=9480 for the health page and PORT+10 on for brokers.
set -euo pipefail
rates=${RATES:-1000 10000 50000} duration=${DURATION:-30} warm_up=${WARM_UP:-10} break_in=${BREAK_IN:-90}
workers=${WORKERS:-2} partitions=${PARTITIONS:-8} accounts=${ACCOUNTS:-10000} format=${FORMAT:-avro} port=${PORT:-9480}
export TILLGATE_TEST_KAFKA_HEAP=${TILLGATE_TEST_KAFKA_HEAP:-1g}
# shellcheck source=benches/kafka.sh
. "$(dirname "$0")/kafka.sh"

number() { sed -n "s/.*\"$1\":\([0-9]*\).*/\1/p" "$scratch/report"; }

answers() { # NAME RATE SECONDS WARM_UP: the report of a load
  make_topics "$1"
  start_run
  if ! "$tillgate" load "${common[@]}" --rate "$2" --count $(($2 * $3)) --accounts "$accounts" --mistakes 0 --format "$format" \
    --latency --warm-up "${4}s" >"$scratch/report" 2>"$scratch/load.log"; then
    cat "$scratch/run.log" "$scratch/load.log" >&2
    exit 1
  fi
  stop_run
}

measure() { # BROKERS RATE
  local reached note=""
  answers "latency-$$-$1-$2" "$2" "$duration" "$warm_up"
  reached=$(number rate_reached)
  [ $((reached * 100)) -ge $(($2 * 98)) ] || note="rate not reached"
  [ "$(number answered)" -eq "$(number events)" ] || note="${note:+$note, }only $(number answered) of $(number events) answered"
  echo "| $1 | $2 | $reached | $(number counted) | $(number p50_ms) ms | $(number p99_ms) ms | $(number p999_ms) ms | $(number max_ms) ms | ${note:--} |"
}

build_where_it_is_missing
echo "| brokers | events/s asked | sent | counted | p50 | p99 | p99.9 | max | |"
echo "|---|---|---|---|---|---|---|---|---|"
if [ $# -ge 1 ]; then
  boot=$1
  for rate in $rates; do measure "$(echo "$boot" | tr ',' '\n' | wc -l)" "$rate"; done
else
  for brokers in ${BROKERS:-1 3}; do
    start_kafka "$brokers"
    [ "$break_in" -eq 0 ] || answers "latency-$$-$brokers-first" 2000 "$break_in" 0
    for rate in $rates; do measure "$brokers" "$rate"; done
    stop_kafka
  done
fi
echo
echo "$(nproc) cores, $(uname -m), $(date -u +%Y-%m-%d); $format events, $partitions partitions, $workers workers; ${duration} s each, the first ${warm_up} s not counted; times to the millisecond"
