#!/usr/bin/env python3
"""compare.py BINARY [--seeds A-B | --seconds N] [--events N]: the same generated events through both; every outcome must agree."""
import argparse
import json
import re
import subprocess
import sys
import tempfile
import time
from decimal import Decimal
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import generate
import moments
import reference

PLACEHOLDER = re.compile(r"\{\{txn:@(\d+)\}\}")
DEAD = re.compile(r"^(account events|events) line (\d+): dead letter", re.M)
# The binary tells so many dead letters by line, then how many more there are.
FURTHER = re.compile(r"^(\d+) further dead letters?", re.M)
LONG = 600
GROUPS = generate.CHOICES + generate.CONTACTLESS + generate.DISTINCT_AND_FILTERS + generate.PROFILES


class Side:
    """What one of the two says: outcomes by key in order, and dead letters; apart, what it knew of shared profiles."""

    def __init__(self, records, dead, further=0):
        self.records, self.dead, self.further, self.known = {}, dead, further, {}
        lines, seen = {}, {}
        for record in records:
            first = record.pop("supersedes")
            line = lines.get(first) if first else record["line"]
            lines.setdefault(record["transactionId"], line)
            seen[line, bool(first)] = nth = seen.get((line, bool(first)), 0) + 1
            self.records[line, bool(first), nth] = record
            self.known[line, bool(first), nth] = record.pop("known")
        self.ids = {line: record["transactionId"] for (line, second, _), record in self.records.items() if not second}
        for record in self.records.values():
            del record["transactionId"], record["line"]
            for name in "corrects", "repeats":
                record[name] = lines.get(record[name])


def of_reference(events, accounts, listed, changes):
    outcomes, dead = reference.run(events, accounts, changes, listed)
    records = [{
        "line": o.line, "transactionId": o.txn, "supersedes": o.supersedes, "outcome": o.outcome,
        "eventType": o.event.type if o.event.type in reference.TYPES else "Unrecognized",
        "eventAdded": o.outcome in ("Accepted", "Pending"),
        "messages": placed(spoken(m.type, m.code, m.action, m.field) for m in o.messages),
        "postedAmount": o.posted, "balanceAfter": o.balance, "availableAfter": o.available,
        "corrects": o.corrects, "repeats": o.repeats, "known": o.facts or {}} for o in outcomes]
    return Side(records, {(file, line + 1) for file, line, *_ in dead})


def of_binary(binary, events, accounts, listed, changes):
    inputs = {"events": events, "account-events": accounts} | ({} if listed is None else {"profile-records": listed})
    with tempfile.TemporaryDirectory() as folder:
        paths = {name: Path(folder, f"{name}.jsonl") for name in (*inputs, "output")}
        for name, lines in inputs.items():
            paths[name].write_text("".join(line + "\n" for _, line in lines), encoding="utf-8")
        command = [binary, "check"] + [part for name, path in paths.items() for part in (f"--{name}", str(path))]
        run = subprocess.run(command + [part for c in changes for part in ("--set", c)], capture_output=True, text=True)
        if run.returncode not in (0, 3):
            sys.exit(f"exit code {run.returncode}: {run.stderr.strip()}")
        with open(paths["output"], encoding="utf-8") as lines:
            records = [record(json.loads(line, parse_float=Decimal, parse_int=Decimal)) for line in lines]
    further = FURTHER.search(run.stderr)
    dead = {(file, int(line)) for file, line in DEAD.findall(run.stderr)}
    return Side(records, dead, int(further[1]) if further else 0)


def record(o):
    return {
        "line": int(o["source"]["offset"]), "transactionId": o["transactionId"], "supersedes": o.get("supersedes"),
        "outcome": o["outcome"], "eventType": o["eventType"], "eventAdded": o["eventAdded"],
        "messages": placed(spoken(m["type"], m["code"], m["actionCode"], m.get("fieldReference"))
                           for m in o["riskCheckMessages"]),
        "postedAmount": o.get("postedAmount"), "balanceAfter": o.get("balanceAfter"),
        "availableAfter": o.get("availableAfter"), "corrects": o.get("corrects"), "repeats": o.get("repeats"),
        "known": [plainly(fact["fact"], fact["value"]) for fact in o["evidence"]]}


def plainly(fact, value):
    """Evidence without the hashes by which it names terminals, its times as the reference writes them."""
    parts = value.split(" ")
    if fact == "chip.last_use":
        value = " ".join([moments.text(moments.parse(parts[0])), parts[1], *parts[3:]])
    return "position" if fact.startswith("position.") else fact, value


def spoken(kind, code, action, field):
    """A message without its texts. The field of 400.001 and the action of a repeat are not laid down."""
    return (kind, code, "" if code == "pos.idempotency.repeat" else action, field if code != "400.001" else None)


def placed(messages):
    """The place of a repeat's own message is not laid down: it goes last."""
    return sorted(messages, key=lambda m: m[1] == "pos.idempotency.repeat")


def numbered(lines):
    return list(enumerate(lines))


def both(binary, events, accounts, listed, changes):
    """Ids are learnt in a first pass without the lines that name them, as the cases' runner does it."""
    event_lines, records = numbered(events), None if listed is None else numbered(listed)
    ids = {}
    if any("{{txn:" in line for line in accounts):
        first = [(n, line) for n, line in numbered(accounts) if "{{txn:" not in line]
        ids = of_binary(binary, event_lines, first, records, changes).ids

    def named(line_id):
        return [(n, PLACEHOLDER.sub(lambda m: line_id(int(m[1]) - 1), line)) for n, line in numbered(accounts)]
    ours = of_reference(event_lines, named(lambda line: f"txn_{line:012}"), records, changes)
    theirs = of_binary(binary, event_lines, named(lambda line: ids.get(line, "txn_none")), records, changes)
    return ours, theirs


def differences(ours, theirs, records=True):
    """One entry for each outcome or dead letter that differs: (line or file and line, what, ours, theirs)."""
    found = []
    for key in sorted(ours.records.keys() | theirs.records.keys()) if records else ():
        a, b = ours.records.get(key), theirs.records.get(key)
        if a != b:
            names = [n for n in (a or b) if not (a and b) or a[n] != b[n]]
            found.append((key, ", ".join(names) if a and b else "is there or not", a, b))
        elif records:
            found += [(key, "evidence", *sides) for sides in evidence(a, ours.known[key], theirs.known[key])]
    ours_all, theirs_all = (len(side.dead) + side.further for side in (ours, theirs))
    if ours_all != theirs_all and theirs.further:
        found.append((("all", 0), "number of dead letters", ours_all, theirs_all))
    for file, line in sorted(theirs.dead - ours.dead if theirs.further else ours.dead ^ theirs.dead):
        found.append(((file, line), "dead letter", (file, line) in ours.dead, (file, line) in theirs.dead))
    if records and not found and list(ours.records) != list(theirs.records):
        at = next(i for i, (a, b) in enumerate(zip(ours.records, theirs.records)) if a != b)
        found.append((list(ours.records)[at], "order of outcomes", list(ours.records)[at:at + 4],
                      list(theirs.records)[at:at + 4]))
    return found


# Which fact each message needs, by its field.
NEEDED = {("pos.terminal", "posId"): ("terminal.record",), ("pos.terminal.name", "posName"): ("terminal.name",),
          ("pos.terminal.country", "countryCode"): ("terminal.country",), ("pos.terminal.fraud", "posId"): ("terminal.fraud",),
          ("pos.fanout", "nfcId"): ("chip.other_accounts",), ("pos.fanout", "posId"): ("terminal.other_accounts",)}


def evidence(outcome, ours, theirs):
    """What the binary says that it knew must be so, and what a message says must stand there."""
    for fact, value in theirs:
        if value not in ours.get(fact, ()):
            yield f"{fact} {sorted(ours.get(fact, ()))}", f"{fact} {value}"
    told = {fact for fact, _ in theirs}
    for _, code, _, field in outcome["messages"] if outcome["repeats"] is None else ():
        for fact in NEEDED.get((code, field), ()):
            if fact not in told:
                yield f"{code} by {fact}", "no such evidence"


def minimised(binary, events, accounts, listed, changes, what):
    """Drops lines while a difference of the same kind stays."""
    events, accounts, listed = numbered(events), list(accounts), None if listed is None else list(listed)
    deadline = time.monotonic() + 60

    def still():
        return any(d[1] == what for d in differences(*both(binary, *renumbered(events, accounts), listed, changes)))
    for lines in accounts, events, accounts, listed or []:
        size = max(1, len(lines) // 2)
        while size:
            i = 0
            while i < len(lines) and time.monotonic() < deadline:
                dropped = lines[i:i + size]
                del lines[i:i + size]
                if not still():
                    lines[i:i] = dropped
                    i += size
            size //= 2
    return *renumbered(events, accounts), listed


def renumbered(events, accounts):
    """Of (number, line) the lines; what account events name by number follows, or names nothing where it is gone."""
    places = {number: place for place, (number, _) in enumerate(events)}

    def named(found):
        place = places.get(int(found[1]) - 1)
        return "txn_none" if place is None else f"{{{{txn:@{place + 1}}}}}"
    return [line for _, line in events], [PLACEHOLDER.sub(named, line) for line in accounts]


def shown(changes, events, accounts, listed, found):
    print(f"settings: {' '.join(changes) or 'none'}" + (", without profiles" if listed is None else ""))
    for name, lines in ("profile record", listed or ()), ("account event", accounts), ("event", events):
        for n, line in numbered(lines):
            print(f"{name} {n + 1}: {line[:LONG]}{'...' if len(line) > LONG else ''}")
    for key, what, a, b in found[:3]:
        print(f"differs at {where(key)}: {what}")
        for name, side in ("reference", a), ("binary   ", b):
            print(f"  {name}: {plain(side, b if side is a else a)}")


def where(key):
    return f"{key[0]} line {key[1]}" if isinstance(key[0], str) else (
        f"events line {key[0] + 1}" + (", superseding" if key[1] else "") + (f", number {key[2]}" if key[2] > 1 else ""))


def plain(value, other):
    """Of two outcomes what differs, and always the codes."""
    if not isinstance(value, dict):
        return str(value)
    if isinstance(other, dict):
        value = {k: v for k, v in value.items() if v != other[k] or k in ("outcome", "messages")}
    messages = "; ".join(" ".join(str(x) for x in m[1:] if x) for m in value["messages"])
    return ", ".join(f"{k} {v}" for k, v in value.items() if k != "messages") + f" [{messages}]"


def sequence_of(file, key):
    """The sequence in which the difference lies, alone: its events, account events and profile records."""
    if key[0] == "all":
        return file.events, file.account_events, file.records
    of_accounts, line = key[0] == "account events", key[1] - 1 if isinstance(key[0], str) else key[0]
    for _, events, accounts, listed in file.sequences:
        count = len(accounts if of_accounts else events)
        if line < count:
            return events, accounts, listed
        line -= count
    raise AssertionError("no such line")


def known_settings(binary):
    def takes(change):
        return not subprocess.run([binary, "check", "--events", "/dev/null", "--set", change], capture_output=True).returncode
    return {change for group in GROUPS for change in group if takes(change)}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("binary")
    parser.add_argument("--seeds", default="1-20", help="one file of sequences for each seed, A-B or one number")
    parser.add_argument("--seconds", type=float, help="in place of --seeds: from the first seed on, for as long")
    parser.add_argument("--events", type=int, default=2000, help="events a file, at least")
    parser.add_argument("--show", type=int, default=5, help="differences that are minimised and printed")
    parser.add_argument("--set", action="append", help="these settings in place of those of the seed")
    a = parser.parse_args()
    binary = str(Path(a.binary).resolve())
    known = known_settings(binary)
    for change in sorted({c for group in GROUPS for c in group} - known):
        print(f"left out, the binary does not know it: {change}")
    first, _, last = a.seeds.partition("-")
    seed, last = int(first), int(last or first)
    began, sequences, events, differing, kinds = time.monotonic(), 0, 0, 0, {}
    while seed <= last if a.seconds is None else time.monotonic() - began < a.seconds:
        file = generate.File(seed, a.events)
        changes = [c for c in file.settings if c in known] if a.set is None else a.set
        found = differences(*both(binary, file.events, file.account_events, file.records, changes))
        found = one_by_one(binary, file, changes, found)
        sequences, events, differing = sequences + len(file.sequences), events + len(file.events), differing + len(found)
        for key, what, ours, theirs in roots(file, found):
            kind = (what, *apart(ours, theirs))
            kinds[kind] = kinds.get(kind, 0) + 1
            if kinds[kind] == 1 and len(kinds) <= a.show:
                tell(binary, seed, file, changes, key, what)
        seed += 1
    if kinds:
        print("\nfirst differences of an account, by kind:")
    for (what, ours, theirs), count in sorted(kinds.items(), key=lambda item: -item[1])[:40]:
        print(f"{count:6} x {what}: reference {ours}, binary {theirs}")
    print(f"{sequences} sequences, {events} events, {differing} differences")
    return 1 if differing else 0


def one_by_one(binary, file, changes, found):
    """Where only the number of dead letters differs, which they are: told by the sequences alone."""
    if not any(what == "number of dead letters" for _, what, *_ in found):
        return found
    shift, more = {"events": 0, "account events": 0}, []
    for _, events, accounts, listed in file.sequences:
        alone = differences(*both(binary, events, accounts, listed, changes), records=False)
        for (name, line), what, a, b in alone if all(d[0][0] in shift for d in alone) else ():
            more.append(((name, line + shift[name]), what, a, b))
        shift["events"] += len(events)
        shift["account events"] += len(accounts)
    return [d for d in found if d[1] != "number of dead letters" or not more] + more


def roots(file, found):
    """The first difference of each account: later ones may follow from it."""
    seen, kept = set(), []
    for difference in found:
        key = difference[0]
        lines = file.account_events if key[0] == "account events" else file.events
        name = key[0] != "all" and re.search(r'"account(?:Number)?": "([^"]*)"', lines[key[1] - 1 if isinstance(key[0], str) else key[0]])
        if not name or name[1] not in seen:
            kept.append(difference)
            seen.add(name and name[1])
    return kept


def apart(ours, theirs):
    """What tells a kind of difference: the outcomes, and the messages that only one of the two has."""
    if not (isinstance(ours, dict) and isinstance(theirs, dict)):
        return codes(ours), codes(theirs)
    sides = []
    for one, other in (ours, theirs), (theirs, ours):
        rest = list(other["messages"])
        only = [m for m in one["messages"] if m not in rest or rest.remove(m)]
        sides.append(" ".join([one["outcome"]] + [f"{m[1]} ({m[2]})" if m[2] else m[1] for m in only]))
    return tuple(sides)


def codes(side):
    if not isinstance(side, dict):
        return str(side)[:60]
    return " ".join([side["outcome"]] + [m[1] for m in side["messages"]])


def tell(binary, seed, file, changes, key, what):
    print(f"\nseed {seed}")
    alone = sequence_of(file, key)
    if any(d[1] == what for d in differences(*both(binary, *alone, changes))):
        least = minimised(binary, *alone, changes, what)
        found = [d for d in differences(*both(binary, *least, changes)) if d[1] == what]
        shown(changes, *least, found)
    else:
        all_lines = file.events, file.account_events, file.records
        found = [d for d in differences(*both(binary, *all_lines, changes)) if d[0] == key]
        print("only within its file; the sequence alone agrees")
        shown(changes, [], [], file.records and [], found)


if __name__ == "__main__":
    sys.exit(main())
