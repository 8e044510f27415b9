#!/usr/bin/env python3
"""How long a till waits for the gateway at a fixed rate, and how much of it is Kafka's.

    load.py BINARY [--rate 1000] [--seconds 20] [--warm-up 5] [--rounds 3] [--bootstrap ADDRESS]

The same events in turns, each time to topics of their own with one `tillgate run` beside: by `tillgate load --latency`
straight through Kafka, then as requests by vegeta (go install github.com/tsenart/vegeta/v12@latest). Both count from when
an event was due. The first turn warms the broker up and does not count. Everything takes CPU of the machine it is measured
on: how much is printed as well.
"""

import argparse
import base64
import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

from confluent_kafka import Producer

from stack import NoKafka, Stack
from talk import event_path

# As a broker runs that is not started for a test: compiled as far as it goes, and with room for what is young.
BROKER = {"TILLGATE_TEST_KAFKA_JAVA": "-Xmn700m", "TILLGATE_TEST_KAFKA_HEAP": "1g"}
ANSWERED_WITHIN = "30s"
WORKERS_MAX = 2000


def produce(stack, lines):
    producer = Producer({"bootstrap.servers": stack.bootstrap, "partitioner": "murmur2_random", "linger.ms": 50})
    for line in lines:
        producer.produce(stack.topics["account_events"], line, json.loads(line)["account"])
        producer.poll(0)
    producer.flush()


def cpu_seconds(pid):
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Cpu:
    """CPU seconds of processes, by name, between two moments."""

    def __init__(self, base, stack):
        self.pids = {process.name.split("-")[0]: process.child.pid for process in stack.processes}
        if base.kafka:
            self.pids["broker"] = int((base.kafka.folder / "1.pid").read_text())
        self.before = self.now()

    def now(self):
        return {name: cpu_seconds(pid) for name, pid in self.pids.items()}

    def taken(self):
        return {name: round(now - self.before[name], 1) for name, now in self.now().items()}


def through_kafka(base, given, of_load):
    with Stack(given.binary, base.bootstrap, contact=False) as stack:
        stack.worker("log.level=warn")
        stack.await_ready()
        cpu = Cpu(base, stack)
        made = stack.tillgate("load", *of_load, "--rate", str(given.rate), "--latency", "--warm-up", f"{given.warm_up}s")
        if made.returncode:
            raise RuntimeError(made.stderr)
        told = json.loads(made.stdout)
        return {name: told[f"{name}_ms"] for name in ("p50", "p99", "p999", "max")}, cpu.taken()


def targets(stack, port, events):
    """A file of requests as vegeta reads them."""
    path = stack.folder / "targets.jsonl"
    with path.open("w") as file:
        for line in events.read_bytes().splitlines():
            target = {
                "method": "POST",
                "url": f"http://127.0.0.1:{port}{event_path(json.loads(line)['accountNumber'])}",
                "header": {"Content-Type": ["application/json"]},
                "body": base64.b64encode(line).decode(),
            }
            file.write(json.dumps(target) + "\n")
    return path


def as_requests(base, given, of_load, vegeta):
    with Stack(given.binary, base.bootstrap, contact=False) as stack:
        events, accounts = stack.folder / "events.jsonl", stack.folder / "accounts.jsonl"
        made = stack.tillgate("load", *of_load, "--to", events, "--account-events", accounts)
        if made.returncode:
            raise RuntimeError(made.stderr)
        stack.worker("log.level=warn")
        gateway = stack.gateway("log.level=warn")
        stack.await_ready()
        produce(stack, accounts.read_bytes().splitlines())
        time.sleep(3)
        path, cpu = targets(stack, gateway.port, events), Cpu(base, stack)
        results = stack.folder / "results.bin"
        attack = [vegeta, "attack", "-format=json", "-lazy", f"-rate={given.rate}", f"-max-workers={WORKERS_MAX}"]
        attack += [f"-duration={given.seconds + given.warm_up}s", f"-timeout={ANSWERED_WITHIN}"]
        subprocess.run([*attack, f"-targets={path}", f"-output={results}"], check=True)
        taken = cpu.taken()
        told = subprocess.run([vegeta, "encode", "--to", "csv", results], check=True, capture_output=True, text=True)
        # When it was sent, its status, how long it took: nanoseconds.
        rows = [[int(field) for field in line.split(",")[:3]] for line in told.stdout.splitlines()]
        statuses = Counter(status for _, status, _ in rows)
        if set(statuses) != {200}:
            raise RuntimeError(f"answers {dict(statuses)}")
        counted_from = min(sent for sent, *_ in rows) + given.warm_up * 1_000_000_000
        took = sorted(took for sent, _, took in rows if sent >= counted_from)
        part = lambda share: round(took[min(len(took) - 1, int(len(took) * share))] / 1e6, 1)
        return {"p50": part(0.5), "p99": part(0.99), "p999": part(0.999), "max": part(1)}, taken


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("binary")
    parser.add_argument("--rate", type=int, default=1000)
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--warm-up", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--bootstrap", default=os.environ.get("TILLGATE_TEST_KAFKA"))
    given = parser.parse_args()
    vegeta = shutil.which("vegeta", path=f"{os.environ['PATH']}:{Path.home() / 'go/bin'}")
    if vegeta is None:
        sys.exit("load.py: there is no vegeta: go install github.com/tsenart/vegeta/v12@latest")
    count = given.rate * (given.seconds + given.warm_up)
    of_load = ["--count", str(count), "--accounts", "10000", "--mistakes", "0"]
    os.environ.update(BROKER)
    more = []
    try:
        with Stack(given.binary, given.bootstrap, contact=False) as base:
            for turn in range(given.rounds + 1):
                name = f"round {turn}" if turn else "warm-up"
                kafka, cpu = through_kafka(base, given, of_load)
                print(f"{name}: Kafka alone {kafka} ms, CPU seconds {cpu}", flush=True)
                http, cpu = as_requests(base, given, of_load, vegeta)
                print(f"{name}: as requests {http} ms, CPU seconds {cpu}", flush=True)
                if turn:
                    more.append(http["p99"] - kafka["p99"])
    except NoKafka as reason:
        print(f"load.py: {reason}", file=sys.stderr)
        return 3
    print(f"more at p99 as requests, median of {len(more)} rounds: {statistics.median(more):.1f} ms")
    return 0


if __name__ == "__main__":
    sys.exit(main())
