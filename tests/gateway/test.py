#!/usr/bin/env python3
"""Sends a gateway what clients send, well and badly: see client.py and fuzz.py.

    test.py BINARY [--bootstrap ADDRESS] [PART...]

PART: client or fuzz; both unless given. Exits 1 where something is not as it should be, 3 where
there is no Kafka.
"""

import argparse
import os
import sys
import time

import client
import fuzz
from stack import NoKafka, Stack


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("binary")
    parser.add_argument("parts", nargs="*", metavar="PART")
    parser.add_argument("--bootstrap", default=os.environ.get("TILLGATE_TEST_KAFKA"))
    given = parser.parse_args()
    parts = {"client": client.test, "fuzz": fuzz.fuzz}
    try:
        with Stack(given.binary, given.bootstrap) as stack:
            stack.worker()
            good = True
            for name in given.parts or parts:
                began = time.monotonic()
                good &= parts[name](stack)
                print(f"{name}: {time.monotonic() - began:.0f} s\n", flush=True)
    except NoKafka as reason:
        print(f"test.py: {reason}", file=sys.stderr)
        return 3
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
