#!/usr/bin/env python3
"""Many connections at once to one gateway, and then a request on each of them.

    crowd.py BINARY [--connections 10000] [--bootstrap ADDRESS]

A third of them say nothing, a third have begun a request, a third have asked before. While all are open a till is answered
as ever; then each finishes a purchase at the same moment. All have to be answered as the document says: by an outcome, or
by 503 with the time after which to ask again. What was answered by an outcome stands in its topic once.
"""

import argparse
import asyncio
import json
import os
import resource
import sys
import time
import urllib.request
from collections import Counter

from report import Report
from stack import NoKafka, Stack, eventually
from talk import Talk, event_path, purchase, records, text

CONNECTIONS = 10_000
# Descriptors that a process needs besides: files, brokers, the listener.
OTHER_DESCRIPTORS = 500
# Connections that are made at the same time: no more than a listener's queue holds.
OPENING_MAX = 100
HONEST = 100
ANSWERED_WITHIN = 60
# The gateway would close them after 5 s and 10 s, as it should.
PATIENT = ("gateway.header_timeout=120s", "gateway.body_timeout=120s", "gateway.idle_timeout=300s")


class Connection(asyncio.Protocol):
    """One request at a time."""

    def __init__(self):
        self.got, self.answer = b"", None

    def connection_made(self, transport):
        self.transport = transport

    def ask(self, *parts):
        self.got, self.answer = b"", asyncio.get_running_loop().create_future()
        for part in parts:
            self.transport.write(part)
        return self.answer

    def data_received(self, data):
        self.got += data
        head, end, body = self.got.partition(b"\r\n\r\n")
        if end and self.answer:
            names = dict(line.split(": ", 1) for line in head.decode().lower().split("\r\n")[1:])
            if len(body) >= int(names["content-length"]) and not self.answer.done():
                self.answer.set_result((int(head[9:12]), names, body))

    def connection_lost(self, _reason):
        if self.answer and not self.answer.done():
            self.answer.set_result((0, {}, b""))


def request(account):
    body = text(purchase("1.00", accountTransactionId=f"crowd-{account}")).encode()
    head = f"POST {event_path(account)} HTTP/1.1\r\nHost: crowd\r\nContent-Type: application/json\r\n"
    return (head + f"Content-Length: {len(body)}\r\n\r\n").encode() + body


async def crowd(report, port, count, honest):
    loop = asyncio.get_running_loop()
    places = asyncio.Semaphore(OPENING_MAX)

    async def opened():
        async with places:
            return (await loop.create_connection(Connection, "127.0.0.1", port))[1]

    everyone = await asyncio.gather(*[opened() for _ in range(count)])
    accounts = [f"crowd-{number}" for number in range(count)]
    requests = [request(account) for account in accounts]
    # How much of its last request each has sent already.
    begun = [0, 20, 0]
    for number, connection in enumerate(everyone):
        if begun[number % 3]:
            connection.transport.write(requests[number][: begun[number % 3]])
    asked = everyone[2::3]
    for first in range(0, len(asked), OPENING_MAX):
        some = asked[first : first + OPENING_MAX]
        pages = await asyncio.gather(*[one.ask(b"GET /openapi.json HTTP/1.1\r\nHost: crowd\r\n\r\n") for one in some])
        report.that(all(status == 200 for status, *_ in pages), "who has asked before", Counter(page[0] for page in pages))
    await loop.run_in_executor(None, honest)
    report.that(not any(one.transport.is_closing() for one in everyone), "all connections are still open")
    answers = [one.ask(line[begun[number % 3] :]) for number, (one, line) in enumerate(zip(everyone, requests))]
    answers = await asyncio.wait_for(asyncio.gather(*answers), ANSWERED_WITHIN)
    for one in everyone:
        one.transport.close()
    return dict(zip(accounts, answers))


def connections(gateway):
    """Open ones, as the gateway counts them. The last may wait for it to take them from its listener."""
    page = urllib.request.urlopen(f"http://127.0.0.1:{gateway.admin}/metrics").read().decode()
    line = next(line for line in page.splitlines() if line.startswith("tillgate_http_connections "))
    return float(line.split()[1])


def test(binary, bootstrap=None, count=CONNECTIONS):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if hard != resource.RLIM_INFINITY and count > hard - OTHER_DESCRIPTORS:
        count = hard - OTHER_DESCRIPTORS
        print(f"crowd: {count} connections only: a process may open {hard} files (ulimit -n)")
    report = Report()
    with Stack(binary, bootstrap, contact=False) as stack:
        stack.worker("log.level=warn")
        gateway = stack.gateway("log.level=warn", f"gateway.connections_max={count + HONEST}", *PATIENT)
        stack.await_ready()
        talk = Talk(gateway.port)

        def honest():
            eventually(f"{count} connections to be open", lambda: connections(gateway) >= count)
            took = []
            for number in range(HONEST):
                began = time.monotonic()
                report.equal(talk.event(f"honest-{number}", purchase("1.00")).status, 200, "a till among the crowd")
                took.append(time.monotonic() - began)
            took.sort()
            print(f"a till among {count} connections: ms p50 {took[HONEST // 2] * 1000:.0f}, max {took[-1] * 1000:.0f}")

        began = time.monotonic()
        answers = asyncio.run(crowd(report, gateway.port, count, honest))
        statuses = Counter(status for status, *_ in answers.values())
        report.that(set(statuses) <= {200, 503} and statuses[200] > 0, "answers", statuses)
        for status, headers, body in answers.values():
            if status == 503:
                report.that("retry-after" in headers, "503 says when to ask again", body[:200])
        peak = next(line for line in open(f"/proc/{gateway.child.pid}/status") if line.startswith("VmHWM"))
        print(f"{count} requests at once: {dict(statuses)}, {time.monotonic() - began:.0f} s; gateway{peak[5:].rstrip()} at most")
        # Whoever was not answered by an outcome may have one all the same; nobody has two.
        outcomes = Counter(record["accountNumber"] for _, record in records(stack, "pos_outcomes"))
        lost = [account for account, (status, *_) in answers.items() if status == 200 and outcomes[account] != 1]
        report.that(not lost, "what was answered by an outcome stands in its topic once", lost[:5])
        twice = [account for account, found in outcomes.items() if found > 1]
        report.that(not twice, "nobody has two outcomes", twice[:5])
    for fault in report.faults[:20]:
        print(f"FAULT {fault}")
    print(f"crowd: {report.passed} passed, {len(report.faults)} failed")
    return not report.faults


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("binary")
    parser.add_argument("--connections", type=int, default=CONNECTIONS)
    parser.add_argument("--bootstrap", default=os.environ.get("TILLGATE_TEST_KAFKA"))
    given = parser.parse_args()
    try:
        return 0 if test(given.binary, given.bootstrap, given.connections) else 1
    except NoKafka as reason:
        print(f"crowd.py: {reason}", file=sys.stderr)
        return 3


if __name__ == "__main__":
    sys.exit(main())
