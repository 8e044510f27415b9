#!/usr/bin/env python3
"""Sends a gateway what clients send, well and badly: see client.py, fuzz.py, crowd.py and chaos.py.

    test.py BINARY [--bootstrap ADDRESS] [PART...]

PART: client, fuzz, crowd, or chaos (a short one, with a broker of its own); all unless given. Exits 1 where something is not
as it should be, 3 where there is no Kafka.
"""

import argparse
import os
import sys
import time

import chaos
import client
import crowd
import fuzz
from stack import NoKafka, Stack

BESIDE_ONE_STACK = {"client": client.test, "fuzz": fuzz.fuzz}
# Seconds, clients, seed: every harm once.
CHAOS = (45, 100, 4)


def timed(name, part, *arguments):
    began = time.monotonic()
    good = part(*arguments)
    print(f"{name}: {time.monotonic() - began:.0f} s\n", flush=True)
    return good


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("binary")
    parser.add_argument("parts", nargs="*", metavar="PART")
    parser.add_argument("--bootstrap", default=os.environ.get("TILLGATE_TEST_KAFKA"))
    given = parser.parse_args()
    parts = given.parts or [*BESIDE_ONE_STACK, "crowd", "chaos"]
    good = True
    try:
        if beside := [part for part in parts if part in BESIDE_ONE_STACK]:
            with Stack(given.binary, given.bootstrap) as stack:
                stack.worker()
                for part in beside:
                    good &= timed(part, BESIDE_ONE_STACK[part], stack)
        if "crowd" in parts:
            good &= timed("crowd", crowd.test, given.binary, given.bootstrap)
        if "chaos" in parts:
            good &= timed("chaos", chaos.chaos, given.binary, *CHAOS)
    except NoKafka as reason:
        print(f"test.py: {reason}", file=sys.stderr)
        return 3
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
