"""Holds the gateway to its contracts and to its document, as a client of each sees them.

First what the document can say of a request, see tables.py and contact_table.py; then what it cannot: exact numbers, repeats,
Pending outcomes, whether a person may be contacted (contacts.py), requests that are hardly any (odd.py), and what is never
told.
"""

import json
import re
import time
import traceback

from contact_table import interaction_table, question_table
from contacts import CONTACTS
from odd import accounts_of_every_spelling, bodies_and_headers, odd_paths, raw_requests
from report import Report
from stack import SCOPES, eventually
from tables import AT_ONCE, account_table, at_once, pos_table
from talk import Raw, Talk, call, flag, limit, purchase, question, records

REFUSED = "pos.account.refused"
# What a sender does not learn unless gateway.disclose is true: standing, limits, fraud.
WITHHELD = {
    "pos.account.stopped",
    "pos.account.dunning",
    "pos.account.closed",
    "pos.account.default",
    "pos.account.flag",
    "200.903",
    "200.912",
    "pos.first.amount",
    "pos.holds",
    "pos.nfc.unknown",
    "pos.nfc.blocked",
    "pos.travel",
    "pos.sca",
    "pos.velocity",
    "pos.withdrawal.cap",
    "pos.fanout",
    "pos.terminal.fraud",
}


def exact_numbers(report, talk, _stack):
    """Beyond what a float can hold."""
    report.equal(
        talk.account_event(limit("exact", 999_999_999_999_999_999)).json()["limit"]["amount"],
        "999999999999999999",
        "the limit as it was sent",
    )
    body = talk.account_event(
        {"account": "exact-2", "eventType": "cash_advance", "cashAdvance": {"amount": 9_007_199_254_740_993}}
    )
    report.equal(body.json()["cashAdvance"]["amount"], "9007199254740993", "an amount beyond 2^53")

    def line(quantity, price, gross):
        return [
            {
                "itemId": "1",
                "itemDescription": "x",
                "unitCode": "KGM",
                "quantity": Raw(quantity),
                "unitPrice": Raw(price),
                "grossAmount": Raw(gross),
            }
        ]

    for total, quantity, price, gross, codes in [
        ("0.30", "3", "0.1", "0.3", []),
        ("0.30", "0.1", "3", "0.30", []),
        ("90071992547409.93", "1", "90071992547409.93", "90071992547409.93", []),
        ("90071992547409.94", "1", "90071992547409.93", "90071992547409.93", ["400.102"]),
        ("12.35", "1", "12.345", "12.345", []),
        ("12.36", "1", "12.345", "12.345", ["400.102"]),
        ("12.34", "1", "12.345000", "12.3450", []),
        ("1.10", "1", "1.1000000000000000000000000000000", "11e-1", []),
    ]:
        answer = talk.event("exact", purchase(total, items=line(quantity, price, gross)))
        found = [code for code in answer.codes() if code not in (REFUSED, "pos.duplicate")]
        report.equal(found, codes, f"{quantity} x {price} = {gross}, total {total}")
    message = talk.event("exact", purchase("90071992547409.94", items=line("1", "90071992547409.93", "90071992547409.93")))
    said = message.json()["riskCheckMessages"][0]["message"]
    report.that("90071992547409.94" in said and "90071992547409.93" in said, "the message has every figure", said)


def repeats(report, talk, stack):
    """An accountTransactionId is booked once, one after the other and at the same time."""
    talk.account_event(limit("repeats", 2500))
    event = purchase("10.00", accountTransactionId="once")
    first = talk.event("repeats", event).json()
    report.equal(first["outcome"], "Accepted", "the first")
    again = talk.event("repeats", event)
    report.equal((again.json()["transactionId"], again.json()["outcome"]), (first["transactionId"], "Accepted"), "its repeat")
    report.that("pos.idempotency.repeat" in again.codes(), "its repeat says so", again)
    other = talk.event("repeats", {**event, "posName": "x", "totalAmount": Raw("11.00"), "items": None})
    report.that(other.json()["outcome"] == "Rejected" and "400.100" in other.codes(), "the id with other content", other)
    # What is left of the limit says what was booked.
    rest = talk.event("repeats", purchase("15.00", posId="POS-2"))
    report.equal(rest.json()["outcome"], "Accepted", "the rest of the limit")
    beyond = talk.event("repeats", purchase("0.01", posId="POS-3"))
    report.equal((beyond.json()["outcome"], beyond.codes()), ("Rejected", [REFUSED]), "a cent beyond the limit")

    talk.account_event(limit("repeats-at-once", 2500))
    event = purchase("10.00", accountTransactionId="at once")
    answers = at_once(lambda: talk.event("repeats-at-once", event))
    report.equal(
        {(a.status, a.json()["transactionId"], a.json()["outcome"]) for a in answers},
        {(200, answers[0].json()["transactionId"], "Accepted")},
        "20 at the same time",
    )
    report.equal(sum("pos.idempotency.repeat" in a.codes() for a in answers), AT_ONCE - 1, "19 of them are repeats")
    report.equal(talk.event("repeats-at-once", purchase("15.00", posId="POS-2")).json()["outcome"], "Accepted", "booked once")
    report.equal(talk.event("repeats-at-once", purchase("0.01", posId="POS-3")).json()["outcome"], "Rejected", "and not never")

    # The topic has an id for the repeat too: either asks for the same.
    outcomes = [value for key, value in records(stack, "pos_outcomes") if key == "repeats"]
    own = [
        outcome["transactionId"]
        for outcome in outcomes
        if any(message["code"] == "pos.idempotency.repeat" for message in outcome["riskCheckMessages"])
    ]
    report.equal(len(own), 1, "repeats on the topic")
    for transaction in (first["transactionId"], *own):
        found = talk.latest("repeats", transaction)
        report.equal(
            (found.status, found.status == 200 and found.json()["transactionId"]),
            (200, first["transactionId"]),
            f"GET {transaction}",
        )
    for account, transaction in (("repeats-at-once", first["transactionId"]), ("nobody", first["transactionId"])):
        report.equal(talk.latest(account, transaction).status, 404, f"GET of another account, {account}")

    # Without an id each is an event of its own.
    talk.account_event(limit("no-id", 100_000))
    ids = {talk.event("no-id", purchase(f"{n + 1}.00")).json()["transactionId"] for n in (0, 0, 1)}
    report.equal(len(ids), 3, "events without an id")


def idempotency(report, talk, _stack):
    """An Idempotency-Key applies once."""
    payment = {"account": "keys", "eventType": "payment", "payment": {"amount": 100, "status": "success"}}
    talk.account_event(limit("keys", 1000))
    first = talk.account_event(payment, "key 1")
    again = talk.account_event(payment, "key 1")
    report.equal(first.status, 200, "with a key")
    report.equal(again.json(), first.json(), "the same key again")
    other = talk.account_event({**payment, "payment": {"amount": 101, "status": "success"}}, "key 1")
    report.equal((other.status, other.media), (409, "application/problem+json"), "the same key with other content")
    report.equal(talk.account_event({**payment, "account": "keys-2"}, "key 1").status, 200, "the same key of another account")
    two = [talk.account_event(payment).json()["id"] for _ in range(2)]
    report.that(two[0] != two[1], "without a key: two events", two)
    answers = at_once(lambda: talk.account_event(payment, "key 2"))
    report.equal({a.status for a in answers}, {200}, "20 with one key")
    report.equal(
        len({(a.json().get("id"), a.json().get("createdAt")) for a in answers}), 1, "20 with one key: id and createdAt"
    )
    mixed = at_once(
        lambda n: talk.account_event({**payment, "payment": {"amount": 100 + n % 2, "status": "success"}}, "key 3"),
        numbered=True,
    )
    report.equal(
        sorted(a.status for a in mixed),
        [200] * (AT_ONCE // 2) + [409] * (AT_ONCE // 2),
        "20 with one key, half of other content",
    )
    long = "k" * 80
    report.equal([talk.account_event(payment, long).status for _ in range(2)], [200, 200], "a key of 80 characters")
    # limit 10.00; paid so far: 1.00 each for key 1, two without, key 2, key 3 (1.00 or 1.01), the long key: 6.00 or 6.01.
    talk.event("keys", purchase("10.00"))
    paid = "6.00" if mixed[0].status == 200 else "6.01"
    report.equal(talk.event("keys", purchase(paid, posId="POS-2")).json()["outcome"], "Accepted", "what was paid is free again")
    report.equal(talk.event("keys", purchase("0.01", posId="POS-3")).json()["outcome"], "Rejected", "and no more")


def pending(report, talk, _stack):
    """A Pending event that is granted, or refused, and what GET says of it."""
    for granted, outcome in ((True, "Accepted"), (False, "Rejected")):
        account = f"pending-{granted}"
        talk.account_event(limit(account))
        talk.account_event(flag(account, "review"))
        event = purchase("20.00", accountTransactionId="p")
        first = talk.event(account, event)
        transaction = first.json()["transactionId"]
        report.equal(
            (first.json()["outcome"], first.json()["eventAdded"], first.codes()), ("Pending", True, [REFUSED]), account
        )
        report.equal(first.json()["riskCheckMessages"][0]["actionCode"], "AskConsumerToIdentify", f"{account}: what to do")
        report.equal(talk.latest(account, transaction).json()["outcome"], "Pending", f"{account}: GET before")
        resolve = {
            "account": account,
            "eventType": "update",
            "update": {"resolve": {"transactionId": transaction, "granted": granted}},
        }
        report.equal(talk.account_event(resolve, "resolve").status, 200, f"{account}: resolve")

        latest = latest_as(talk, account, transaction, outcome)
        report.equal(
            (latest.json()["transactionId"], latest.json()["eventAdded"]), (transaction, granted), f"{account}: GET after"
        )
        report.equal(talk.account_event(resolve, "resolve").status, 200, f"{account}: resolve, the same key again")
        report.equal(talk.account_event(resolve, "another").status, 422, f"{account}: resolve, another key")
        again = talk.event(account, event)
        report.equal(
            (again.json()["outcome"], again.json()["transactionId"]), (outcome, transaction), f"{account}: the event again"
        )
    wrong = {
        "account": "pending-True",
        "eventType": "update",
        "update": {"resolve": {"transactionId": "txn_00000000000000000000000000", "granted": True}},
    }
    report.equal(talk.account_event(wrong).status, 422, "a transaction that is not there")


def latest_as(talk, account, transaction, outcome):
    def found():
        answer = talk.latest(account, transaction)
        return answer if answer.status == 200 and answer.json()["outcome"] == outcome else None

    return eventually(f"{account} to be {outcome} by GET", found, 10)


def nothing_leaks(report, talk, open_talk):
    """Reasons of standing, limits and fraud are one code, unless gateway.disclose is true."""

    def flagged(name):
        return lambda account: [limit(account), flag(account, name)]

    standing = [
        ("pos.account.stopped", flagged("stopped"), "1.00", {}),
        ("pos.account.dunning", flagged("dunning"), "1.00", {}),
        ("pos.account.flag", flagged("blocked"), "1.00", {}),
        ("pos.account.flag", flagged("review"), "1.00", {}),
        ("200.912", flagged("chargeback"), "1.00", {}),
        ("pos.account.closed", lambda a: [limit(a), {"account": a, "eventType": "close", "close": {}}], "1.00", {}),
        ("pos.account.default", lambda a: [limit(a), {"account": a, "eventType": "default", "default": {}}], "1.00", {}),
        ("200.903", lambda a: [limit(a, 100)], "2.00", {}),
        ("pos.first.amount", lambda a: [limit(a)], "1001.00", {}),
        (
            "pos.nfc.unknown",
            lambda a: [limit(a), {"account": a, "eventType": "update", "update": {"nfcIds": ["01"]}}],
            "1.00",
            {"nfcId": "02"},
        ),
        (
            "pos.nfc.blocked",
            lambda a: [limit(a), {"account": a, "eventType": "update", "update": {"blockedNfcIds": ["02"]}}],
            "1.00",
            {"nfcId": "02"},
        ),
        ("pos.withdrawal.cap", lambda a: [limit(a)], "501.00", {"eventType": "Withdrawal", "categoryType": "Payout"}),
    ]
    told = {}
    for number, (code, events, amount, changes) in enumerate(standing):
        for one, name in ((talk, "withheld"), (open_talk, "told")):
            account = f"leaks-{number}-{name}"
            for event in events(account):
                applied = one.account_event(event)
                report.that(applied.status == 200, f"{account}: {event}", applied)
            answer = one.event(account, purchase(amount, **changes))
            codes = answer.codes()
            if one is talk:
                report.that(
                    REFUSED in codes and codes.count(REFUSED) == 1 and not WITHHELD & set(codes), f"{code} is withheld", answer
                )
                message = next((m for m in answer.json()["riskCheckMessages"] if m["code"] == REFUSED), {})
                told.setdefault(answer.json()["outcome"], set()).add(message.get("message"))
                report.that("fieldReference" not in message, f"{code}: no field", answer)
            else:
                report.that(code in codes and REFUSED not in codes, f"{code} is told", answer)
            found = one.latest(account, answer.json()["transactionId"])
            report.equal(found.json(), answer.json(), f"{account}: GET")
    report.that(all(len(messages) == 1 for messages in told.values()), "one sentence for all reasons", told)
    for answer in talk.answers:
        body = answer.body.decode(errors="replace")
        if answer.media == "application/json" and body.startswith(("[", "{")) and "openapi" not in body[:20]:
            names = WITHHELD & set(re.findall(r'"code": ?"([^"]*)"', body))
            report.that(not names and '"detail"' not in body and '"evidence"' not in body, "an answer tells too much", answer)


def read_to_the_end(ask, talk):
    """A gateway that has just started may be reading what was before."""
    return eventually("the history to be read", lambda: answer if (answer := ask(talk)).status != 503 else None, 30)


def keys_and_scopes(report, stack):
    """Nobody without a key; each key for its scopes alone."""
    made = {scope: stack.api_key(scope.replace(":", "-"), [scope]) for scope in SCOPES}
    gateway = stack.gateway(keys=[line for _, line in made.values()])
    stack.await_ready()
    asked = {
        "events:write": lambda talk: talk.event("scopes", purchase()),
        "events:read": lambda talk: talk.latest("scopes", "txn_00000000000000000000000000"),
        "account-events:write": lambda talk: talk.account_event(limit("scopes")),
        "interactions:write": lambda talk: talk.interaction(call("scopes"), "scopes"),
        "contact:ask": lambda talk: talk.may_contact("ext-scopes", question()),
    }
    granted = {"events:read": 404, "interactions:write": 201}
    for key, who in [(None, "nobody"), ("wrong", "a wrong key"), *((key, scope) for scope, (key, _) in made.items())]:
        talk = Talk(gateway.port, key)
        for scope, ask in asked.items():
            answer = read_to_the_end(ask, talk)
            wanted = 401 if who in ("nobody", "a wrong key") else 403 if who != scope else granted.get(scope, 200)
            report.equal((answer.status, bool(answer.headers["X-Request-Id"])), (wanted, True), f"{who} asks for {scope}")
            if wanted == 401:
                report.that(answer.headers.get("WWW-Authenticate"), f"{who}: WWW-Authenticate", answer)
        report.equal(talk.ask("GET", "/openapi.json").status, 200, f"{who} reads the document")
    bearer = Talk(gateway.port)
    answer = bearer.event("scopes", purchase(), {"Authorization": f"Bearer {made['events:write'][0]}"})
    report.equal(answer.status, 200, "a key as a bearer")


def without_kafka(report, stack):
    """A gateway that does not reach Kafka says so in time: nobody is left waiting."""
    gateway = stack.gateway("kafka.bootstrap_servers=127.0.0.1:1")
    stack.processes.remove(gateway)
    try:
        time.sleep(2)
        talk, pages = Talk(gateway.port, within=5), Talk(gateway.admin, within=5)
        for name, ask in {
            "addEvent": lambda: talk.event("away", purchase()),
            "createAccountEvent": lambda: talk.account_event(limit("away")),
            "latestOutcome": lambda: talk.latest("away", "txn_00000000000000000000000000"),
            "createInteraction": lambda: talk.interaction(call("away"), "away"),
            "canInteract": lambda: talk.may_contact("ext-away", question()),
            "/readyz": lambda: pages.ask("GET", "/readyz"),
        }.items():
            try:
                answer = ask()
                report.that(answer.status == 503, f"{name} without Kafka", answer)
            except ConnectionRefusedError:
                report.that(True, "")
            except OSError as error:
                report.that(False, f"{name} without Kafka", repr(error))
    finally:
        gateway.end()


def test(stack):
    """Whether all was as expected."""
    plain, disclosing = stack.gateway(), stack.gateway("gateway.disclose=true")
    stack.await_ready()
    talk, open_talk = Talk(plain.port), Talk(disclosing.port)
    document = json.loads(talk.ask("GET", "/openapi.json").body)
    parts = [
        ("POS events, by the document", lambda r: pos_table(r, talk, document)),
        ("account events, by the document", lambda r: account_table(r, talk, document)),
        ("interactions, by the document", lambda r: interaction_table(r, talk, document)),
        ("questions, by the document", lambda r: question_table(r, talk, document)),
        ("exact numbers", lambda r: exact_numbers(r, talk, stack)),
        ("accounts", lambda r: accounts_of_every_spelling(r, talk, document)),
        ("paths", lambda r: odd_paths(r, talk)),
        ("bodies and headers", lambda r: bodies_and_headers(r, talk)),
        ("raw requests", lambda r: raw_requests(r, talk)),
        ("repeats", lambda r: repeats(r, talk, stack)),
        ("keys of account events", lambda r: idempotency(r, talk, stack)),
        ("Pending", lambda r: pending(r, talk, stack)),
        *((name, lambda r, part=part: part(r, talk, stack)) for name, part in CONTACTS.items()),
        ("keys and scopes", lambda r: keys_and_scopes(r, stack)),
        ("without Kafka", lambda r: without_kafka(r, stack)),
        ("what is not told", lambda r: nothing_leaks(r, talk, open_talk)),
    ]
    passed = failed = 0
    for name, part in parts:
        report = Report()
        try:
            part(report)
        except Exception:
            report.faults.append(traceback.format_exc())
        passed, failed = passed + report.passed, failed + len(report.faults)
        print(
            f"{'FAILED' if report.faults else 'ok':6} {name}: {report.passed} passed, {len(report.faults)} failed", flush=True
        )
        for fault in report.faults[:60]:
            print(f"       {fault}")
    print(f"{passed} passed, {failed} failed")
    return failed == 0
