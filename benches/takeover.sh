#!/usr/bin/env bash
# How long from `kill -9` of one of two processes until the other decides on all partitions, with and without standby.
# Makes topics of its own, opens accounts, and keeps events coming. Of each time it says how much is the session time-out
# (until the dead one's partitions are assigned), and how much comes after: what a standby shortens.
#
#   benches/takeover.sh BOOTSTRAP       such as 127.0.0.1:9092; needs curl
#
# In the environment: ACCOUNTS=200000, KILLS=10, PARTITIONS=8, RATE=1000 events a second, STANDBY="0 1",
# TILLGATE=target/release/tillgate, PORT=9472 (and the next) for the pages. Classic protocol, session time-out 6 s.
set -euo pipefail
boot=${1:?usage: benches/takeover.sh BOOTSTRAP}
tillgate=${TILLGATE:-$(dirname "$0")/../target/release/tillgate}
partitions=${PARTITIONS:-8} port=${PORT:-9472} name=bench-$$-$(date +%s)
scratch=$(mktemp -d)
declare -A pids=()
finish() { for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done; rm -rf "$scratch"; }
trap finish EXIT

common=(--set "kafka.bootstrap_servers=$boot" --set "topics.partitions=$partitions" --set "topics.retention.pos_events=forever")
for topic in pos_events account_events ticks pos_outcomes account_results dead_letters journal rulesets; do
  common+=(--set "topics.$topic=$name.$topic")
done
start() { # NAME PORT
  "$tillgate" run "${common[@]}" --set "kafka.group_id=$name" --set "kafka.transactional_id_prefix=$name" \
    --set kafka.group_protocol=classic --set "kafka.group_instance_id=$1" --set kafka.workers=2 \
    --set "kafka.standby=$standby" --set "admin.listen=127.0.0.1:$2" >/dev/null 2>>"$scratch/$1.log" &
  pids[$1]=$!
}
count() { { curl -s "127.0.0.1:$1/readyz" | grep -o "\"state\":\"$2\"" || true; } | wc -l; }
shared() { # both decide on their half, and with standby have the other half warm
  [ "$(count "$port" active)" -eq $((partitions / 2)) ] && [ "$(count $((port + 1)) active)" -eq $((partitions / 2)) ] &&
    { [ "$standby" -eq 0 ] || [ "$(count "$port" warm)" -eq $((partitions / 2)) ]; }
}
await() { until "$@"; do sleep 0.2; done; }
all_active() { [ "$(count "$port" active)" -eq "$partitions" ]; }
# Partitions, and when the log says so of them, since the line before the kill.
own() { curl -s "127.0.0.1:$port/readyz" | grep -oE '"partition":[0-9]+,"state":"active"' | grep -oE '[0-9]+' | paste -sd' '; }
said() { # TEXT NOT-OF-THESE: seconds of the first and the last such line
  tail -n "+$((before + 1))" "$scratch/stays.log" | awk -v text="$1" -v not=" $2 " '
    index($0, text) && match($0, /partition [0-9]+:/) { of = substr($0, RSTART + 10, RLENGTH - 11); if (!index(not, " " of " ")) print $1 }' |
    sort | sed -n '1p;$p' | while read -r at; do date -d "$at" +%s.%N; done | paste -sd' '
}

"$tillgate" topics create "${common[@]}" >"$scratch/topics" 2>&1
until "$tillgate" topics check "${common[@]}" >"$scratch/topics" 2>&1; do sleep 0.2; done
"$tillgate" load "${common[@]}" --count "${ACCOUNTS:-200000}" --accounts "${ACCOUNTS:-200000}" --mistakes 0 --format avro 2>&1 | tail -1
"$tillgate" load "${common[@]}" --count 1000000000 --accounts 1000 --rate "${RATE:-1000}" --seed 2 --mistakes 0 --format avro >"$scratch/load" 2>&1 &
pids[load]=$!
for standby in ${STANDBY:-0 1}; do
  start stays "$port"
  for _ in $(seq "${KILLS:-10}"); do
    start dies $((port + 1))
    await shared
    own=$(own) before=$(wc -l <"$scratch/stays.log") killed=$(date +%s.%N)
    kill -9 "${pids[dies]}"
    wait "${pids[dies]}" 2>/dev/null || true
    # It takes a while until the dead one is missed.
    until [ -n "$(said 'assigned, restoring' "$own")" ]; do sleep 0.1; done
    await all_active
    read -r assigned _ < <(said 'assigned, restoring' "$own")
    read -r _ theirs < <(said 'active at' "$own")
    read -r _ all < <(said 'active at' "")
    echo "$killed $assigned $theirs $all" | tee -a "$scratch/times-$standby" | awk -v standby="$standby" '{
      printf "standby %d: %.2f s after the kill all is decided; assigned after %.2f s, decided %.2f s later\n", standby, $4 - $1, $2 - $1, $3 - $2 }'
  done
  kill "${pids[stays]}"
  wait "${pids[stays]}" || true
  rm "$scratch/stays.log"
done
summary() { # STANDBY WHAT FROM TO
  awk -v from="$3" -v to="$4" '{ print $to - $from }' "$scratch/times-$1" | sort -n | awk -v standby="$1" -v what="$2" '
    { time[NR] = $1 } END { printf "standby %d, %s: p50 %.2f s, max %.2f s of %d\n", standby, what, time[int((NR + 1) / 2)], time[NR], NR }'
}
for standby in ${STANDBY:-0 1}; do
  summary "$standby" "from the kill until all is decided" 1 4
  summary "$standby" "from the kill to the assignment" 1 2
  summary "$standby" "from the assignment until the dead one's partitions are decided" 2 3
done
