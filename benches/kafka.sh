# What the measurements against a real Kafka share; to be sourced, and of no use by itself. A script of its own settings
# ($tillgate, $port, $partitions, $workers, ...) sources it, and everything that it started ends with the script.
# Never measures anything.
# shellcheck shell=bash disable=SC2154  # the settings are those of the script that sources it

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
tillgate=${TILLGATE:-${CARGO_TARGET_DIR:-$here/../target}/release/tillgate}
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

build_where_it_is_missing() {
  [ -x "$tillgate" ] || cargo build --release --locked --manifest-path "$here/../Cargo.toml"
}

await() { # SECONDS WHAT COMMAND...
  local end=$((SECONDS + $1)) what=$2
  shift 2
  until "$@" >/dev/null 2>&1; do
    [ "$SECONDS" -lt "$end" ] || { echo "${0##*/}: gave up waiting for $what; see above" >&2; exit 1; }
    sleep 0.2
  done
}

start_kafka() { # BROKERS: sets boot
  rm -f "$scratch/pipe"
  mkfifo "$scratch/pipe"
  TILLGATE_TEST_KAFKA_JAVA="" "$here/../tests/kafka/kafka.sh" serve "$scratch/kafka" $((port + 10)) "$1" \
    <"$scratch/pipe" >"$scratch/brokers" 2>"$scratch/kafka.err" &
  kafka_pid=$!
  exec 3>"$scratch/pipe"
  await 120 "brokers" grep -q '^brokers ' "$scratch/brokers"
  boot=$(sed -n 's/^brokers //p' "$scratch/brokers")
}

make_topics() { # NAME: sets common, the settings of a group and topics of this name
  common=(--set "kafka.bootstrap_servers=$boot" --set "topics.partitions=$partitions"
    --set "topics.pos_events=$1.events" --set "topics.account_events=$1.accounts" --set "topics.ticks=$1.ticks"
    --set "topics.pos_outcomes=$1.outcomes" --set "topics.account_results=$1.results" --set "topics.dead_letters=$1.dead" --set "topics.journal=$1.journal"
    --set "kafka.group_id=$1" --set "kafka.transactional_id_prefix=$1")
  await 120 "topics to be made" "$tillgate" topics create "${common[@]}"
  await 60 "the topics" "$tillgate" topics check "${common[@]}"
}

start_run() { # until it decides; its log is $scratch/run.log
  "$tillgate" run "${common[@]}" --set "kafka.workers=$workers" --set log.level=warn --set "admin.listen=127.0.0.1:$port" \
    2>"$scratch/run.log" &
  run_pid=$!
  await 120 "tillgate run" sh -c "curl -fs 127.0.0.1:$port/readyz | grep -q active"
}
