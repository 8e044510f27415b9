#!/usr/bin/env bash
# What `tillgate run` costs against a real broker: events a second, and CPU of the process for each event.
# Makes topics of its own, fills them with generated events, and runs until every one of them is decided.
#
#   benches/run.sh BOOTSTRAP            such as 127.0.0.1:9092; needs curl, and Linux's /proc
#
# PROFILES=1: with shared profiles.
# In the environment: COUNT=2000000 events over ACCOUNTS=1000000, in FORMAT=avro (or json) in and out, WORKERS=2,
# PARTITIONS=8, TILLGATE=target/release/tillgate, PORT=9470 for the metrics page.
# PEER=DIR of a built ../shared/peer-streams measures Kafka Streams after it, on the same broker (THREADS=2).
set -euo pipefail
boot=${1:?usage: benches/run.sh BOOTSTRAP}
tillgate=${TILLGATE:-$(dirname "$0")/../target/release/tillgate}
count=${COUNT:-2000000} format=${FORMAT:-avro} port=${PORT:-9470} name=bench-$$-$(date +%s)
scratch=$(mktemp -d)
pid=""
finish() { [ -z "$pid" ] || kill "$pid" 2>/dev/null || true; rm -rf "$scratch"; }
trap finish EXIT

# The generator's account events go to a topic that is not read: every account opens by itself, as the peer's do.
common=(--set "kafka.bootstrap_servers=$boot" --set "topics.partitions=${PARTITIONS:-8}" --set "topics.pos_events=$name.events"
  --set "topics.pos_outcomes=$name.outcomes" --set "topics.account_results=$name.results" --set "topics.dead_letters=$name.dead" --set "topics.journal=$name.journal")
if [ -n "${PROFILES:-}" ]; then
  common+=(--set profiles.enabled=true)
  for topic in observations profile_records profiles profile_dead_letters profile_journal; do
    common+=(--set "topics.$topic=$name.$topic")
  done
fi
unread=(--set "topics.account_events=$name.accounts-unread")
read=(--set "topics.account_events=$name.accounts" --set "kafka.group_id=$name" --set "kafka.transactional_id_prefix=$name")
for accounts in unread read; do
  declare -n sets=$accounts
  "$tillgate" topics create "${common[@]}" "${sets[@]}" >"$scratch/topics" 2>&1 || { tail -3 "$scratch/topics" >&2; exit 1; }
done
"$tillgate" load "${common[@]}" "${unread[@]}" --count "$count" --accounts "${ACCOUNTS:-1000000}" --mistakes 0 \
  --format "$format" 2>&1 | grep -E 'POS events'

"$tillgate" run "${common[@]}" "${read[@]}" --set checks.account.unknown=open --set "kafka.workers=${WORKERS:-2}" \
  --set "output.format=$format" --set output.avro_framing=single_object --set log.level=warn \
  --set "admin.listen=127.0.0.1:$port" &
pid=$!
decided() { curl -s "127.0.0.1:$port/metrics" | awk '/^tillgate_events_total/ { sum += $2 } END { print sum + 0 }'; }
ticks() { awk '{ print $14 + $15 }' "/proc/$pid/stat"; }
until first=$(decided) && [ "$first" -gt 0 ]; do kill -0 "$pid" && sleep 0.05; done
began=$(date +%s.%N) cpu=$(ticks)
while half=$(decided) && [ "$half" -lt $((count / 2)) ]; do kill -0 "$pid" && sleep 0.05; done
middle=$(date +%s.%N) spent=$(ticks)
while events=$(decided) && [ "$events" -lt "$count" ]; do kill -0 "$pid" && sleep 0.05; done
ended=$(date +%s.%N)
# Shared profiles are folded after the decisions that saw them: what that takes counts too. Quiet: 8 % of a core at most.
used=$(ticks)
while last=$used && sleep 0.25 && used=$(ticks) && [ $((used - last)) -gt 2 ]; do :; done
rss=$(awk '/VmHWM/ { print $2 }' "/proc/$pid/status")
report() { # WHAT EVENTS FROM TO TICKS
  echo "$@" | awk -v hz="$(getconf CLK_TCK)" -v rss="$rss" '{ s = $4 - $3
    printf "tillgate, %s: %d events in %.1f s, %.0f/s, %.2f us of CPU each, %.0f MB\n", $1, $2, s, $2 / s, $5 / hz * 1e6 / $2, rss / 1024 }'
}
report whole "$((events - first))" "$began" "$ended" "$((used - cpu))"
report second-half "$((events - half))" "$middle" "$ended" "$((used - spent))"
kill "$pid"
wait "$pid"
pid=""

if [ -n "${PEER:-}" ]; then
  classes="$PEER/target/peer-streams.jar:$PEER/target/lib/*"
  java -Xmx1g -cp "$classes" tillgate.peer.Generate --bootstrap "$boot" --input "$name.peer" --format "$format" \
    --count "$count" --accounts "${ACCOUNTS:-1000000}" --partitions "${PARTITIONS:-8}" >/dev/null 2>&1
  java -XX:+UseParallelGC -Xms3g -Xmx3g -Xmn1200m -cp "$classes" tillgate.peer.App --bootstrap "$boot" --format "$format" \
    --input "$name.peer" --output "$name.peer-out" --dead-letters "$name.peer-dead" --application-id "$name" \
    --threads "${THREADS:-2}" --store hash --exit-after "$count" 2>&1 | sed -n 's/^DONE/peer:/p'
fi
