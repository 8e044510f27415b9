#!/usr/bin/env python3
"""Files of contact decisions to measure with: so many persons with a phone, a loan and ten calls each, and requests about them.

    benches/contact.py FOLDER --persons 1000000 --requests 200000
    tillgate check --contact-requests FOLDER/requests.jsonl --interactions FOLDER/interactions.jsonl \\
        --party-records FOLDER/parties.jsonl --output /dev/null
"""

import argparse
import random
from pathlib import Path

LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
OUTCOMES = ("no-answer", "voicemail", "conversation", "busy", "no-connection")
DAY = 86_400
# Calls of one person are so many days apart: some are forgotten by then, and some count.
APART = 3
CALLS = 10


def event_id(number):
    return "evt_" + "".join(LETTERS[number >> 5 * place & 31] for place in range(25, -1, -1))


def time(seconds):
    day, rest = divmod(seconds, DAY)
    return f"2026-01-{1 + day:02}T{rest // 3600:02}:{rest % 3600 // 60:02}:{rest % 60:02}Z"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--persons", type=int, default=100_000)
    parser.add_argument("--requests", type=int, default=100_000)
    args = parser.parse_args()
    args.folder.mkdir(parents=True, exist_ok=True)
    chance = random.Random(1)
    with open(args.folder / "parties.jsonl", "w") as out:
        for person in range(args.persons):
            out.write(f'{{"partyId":"{person}","jurisdiction":"US","timeZones":["America/New_York"],"contacts":[{{"contactId":'
                      f'"c{person}","kind":"phone","value":"+1555{person:07}"}}],"loans":[{{"loanId":"L-{person}"}}]}}\n')
    with open(args.folder / "interactions.jsonl", "w") as out:
        for call in range(CALLS):
            for person in range(args.persons):
                at = time(call * APART * DAY + person * 7919 % DAY)
                out.write(f'{{"eventId":"{event_id(call * args.persons + person + 1)}","partyId":"{person}","channel":'
                          f'"contact-center","type":"outbound-call","purpose":"collection","outcome":'
                          f'"{OUTCOMES[(person * 3 + call) % 5]}","occurredAt":"{at}","linkedResourceType":"loan",'
                          f'"linkedResourceId":"L-{person}"}}\n')
    with open(args.folder / "requests.jsonl", "w") as out:
        for number in range(args.requests):
            person = chance.randrange(args.persons)
            out.write(f'{{"requestId":"r{number}","personId":"{person}","loanIds":["L-{person}"],"channel":"voice","theme":'
                      f'"opsCollDebt","contactId":"c{person}","startAt":"2026-01-31T1{5 + number % 5}:00:00Z"}}\n')


if __name__ == "__main__":
    main()
