#!/usr/bin/env python3
"""Decides the events of files by CHECKS.md alone, with the command line of `tillgate check`. See README.md."""
import argparse
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import moments
import timeline
from account_event import AccountEvent, Dead
from engine import Engine
from event import TYPES, Event
from profiles import Profiles
from settings import Settings, Wrong


def read_lines(path):
    raw = Path(path).read_bytes().removeprefix(b"\xef\xbb\xbf").decode("utf-8", "surrogateescape")
    return [(i, line) for i, line in enumerate(raw.split("\n")) if line.strip()]


def run(event_lines, account_lines, changes=(), record_lines=None):
    """Outcomes in order, and the dead letters as (file, line, reason, lost). Lines are (number from 0, text);
    an outcome knows the place of its event among them, so blank lines do not count."""
    s = Settings(changes)
    outcomes, dead = [], []
    engine = Engine(s, outcomes.append, Profiles(record_lines))
    events = [Event(text) for _, text in event_lines]
    accounts = [AccountEvent(text) for _, text in account_lines]
    event_queue = timeline.Lines([e.time for e in events], [(e.key, getattr(e, "terminal", None)) for e in events], s)
    account_queue = timeline.Lines([a.time for a in accounts], [None] * len(accounts), s)
    engine.now = timeline.start(event_queue, account_queue, s)
    for queue in timeline.merged(event_queue, account_queue, engine):
        i, moves = queue.next, queue.moves(engine.now)
        queue.next += 1
        if queue is event_queue:
            line, e = event_lines[i][0], events[i]
            if e.fault:
                dead.append(("events", line, e.fault, not e.key))
            elif not e.key:
                dead.append(("events", line, "no account", True))
            if e.key:
                engine.event(i, e, moves)
        else:
            try:
                engine.account_event(accounts[i], moves)
            except Dead as error:
                dead.append(("account events", account_lines[i][0], str(error), accounts[i].lost))
    return outcomes, dead


def amount(value):
    return "null" if value is None else f"{value:f}"


def shape(o):
    """An outcome as JSON; amounts are written as they are, never as binary floating point."""
    e = o.event
    record = {
        "transactionId": o.txn, "accountNumber": e.key, "accountTransactionId": e.id,
        "eventType": e.type if e.type in TYPES else "Unrecognized",
        "eventTime": moments.text(e.time) if e.time is not None else None,
        "eventAdded": o.outcome in ("Accepted", "Pending"), "outcome": o.outcome,
        "riskCheckMessages": [
            {"type": m.type, "code": m.code, "message": "", "actionCode": m.action, "fieldReference": m.field}
            for m in o.messages],
        "supersedes": o.supersedes, "corrects": o.corrects, "repeats": o.repeats,
        "source": {"topic": "pos.events", "partition": 0, "offset": o.line},
    }
    figures = ", ".join(f'"{name}": {amount(value)}' for name, value in (
        ("postedAmount", o.posted), ("balanceAfter", o.balance), ("availableAfter", o.available)))
    return f"{json.dumps(record)[:-1]}, {figures}}}"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("command", choices=["check"])
    parser.add_argument("--events", required=True)
    parser.add_argument("--account-events")
    parser.add_argument("--profile-records", help="switches shared profiles on")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--output", default="-")
    a = parser.parse_args()
    try:
        outcomes, dead = run(read_lines(a.events), read_lines(a.account_events) if a.account_events else [], a.set,
                             read_lines(a.profile_records) if a.profile_records else None)
    except Wrong as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    for file, line, reason, _ in dead:
        print(f"{file} line {line + 1}: dead letter: {reason}", file=sys.stderr)
    text = "".join(shape(o) + "\n" for o in outcomes)
    if a.output == "-":
        sys.stdout.write(text)
    else:
        Path(a.output).write_text(text, encoding="utf-8")
    return 3 if any(lost for *_, lost in dead) else 0


if __name__ == "__main__":
    sys.exit(main())
