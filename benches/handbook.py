#!/usr/bin/env python3
"""How many of the handbook's frauds the checks find, and how many alarms are false.

  benches/handbook.py TILLGATE FOLDER     such as target/release/tillgate ../shared/data/handbook; needs zstd

Decides June and July twice: once for the transactionIds, and once more with a `flag fraud` account event a week after each
fraud, as a card issuer learns of it. What is measured is the last week of July, by the labels. Rules that only note leave the
events accepted, as the handbook's baseline does, which acts on no alarm either.
"""
import collections
import datetime
import json
import subprocess
import sys
import tempfile
from decimal import Decimal
from pathlib import Path

WEEK = ("2018-07-25", "2018-08-01")
SETS = [
    "checks.account.unknown=open",
    "checks.limit.default.EUR=99999999",
    "checks.limit.first_amount.enabled=false",
    "checks.account.flag.enabled=false",
    # The amount: what asks for a social security number asks for it above 220, and is a note here.
    "checks.identity.ssn.outcome=note",
    'checks.identity.ssn.countries=["BE"]',
    "checks.identity.ssn.above.EUR=220",
    # The terminal's confirmed fraud on seven days that ended seven days before.
    "profiles.enabled=true",
    "checks.pos.terminal_fraud.outcome=note",
    "checks.pos.terminal_fraud.events=1",
    "checks.velocity.fanout.enabled=false",
]
RATES = [Decimal(rate) for rate in ("0.05", "0.1", "0.2", "0.3", "0.4", "0.5", "0.6")]
AMOUNT, TERMINAL, VELOCITY = "pos.identity.ssn", "pos.terminal.fraud", "pos.velocity"


def lines(path):
    return subprocess.run(["zstd", "-dcq", path], check=True, capture_output=True).stdout.splitlines()


def decide(tillgate, events, more=()):
    sets = [part for text in SETS for part in ("--set", text)]
    run = subprocess.run([tillgate, "check", "--events", events, *more, *sets], check=True, capture_output=True)
    return [json.loads(line) for line in run.stdout.splitlines()]


def feedback(outcomes, labels, path):
    """What the issuer tells a week after each fraud."""
    with open(path, "w") as file:
        for number, (outcome, label) in enumerate(zip(outcomes, labels)):
            if label["fraud"]:
                told = datetime.datetime.fromisoformat(label["time"]) + datetime.timedelta(days=7)
                event = {"id": f"fraud-{number}", "account": label["accountNumber"], "eventType": "flag",
                         "createdAt": told.isoformat().replace("+00:00", "Z"),
                         "flag": {"name": "fraud", "set": True, "transactionId": outcome["transactionId"]}}
                file.write(json.dumps(event) + "\n")


def above_their_mean(events):
    """The customer's amount is more than 3.5 times the mean of the 30 days before: no check asks this."""
    days, found = collections.defaultdict(collections.deque), []
    for event in events:
        time = datetime.datetime.fromisoformat(event["time"])
        before, amount = days[event["accountNumber"]], event["totalAmount"]
        while before and before[0][0] <= time - datetime.timedelta(days=30):
            before.popleft()
        found.append(bool(before) and amount * len(before) > Decimal("3.5") * sum(one for _, one in before))
        before.append((time, amount))
    return found


def fraud_rate(outcome):
    """The terminal's rate of confirmed fraud, as the decision knew it."""
    for evidence in outcome["evidence"]:
        if evidence["fact"] == "terminal.fraud":
            confirmed, judged = evidence["value"].split("/")
            return Decimal(confirmed) / Decimal(judged)
    return Decimal(0)


def main():
    tillgate, folder = sys.argv[1], Path(sys.argv[2])
    months = ("2018-06", "2018-07")
    labels = [json.loads(line) for month in months for line in lines(folder / f"labels_{month}.jsonl.zst")]
    texts = [line for month in months for line in lines(folder / f"events_{month}.jsonl.zst")]
    with tempfile.TemporaryDirectory() as scratch:
        events, told = Path(scratch, "events.jsonl"), Path(scratch, "account_events.jsonl")
        events.write_bytes(b"\n".join(texts) + b"\n")
        feedback(decide(tillgate, events), labels, told)
        outcomes = decide(tillgate, events, ["--account-events", told])
    own = [outcome for outcome in outcomes if outcome.get("supersedes") is None]
    assert len(own) == len(labels), (len(own), len(labels))
    mean = above_their_mean(json.loads(text, parse_float=Decimal) for text in texts)
    rules = collections.defaultdict(lambda: [0, 0])
    frauds = collections.Counter()
    false_velocity = 0
    for outcome, label, above_mean in zip(own, labels, mean):
        codes = {message["code"] for message in outcome["riskCheckMessages"]}
        false_velocity += VELOCITY in codes and not label["fraud"]
        if not WEEK[0] <= label["time"] < WEEK[1]:
            continue
        frauds[label["scenario"]] += 1
        amount = AMOUNT in codes
        alarms = {"amount": amount, "mean, not a check": above_mean}
        for rate in RATES:
            terminal = fraud_rate(outcome) > rate
            assert rate != RATES[0] or terminal == (TERMINAL in codes), "the evidence is what the check decided by"
            alarms[f"terminal above {rate}"] = terminal
            alarms[f"amount or terminal above {rate}"] = amount or terminal
            alarms[f"all three, terminal above {rate}"] = amount or terminal or above_mean
        for name, alarm in alarms.items():
            rules[name][0] += alarm
            rules[name][1] += alarm and label["fraud"]
    all_frauds = sum(count for scenario, count in frauds.items() if scenario)
    print(f"{WEEK[0]} to {WEEK[1]}: {sum(frauds.values())} events, {all_frauds} frauds, by scenario {dict(frauds)}")
    for name, (alarms, right) in sorted(rules.items()):
        print(f"{name:<34} alarms {alarms:>6}, precision {right / max(alarms, 1):.3f}, recall {right / all_frauds:.3f}")
    print(f"velocity by its defaults: {false_velocity} false alarms in {len(own)} events")


if __name__ == "__main__":
    main()
