#!/usr/bin/env bash
# How fast a process restores its state, beside a bare consumer that reads the same journal in the same run.
# Makes topics of its own, opens accounts, lets `tillgate run` decide everything once, and then starts it again and again.
#
#   benches/restore.sh BOOTSTRAP        such as 127.0.0.1:9092; needs curl, and Linux's /proc
#
# In the environment: ACCOUNTS=1000000, COUNT=1000000 events, PARTITIONS=8, WORKERS=2, RUNS=5, SETS="--set KEY=VALUE ...",
# TILLGATE=target/release/tillgate, BARE="cargo bench --locked --bench restore --", PORT=9471 for the metrics page.
# A restore counts from the first partition that is assigned to the last one that decides; CPU is that of the whole process
# up to then, its start included. NAME=... of an earlier run measures on what that one left. Where a virtual machine gives free
# memory back to its host, the first touch of a huge page costs far more than on iron: MIMALLOC_ALLOW_THP=0 shows how much.
set -euo pipefail
boot=${1:?usage: benches/restore.sh BOOTSTRAP}
tillgate=${TILLGATE:-$(dirname "$0")/../target/release/tillgate}
bare=${BARE:-cargo bench --locked --bench restore --}
partitions=${PARTITIONS:-8} port=${PORT:-9471} name=${NAME:-bench-$$-$(date +%s)}
scratch=$(mktemp -d)
pid=""
finish() { [ -z "$pid" ] || kill "$pid" 2>/dev/null || true; rm -rf "$scratch"; }
trap finish EXIT

common=(--set "kafka.bootstrap_servers=$boot" --set "topics.partitions=$partitions" --set "topics.retention.pos_events=forever")
for topic in pos_events account_events ticks pos_outcomes account_results dead_letters journal rulesets; do
  common+=(--set "topics.$topic=$name.$topic")
done
run=(--set "kafka.group_id=$name" --set "kafka.transactional_id_prefix=$name" --set kafka.group_protocol=classic
  --set kafka.group_instance_id=bench --set "kafka.workers=${WORKERS:-2}" --set "admin.listen=127.0.0.1:$port")
start() {
  : >"$scratch/log"
  # shellcheck disable=SC2086  # several words on purpose
  "$tillgate" run "${common[@]}" "${run[@]}" ${SETS:-} >/dev/null 2>>"$scratch/log" &
  pid=$!
}
alive() { kill -0 "$pid" 2>/dev/null || { tail -3 "$scratch/log" >&2; exit 1; }; }
stop() { kill "$pid" && wait "$pid"; pid=""; }
page() { curl -s "127.0.0.1:$port/metrics"; }

if [ -z "${NAME:-}" ]; then
  "$tillgate" topics create "${common[@]}" >"$scratch/topics" 2>&1
  until "$tillgate" topics check "${common[@]}" >"$scratch/topics" 2>&1; do sleep 0.2; done
  "$tillgate" load "${common[@]}" --count "${COUNT:-1000000}" --accounts "${ACCOUNTS:-1000000}" --mistakes 0 --format avro 2>&1 | tail -1
  start
  # Decided: every lag is known, and none is left but for markers.
  until page | awk -v inputs=$((2 * partitions)) '/^tillgate_consumer_lag/ { seen++; left += $2 } END { exit !(seen == inputs && left < 50) }'; do
    alive
    sleep 1
  done
  stop
  echo "NAME=$name"
fi
seconds_of() { date -d "$(sed -n "$1" "$scratch/times")" +%s.%N; }
runs=0
for _ in $(seq $((4 * ${RUNS:-5}))); do
  [ "$runs" -lt "${RUNS:-5}" ] || break
  read -r records _ bytes _ read_in _ read_cpu _ < <($bare "$boot" "$name.journal" 2>/dev/null)
  start
  until [ "$(grep -c 'active at' "$scratch/log")" -ge "$partitions" ]; do alive; sleep 0.05; done
  cpu=$(awk '{ print $14 + $15 }' "/proc/$pid/stat")
  stop
  # A worker that joined late took partitions over that another had begun to restore: another try.
  [ "$(grep -c 'assigned, restoring' "$scratch/log")" -eq "$partitions" ] || continue
  grep -oE '^[^ ]+Z.*(assigned, restoring|active at)' "$scratch/log" | cut -d' ' -f1 | sort >"$scratch/times"
  accounts=$(sed -nE 's/.*restored from its journal: ([0-9]+) accounts.*/\1/p' "$scratch/log" | awk '{ sum += $1 } END { print sum }')
  echo "$accounts $(seconds_of 1p) $(seconds_of '$p') $cpu $read_in $read_cpu $records $bytes"
  runs=$((runs + 1))
done >"$scratch/runs"
awk -v hz="$(getconf CLK_TCK)" '{ n = NR; took[n] = $3 - $2; cpu[n] = $4 / hz; read[n] = $5; ratio[n] = $5 / took[n]; accounts = $1; records = $7; megabytes = $8 / 1e6
    printf "restore: %d accounts in %.2f s, %.2f s of CPU; bare consumer: %d records, %.0f MB in %.2f s, %.2f s of CPU; ratio %.2f\n", accounts, took[n], cpu[n], records, megabytes, read[n], $6, ratio[n] }
  function median(list,  i, j, swap) { for (i = 1; i < n; i++) for (j = i + 1; j <= n; j++) if (list[j] < list[i]) { swap = list[i]; list[i] = list[j]; list[j] = swap } return list[int((n + 1) / 2)] }
  END { printf "median: %.0f accounts/s restored, %.0f/s by the bare consumer, %.2f of it; %.2f us of CPU an account\n", accounts / median(took), accounts / median(read), median(ratio), 1e6 * median(cpu) / accounts }' "$scratch/runs"
