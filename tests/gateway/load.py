#!/usr/bin/env python3
"""How long a till waits for the gateway at a fixed rate, and how much of it is Kafka's.

    load.py BINARY [--rate 1000] [--seconds 30] [--warm-up 5] [--bootstrap ADDRESS]

The same events twice, each time to topics of its own with one `tillgate run` beside: by `tillgate load --latency` straight
through Kafka, then as requests. A request counts from when it was due, whether it could be sent then or not. The client takes
CPU of the machine it measures on: its share is printed as well.
"""

import argparse
import asyncio
import json
import os
import time
from collections import Counter

from confluent_kafka import Producer

from stack import Stack
from talk import event_path

CONNECTIONS_MAX = 512
ANSWERED_WITHIN = 30


class Connection(asyncio.Protocol):
    """One request at a time."""

    def __init__(self):
        self.got, self.answer = b"", None

    def connection_made(self, transport):
        self.transport = transport

    def ask(self, request):
        self.got, self.answer = b"", asyncio.get_running_loop().create_future()
        self.transport.write(request)
        return self.answer

    def data_received(self, data):
        self.got += data
        head, end, body = self.got.partition(b"\r\n\r\n")
        if end:
            length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r")[0])
            if len(body) >= length and not self.answer.done():
                self.answer.set_result((int(head[9:12]), body))

    def connection_lost(self, _reason):
        if self.answer and not self.answer.done():
            self.answer.set_result((0, b""))


async def send(port, lines, rate, warm_up):
    loop = asyncio.get_running_loop()
    idle, opened = [], 0
    took, statuses, outcomes = [], Counter(), Counter()

    async def one(line, due):
        nonlocal opened
        while not idle and opened >= CONNECTIONS_MAX:
            await asyncio.sleep(0.001)
        if idle:
            connection = idle.pop()
        else:
            opened += 1
            _, connection = await loop.create_connection(Connection, "127.0.0.1", port)
        account = json.loads(line)["accountNumber"]
        head = f"POST {event_path(account)} HTTP/1.1\r\nHost: load\r\nContent-Type: application/json\r\n"
        head += f"Content-Length: {len(line)}\r\n\r\n"
        status, body = await asyncio.wait_for(connection.ask(head.encode() + line), ANSWERED_WITHIN)
        if due - began >= warm_up:
            took.append(loop.time() - due)
        statuses[status] += 1
        if status == 200:
            outcomes[json.loads(body)["outcome"]] += 1
        if status:
            idle.append(connection)
        else:
            opened -= 1

    began = loop.time()
    tasks = []
    for number, line in enumerate(lines):
        due = began + number / rate
        if (wait := due - loop.time()) > 0:
            await asyncio.sleep(wait)
        tasks.append(asyncio.create_task(one(line, due)))
    await asyncio.gather(*tasks)
    return sorted(took), statuses, outcomes, loop.time() - began, opened


def produce(stack, lines):
    producer = Producer({"bootstrap.servers": stack.bootstrap, "partitioner": "murmur2_random", "linger.ms": 50})
    for line in lines:
        producer.produce(stack.topics["account_events"], line, json.loads(line)["account"])
        producer.poll(0)
    producer.flush()


def part(took, share):
    return round(took[min(len(took) - 1, int(len(took) * share))] * 1000, 1)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("binary")
    parser.add_argument("--rate", type=int, default=1000)
    parser.add_argument("--seconds", type=int, default=30)
    parser.add_argument("--warm-up", type=int, default=5)
    parser.add_argument("--bootstrap", default=os.environ.get("TILLGATE_TEST_KAFKA"))
    given = parser.parse_args()
    count = given.rate * (given.seconds + given.warm_up)
    of_load = ["--count", str(count), "--accounts", "10000", "--mistakes", "0"]
    with Stack(given.binary, given.bootstrap, contact=False) as stack:
        stack.worker("log.level=warn")
        stack.await_ready()
        kafka = stack.tillgate("load", *of_load, "--rate", str(given.rate), "--latency", "--warm-up", f"{given.warm_up}s")
        print("Kafka alone:", kafka.stdout.strip() or kafka.stderr.strip()[-500:], flush=True)
        bootstrap = stack.bootstrap
        stack.processes.pop().end()
        with Stack(given.binary, bootstrap, contact=False) as other:
            files = [other.folder / name for name in ("events.jsonl", "accounts.jsonl")]
            made = other.tillgate("load", *of_load, "--to", files[0], "--account-events", files[1])
            if made.returncode:
                raise RuntimeError(made.stderr)
            other.worker("log.level=warn")
            gateway = other.gateway("log.level=warn")
            other.await_ready()
            produce(other, files[1].read_bytes().splitlines())
            time.sleep(3)
            lines = files[0].read_bytes().splitlines()
            clock, cpu = time.monotonic(), time.process_time()
            took, statuses, outcomes, lasted, opened = asyncio.run(send(gateway.port, lines, given.rate, given.warm_up))
            cpu = (time.process_time() - cpu) / (time.monotonic() - clock)
            ticks = os.sysconf("SC_CLK_TCK")
            shares = {}
            for process in other.processes:
                fields = open(f"/proc/{process.child.pid}/stat").read().rpartition(")")[2].split()
                shares[process.name] = round((int(fields[11]) + int(fields[12])) / ticks, 1)
    print(f"gateway: {len(lines)} events, {len(lines) / lasted:.0f}/s, {opened} connections")
    print(f"gateway: answers {dict(statuses)}, {dict(outcomes)}")
    print(f"gateway: ms p50 {part(took, 0.5)}, p99 {part(took, 0.99)}, p99.9 {part(took, 0.999)}, max {part(took, 1)}")
    print(f"load average {os.getloadavg()[0]:.1f}; client: {cpu:.2f} of a core; CPU seconds of processes: {shares}")


if __name__ == "__main__":
    main()
