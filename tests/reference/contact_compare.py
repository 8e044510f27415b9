#!/usr/bin/env python3
"""contact_compare.py BINARY [--seeds A-B]: the same generated requests through both; every decision must agree.
contact_compare.py --self [--seeds A-B]: only the reference, and how often it says what."""
import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import contact
import contact_generate
import moments

CODES = ["contact.request.person", "contact.request.theme", "contact.request.channel", "contact.request.loan",
         "contact.request.contact", "contact.request.time", "contact.case", "contact.status.case", "contact.consent.autodialed",
         "contact.consent.electronic", "contact.status.account", "contact.frequency.calls", "contact.frequency.conversation",
         "contact.hours", "contact.hours.location", "contact.hours.inconvenient", "contact.place.inconvenient"]
LONG = 600


def of_reference(file):
    return [(name, not reasons, reasons) for name, reasons in
            contact.run(file.interactions, file.requests, file.records, file.facts)]


def of_binary(binary, file):
    with tempfile.TemporaryDirectory() as folder:
        command = [binary, "check"]
        for name, lines in file.lines().items():
            path = Path(folder, f"{name}.jsonl")
            path.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
            command += [f"--{name}", str(path)]
        run = subprocess.run(command, capture_output=True, text=True)
    # Dead letters among the lines have an exit code of their own; repeats with other content are such.
    if run.returncode not in (0, 3):
        sys.exit(f"exit code {run.returncode}: {run.stderr.strip()}")
    return [(d["requestId"], d["result"], [reason(r) for r in d["reasons"]]) for d in map(json.loads, run.stdout.splitlines())]


def reason(r):
    at = r.get("notBefore")
    return r["code"], None if at is None else moments.parse(at)


def said(decision):
    if decision is None:
        return "nothing"
    name, result, reasons = decision
    return f"{name} {str(result).lower()} " + ", ".join(
        code + ("" if at is None else f" until {moments.text(at)}") for code, at in reasons)


def kind(ours, theirs):
    """What tells a kind of difference: the codes that only one of the two has, or whose notBefore."""
    if ours is None or theirs is None or ours[0] != theirs[0]:
        return "which request is answered"
    a, b = (Counter(code for code, _ in side[2]) for side in (ours, theirs))
    if a != b:
        return f"only reference: {sorted((a - b).elements())}, only binary: {sorted((b - a).elements())}"
    if [code for code, _ in ours[2]] != [code for code, _ in theirs[2]]:
        return "order of reasons"
    if ours[2] != theirs[2]:
        return f"notBefore of {sorted({x[0] for x, y in zip(ours[2], theirs[2]) if x != y})}"
    return "result"


def shown(seed, file, at, ours, theirs):
    request = file.requests[min(at, len(file.requests) - 1)]
    print(f"\nseed {seed}, request {at + 1}: {kind(ours, theirs)}")
    print(f"  reference: {said(ours)}\n  binary:    {said(theirs)}\n  request:   {json.dumps(request, ensure_ascii=False)}")
    if at:
        # It gives the time where the request has none.
        print(f"  before it: {json.dumps(file.requests[at - 1], ensure_ascii=False)[:LONG]}")
    person = request["personId"]
    for name, lines in (("fact", file.facts), ("record", file.records), ("interaction", file.interactions)):
        for n, line in enumerate(lines):
            if line["partyId"] == person:
                text = json.dumps(line, ensure_ascii=False)
                print(f"  {name} {n + 1}: {text if name == 'record' else text[:LONG]}")


def seeds(text):
    first, _, last = text.partition("-")
    return range(int(first), int(last or first) + 1)


def compare(a):
    binary, requests, differing, kinds = str(Path(a.binary).resolve()), 0, 0, Counter()
    for seed in a.seeds:
        file = contact_generate.File(seed)
        ours, theirs = of_reference(file), of_binary(binary, file)
        requests += len(ours)
        for at in range(max(len(ours), len(theirs))):
            sides = [side[at] if at < len(side) else None for side in (ours, theirs)]
            if sides[0] == sides[1]:
                continue
            differing += 1
            kinds[kind(*sides)] += 1
            if kinds[kind(*sides)] == 1 and len(kinds) <= a.show:
                shown(seed, file, at, *sides)
            if kind(*sides) == "which request is answered":
                break
    if kinds:
        print("\ndifferences by kind:")
    for what, count in kinds.most_common(40):
        print(f"{count:6} x {what}")
    print(f"{len(a.seeds)} seeds, {requests} requests, {differing} differences")
    return 1 if differing else 0


def of_itself(a):
    began, codes, later, scenarios, results, counts = time.monotonic(), Counter(), Counter(), {}, Counter(), Counter()
    for seed in a.seeds:
        file = contact_generate.File(seed)
        counts.update(people=len(file.people), interactions=len(file.interactions), requests=len(file.requests))
        for name, result, reasons in of_reference(file):
            results[result] += 1
            codes.update(code for code, _ in reasons)
            later.update(code for code, at in reasons if at is not None)
            scenarios.setdefault(name.rpartition("-")[0], Counter())[result] += 1
    for code in CODES + sorted(set(codes) - set(CODES)):
        print(f"{codes[code]:6} x {code}" + (f", {later[code]} with notBefore" if later[code] else ""))
    print("\nby what is asked: true, false")
    for name, found in sorted(scenarios.items()):
        print(f"{found[True]:6} {found[False]:6}  {name}")
    print(f"{len(a.seeds)} seeds, {counts['people']} people, {counts['interactions']} interactions, {counts['requests']} requests: "
          f"{results[True]} true, {results[False]} false, {time.monotonic() - began:.0f} s")
    return 0


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("binary", nargs="?")
    parser.add_argument("--self", action="store_true", dest="alone", help="without a binary: what is reached how often")
    parser.add_argument("--seeds", type=seeds, default=range(1, 21), help="A-B or one number")
    parser.add_argument("--show", type=int, default=5, help="kinds of differences that are printed, each once")
    a = parser.parse_args()
    if not (a.alone or a.binary):
        parser.error("BINARY or --self")
    return of_itself(a) if a.alone else compare(a)


if __name__ == "__main__":
    sys.exit(main())
