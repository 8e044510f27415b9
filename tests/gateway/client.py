"""Holds the gateway to its two contracts and to its document, as a client of each sees them.

The table of fields, bounds and symbols is taken from the document that the gateway serves; what is sent comes from there: every
symbol, every field missing, null and of another type, every bound at, below and above. Then what a document cannot say: exact
numbers, repeats, Pending outcomes, accounts of every spelling, and what is never told.
"""

import copy
import json
import re
import socket
import threading
import traceback
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from urllib.parse import quote

from stack import eventually
from talk import JSON, Raw, Talk, event_path, now, records

AT_ONCE = 20
TRANSACTION = re.compile(r"^txn_[0-7][0-9a-hjkmnp-tv-z]{25}$")
REFUSED = "pos.account.refused"
# What a sender does not learn unless gateway.disclose is true: standing, limits, fraud.
WITHHELD = {
    "pos.account.stopped", "pos.account.dunning", "pos.account.closed", "pos.account.default", "pos.account.flag", "200.903",
    "200.912", "pos.first.amount", "pos.holds", "pos.nfc.unknown", "pos.nfc.blocked", "pos.travel", "pos.sca", "pos.velocity",
    "pos.withdrawal.cap", "pos.fanout", "pos.terminal.fraud",
}
DIGITS_MAX = 18
FORM_CODES = {
    "missing": {"400.002", "400.003"}, "symbol": {"400.004"}, "long": {"400.005"}, "many": {"400.003"},
    "decimals": {"400.007"}, "bound": {"400.001", "400.003"}, "type": {"400.001", "400.004"},
}


class Report:
    """What was compared, and what of it was not as expected."""

    def __init__(self):
        self.passed, self.faults, self.lock = 0, [], threading.Lock()

    def that(self, true, what, said=""):
        with self.lock:
            if true:
                self.passed += 1
            else:
                self.faults.append(f"{what}: {said}")

    def equal(self, found, wanted, what):
        self.that(found == wanted, what, f"is {found!r}, not {wanted!r}")


def purchase(amount="12.34", **changes):
    event = {
        "eventType": "Purchase", "time": now(), "posId": "POS-1", "totalAmount": Raw(amount),
        "items": [{"itemId": "1", "itemDescription": "Bread", "unitCode": "C62", "quantity": 1, "unitPrice": Raw(amount),
                   "grossAmount": Raw(amount)}],
        "currency": "EUR", "countryCode": "DE", "conversationLanguage": "DE",
    }
    return {name: value for name, value in {**event, **changes}.items() if value is not ...}


def limit(account, amount=9_000_000):
    return {"account": account, "eventType": "limit", "limit": {"amount": amount}}


def flag(account, name):
    return {"account": account, "eventType": "flag", "flag": {"name": name, "set": True}}


# --- the table that the document is -------------------------------------------------------------------------------------------


def variants(schema, value, path, required=True):
    """Of a value of a schema: (path, what is done, the value, whether it is still good). `...` for no value."""
    types = schema["type"] if isinstance(schema.get("type"), list) else [schema.get("type")]
    yield path, "missing", ..., not required
    # "`null` is as if the field were not there."
    yield path, "missing", None, not required
    if "enum" in schema:
        for symbol in schema["enum"]:
            if symbol is not None:
                yield path, f"is {symbol}", symbol, True
        yield path, "symbol", "Nonesuch", False
        yield path, "symbol", schema["enum"][0].lower() + " ", False
    elif "string" in types and schema.get("format") != "date-time":
        most = schema.get("maxLength")
        for length, good in [(1, True)] + ([(most - 1, True), (most, True), (most + 1, False)] if most else []):
            # Characters, neither bytes nor UTF-16 units.
            for letter in "aé😀":
                yield path, "long" if not good else f"{length} x {letter}", letter * length, good
        for blank in ("", " ", "\u0007", "\u00a0"):
            yield path, "missing", blank, "minLength" not in schema
    if "number" in types:
        decimals = schema["x-decimals-max"]
        unit = Decimal(1).scaleb(-decimals)
        low, high = Decimal(schema["exclusiveMinimum"]), Decimal(schema["exclusiveMaximum"])
        # Of 18 digits in all.
        most = max(unit, high.scaleb(-DIGITS_MAX))
        for number, kind in [
            (low, "bound"), (high, "bound"), (high * 10, "bound"), (Decimal("1e400"), "bound"), (low + most, ""), (high - most, ""),
            (unit / 10, "decimals"), (1 + unit / 10, "decimals"), (1 + unit, ""),
        ]:
            yield path, kind or "exact", Raw(format(number, "f") if number < Decimal("1e100") else number), not kind
        for written, good in [("1.0" + "0" * 40, True), ("1e0", True), ("10E-1", True), ("0.0001e4", True), ("-0", None)]:
            yield path, f"written {written}", Raw(written), good
        for written in ("01", "+1", ".5", "1.", "NaN", "Infinity", "0x1"):
            yield path, "no JSON", Raw(written), False
    if "integer" in types:
        for number, good in [
            (schema["minimum"] - 1, False), (schema["minimum"], True), (schema["maximum"], True), (schema["maximum"] + 1, False),
            (9_007_199_254_740_993, True), (Raw("1.5"), False), (10**30, False),
        ]:
            yield path, f"is {number}", number, good
    others = {"string": 5, "number": "5", "integer": "5", "boolean": "true", "array": {}, "object": "x"}
    yield path, "type", others[types[0]], False
    if "array" in types:
        first = (value or ["x"])[0]
        for count, good in [(0, True), (1, True), (schema["maxItems"], True), (schema["maxItems"] + 1, False)]:
            yield path, "many" if not good else f"{count} items", [copy.deepcopy(first) for _ in range(count)], good
    if "array" in types and value and isinstance(value[0], dict):
        yield from within(schema["items"], value[0], (*path, 0))
    if "object" in types and isinstance(value, dict):
        yield from within(schema, value, path)


def within(schema, value, path=()):
    for name, member in schema["properties"].items():
        yield from variants(member, value.get(name), (*path, name), name in schema.get("required", ()))


def changed(value, path, to):
    value = copy.deepcopy(value)
    place = value
    for step in path[:-1]:
        place = place[step]
    if to is ...:
        place.pop(path[-1], None)
    else:
        place[path[-1]] = to
    return value


def written(path):
    """items[0].unitCode"""
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path).removeprefix(".")


def pos_table(report, talk, document):
    """Every field of a POS event, and every way to spoil it."""
    schema = document["components"]["schemas"]["PosEvent"]
    base = purchase(
        "10.00", categoryType="Sales", nfcId="04", posName="Till", totalTax=Raw("0"), accountTransactionId=..., items=[
            {"itemId": "1", "itemDescription": "Bread", "unitCode": "C62", "quantity": 1, "unitPrice": Raw("10.00"),
             "netAmount": Raw("10.00"), "taxAmount": 0, "discount": 0, "grossAmount": Raw("10.00")}])

    def of(case):
        path, what, value, good = case
        name = path[-1]
        if name == "discount" and what in ("exact", "bound") or what.startswith("written") and name == "discount":
            good = None if good else good  # a discount is no larger than its line
        if name == "quantity" and what == "written -0":
            good = False
        if name == "totalAmount":
            # A purchase has one, of 0 at least.
            if what == "missing" or what == "exact" and str(value).startswith("-"):
                good = False
        event = changed(base, path, value)
        if name in ("quantity", "unitPrice") and good:
            event["items"][0].pop("discount", None)
        answer = talk.event(f"table-{hash(str(path)) % 7}", event)
        field = written(path)
        said = f"{field} {what} {str(value)[:60]!r}"
        if good is None:
            report.that(answer.status in (200, 400), said, answer)
        elif good:
            report.that(answer.status == 200, said, answer)
            if answer.status == 200:
                is_answer(report, answer, said)
                report.that(answer.json()["outcome"] != "NotEvaluated", said, answer)
        else:
            report.that(answer.status == 400 and answer.media == "application/json", said, answer)
            if answer.status == 400 and answer.media == "application/json":
                are_messages(report, answer.json(), said)
                if what in FORM_CODES:
                    codes = FORM_CODES[what]
                    told = [m for m in answer.json() if m.get("fieldReference") == field and m["code"] in codes]
                    report.that(told, said + f" is told as {codes}", answer)

    run_all(of, within(schema, base))
    # Each event type by itself, and a field that nobody knows.
    for kind in schema["properties"]["eventType"]["enum"]:
        answer = talk.event("table-types", purchase(eventType=kind, unheardOf={"of": [1, None]}))
        report.that(answer.status == 200, f"{kind} with a field that is not listed", answer)
        if kind not in ("Info", "Purchase", "Correction"):
            for amount in ("0", "0.00", "-1"):
                answer = talk.event("table-types", purchase(eventType=kind, totalAmount=Raw(amount)))
                report.that(answer.status == 400, f"{kind} of {amount}", answer)
    for time, good in [
        ("2025-01-06T06:02:13Z", True), ("2025-01-06T06:02:13.123456+01:00", True), ("2025-01-06t06:02:13z", True),
        ("2025-01-06T06:02:13", False), ("2025-01-06", False), ("2025-02-30T06:02:13Z", False), ("06.01.2025", False), ("", False),
        (" ", False), (1736143333, False), ({}, False), (True, False), ("2025-01-06T24:02:13Z", False),
    ]:
        answer = talk.event("table-time", purchase(time=time))
        report.that(answer.status == (200 if good else 400), f"time {time!r}", answer)
    # Several faults are told together.
    answer = talk.event("table-1", purchase(currency="GBP", countryCode=..., conversationLanguage="XX"))
    report.equal(sorted(answer.codes()), ["400.002", "400.004", "400.004"], "all faults together")
    # As the document's examples say.
    operation = document["paths"]["/api/v3/customer-account/{accountNumber}/event"]["post"]
    for name, example in operation["requestBody"]["content"]["application/json"]["examples"].items():
        answer = talk.event("table-examples", {**example["value"], "time": now()})
        report.that(answer.status == 200, f"example {name}", answer)


def account_table(report, talk, document):
    """Every field of an account event, and every way to spoil it; once for each event type."""
    schema = document["components"]["schemas"]["AccountEvent"]
    objects = {
        "payment": {"amount": 1, "status": "success", "reverses": None}, "flag": {"name": "note", "set": True, "transactionId": None},
        "cash_advance": {"amount": 1}, "default": {"satisfied": False}, "close": {"reason": "asked for"},
        "limit": {"amount": 1},
        "update": {"partyId": "p", "currency": "EUR", "countryCode": "DE", "ssnKnown": True, "nfcIds": ["04"], "blockedNfcIds": [],
                   "resolve": None},
    }
    report.equal(set(objects), set(schema["properties"]["eventType"]["enum"]), "event types")

    def member(kind):
        return "cashAdvance" if kind == "cash_advance" else kind

    def send(case):
        kind, path, what, value, good = case
        base = {"account": "table-account", "eventType": kind, member(kind): objects[kind]}
        answer = talk.account_event(changed(base, path, value))
        said = f"{kind}: {written(path)} {what} {str(value)[:60]!r}"
        if path[-1] in ("reverses", "transactionId", "resolve") or kind in ("payment", "cash_advance", "update"):
            # Of the right form: whether it is applied is a matter of the account's standing.
            allowed = (200, 422)
        else:
            allowed = (200,)
        if good is None:
            report.that(answer.status in (200, 400), said, answer)
        elif good:
            report.that(answer.status in allowed, said, answer)
            if answer.status == 200:
                is_created(report, answer, base | {"account": changed(base, path, value)["account"]}, said)
        else:
            report.that(answer.status == 400 and answer.media == "application/problem+json", said, answer)

    def cases():
        for kind in objects:
            name = member(kind)
            [branch] = [one for one in schema["oneOf"] if one["properties"]["eventType"]["const"] == kind]
            required = name in branch.get("required", ())
            for path, what, value, good in variants(schema["properties"][name], objects[kind], (name,), required):
                yield kind, path, what, value, good
            for other in map(member, objects):
                if other != name:
                    yield kind, (other,), "besides", {"amount": 1, "status": "success", "name": "x", "set": True}, False
                    yield kind, (other,), "null besides", None, True
        for path, what, value, good in variants(schema["properties"]["account"], "a", ("account",), True):
            yield "limit", path, what, value, good
        for symbol in (..., None, "", "Payment", "refund", 5):
            yield "limit", ("eventType",), "symbol", symbol, False
        for symbol in objects:
            if symbol != "limit":
                yield "limit", ("eventType",), "another object", symbol, False

    run_all(send, cases())
    operation = document["paths"]["/v1/account_events"]["post"]
    for name, example in operation["requestBody"]["content"]["application/json"]["examples"].items():
        answer = talk.account_event(example["value"])
        report.that(answer.status in ((422,) if name == "granted" else (200,)), f"example {name}", answer)


def run_all(do, cases):
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for _ in pool.map(do, cases):
            pass


def is_answer(report, answer, what):
    body = answer.json()
    good = (
        set(body) == {"eventAdded", "transactionId", "outcome", "riskCheckMessages"}
        and TRANSACTION.match(body["transactionId"])
        and body["eventAdded"] is (body["outcome"] in ("Accepted", "Pending"))
    )
    report.that(good, f"{what}: shape", answer)
    are_messages(report, body["riskCheckMessages"], what)


def are_messages(report, messages, what):
    for message in messages:
        good = (
            {"type", "code", "message", "actionCode"} <= set(message)
            and set(message) <= {"type", "code", "message", "customerFacingMessage", "actionCode", "fieldReference"}
            and all(isinstance(value, str) for value in message.values())
            and message["type"] in ("BusinessError", "TechnicalError", "NotificationMessage")
            and len(message["code"]) <= 100 and len(message["message"]) <= 4096
            and len(message.get("customerFacingMessage", "")) <= 4096 and len(message.get("fieldReference", "")) <= 100
        )
        report.that(good, f"{what}: message", message)


def is_created(report, answer, sent, what):
    body = answer.json()
    good = (
        re.match(r"^acc_evt_[0-9A-Za-z]{24}$", body["id"])
        and body["account"] == sent["account"] and body["eventType"] == sent["eventType"]
        and re.match(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$", body["createdAt"])
        and "idempotencyKey" not in body
    )
    report.that(good, f"{what}: shape", answer)


# --- what no schema says ------------------------------------------------------------------------------------------------------


def exact_numbers(report, talk, _stack):
    """Beyond what a float can hold."""
    report.equal(talk.account_event(limit("exact", 999_999_999_999_999_999)).json()["limit"]["amount"], "999999999999999999",
                 "the limit as it was sent")
    body = talk.account_event({"account": "exact-2", "eventType": "cash_advance", "cashAdvance": {"amount": 9_007_199_254_740_993}})
    report.equal(body.json()["cashAdvance"]["amount"], "9007199254740993", "an amount beyond 2^53")

    def line(quantity, price, gross):
        return [{"itemId": "1", "itemDescription": "x", "unitCode": "KGM", "quantity": Raw(quantity), "unitPrice": Raw(price),
                 "grossAmount": Raw(gross)}]

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


def accounts_of_every_spelling(report, talk, document):
    """The account is that of the path, decoded once, and any that the document allows."""
    schema = document["components"]["parameters"]["accountNumber"]["schema"]
    for account in (
        "A" * 100, "é" * 100, "😀" * 100, "a/b", "a%2Fb", "a b", " a", "a ", "ä", "日本", "..", ".", "a?b#c", "a;b=c", "+", "a\nb",
        "%", "\"}", "'", "\\", "-", "\u202e", "\u200b", "\u00ad", "A" * 101, "é" * 101, " ", "\t", "\u0000", "\u0019", "\u00a0", "\u3000",
    ):
        name = f"account {account[:20]!r} of {len(account)}"
        good = len(account) <= schema["maxLength"] and re.search(schema["pattern"], account)
        opened = talk.account_event(limit(account))
        answer = talk.event(account, purchase("1.00"))
        if good:
            report.that(opened.status == 200, f"{name} opens", opened)
            report.that(answer.status == 200 and answer.json()["outcome"] == "Accepted", name, answer)
            again = talk.latest(account, answer.json().get("transactionId")) if answer.status == 200 else answer
            report.that(again.status == 200, f"{name}: GET", again)
        else:
            report.that(opened.status == 400 and opened.media == "application/problem+json", f"{name} opens", opened)
            report.that(answer.status == 400 and "json" in answer.media, name, answer)
            again = talk.latest(account, "txn_00000000000000000000000000")
            report.that(again.status in (400, 404) and again.media == "application/problem+json", f"{name}: GET", again)
    base = "/api/v3/customer-account"
    for path, statuses in [
        (f"{base}/%ff/event", (400,)), (f"{base}/%C3%28/event", (400,)), (f"{base}/%/event", (200, 400)), (f"{base}/%zz/event", (200, 400)),
        (f"{base}//event", (400, 404)), (f"{base}/a/event/", (404, 405)), (f"{base}/a/event/x", (405,)), (f"{base}/a/../b/event", (404,)),
        (f"{base}/a/./event", (404,)), (f"{base}/a/event?x=1", (200,)), (f"{base}/a/EVENT", (404,)), (f"{base}/a%2Fevent", (404, 405)),
        ("/API/v3/customer-account/a/event", (404,)), (f"/{base}/a/event", (404,)), ("*", (400, 404)), (f"{base}/a\\b/event", (200, 400)),
        ("/v1/account_events/", (404,)), ("/v1//account_events", (404,)), ("/..%2f..%2fetc/passwd", (404,)),
        (f"{base}/" + "a" * 20_000 + "/event", (400, 414, 431)),
    ]:
        try:
            answer = talk.ask("POST", path, purchase("1.00"), JSON)
        except (ConnectionError, OSError) as error:
            report.that(len(path) > 16_000, f"path {path[:60]}", error)
            continue
        problem = answer.status < 400 or "json" in answer.media or len(path) > 16_000
        report.that(answer.status in statuses and problem, f"path {path[:60]}", answer)
    # The body's own account is passed over, whatever it is.
    talk.account_event(limit("of-the-path"))
    for other in ("another", None, 5, {}, ["x"], ""):
        answer = talk.event("of-the-path", purchase(f"{1 + len(str(other))}.00", accountNumber=other))
        report.that(answer.status == 200 and answer.json()["outcome"] != "NotEvaluated" and "pos.account.unknown" not in answer.codes(),
                    f"accountNumber {other!r} in the body", answer)


def bodies_and_headers(report, talk, _stack):
    """What is no event at all, and headers."""
    good = purchase("1.00")
    for place, send in (("event", lambda body, headers: talk.ask("POST", event_path("bodies"), body, headers)),
                        ("account_events", lambda body, headers: talk.ask("POST", "/v1/account_events", body, headers))):
        body = good if place == "event" else limit("bodies")
        for media in (None, "text/plain", "application/xml", "application/jsonx", "application/x-www-form-urlencoded", "json", ""):
            answer = send(body, {"Content-Type": media} if media is not None else {})
            report.that(answer.status == 415 and answer.media == "application/problem+json", f"{place}: type {media}", answer)
        for media in ("application/json; charset=utf-8", "APPLICATION/JSON", "application/json ;x=y"):
            report.that(send(body, {"Content-Type": media}).status == 200, f"{place}: type {media}")
        for encoding in ("gzip", "br", "deflate, gzip"):
            answer = send(body, {**JSON, "Content-Encoding": encoding})
            report.that(answer.status == 415, f"{place}: encoding {encoding}", answer)
        deep = 100_000
        for name, raw in [
            ("nothing", b""), ("space", b"  "), ("broken", b'{"a":'), ("list", b"[]"), ("null", b"null"), ("text", b'"x"'), ("number", b"5"),
            ("two", b"{} {}"), ("latin-1", b'{"posName":"\xe9"}'), ("utf-16", '{"a":1}'.encode("utf-16")), ("nul", b"\0\0\0\0\1x"),
            ("avro", b"\xc3\x01abcdefgh"), ("deep list", b"[" * deep), ("deep object", b'{"a":' * deep), ("bom", b"\xef\xbb\xbf{"),
            ("deep within", b'{"x":' + b"[" * deep + b"]" * deep + b"}"), ("lone surrogate", b'{"posName":"\\ud800"}'),
            ("control", b'{"posName":"\x01"}'), ("comment", b'{"a":1/*x*/}'), ("comma", b'{"a":1,}'), ("single", b"{'a':1}"),
            ("twice", b'{"currency":"EUR","currency":"NOK"}'), ("digits", b'{"totalAmount":' + b"9" * 50_000 + b"}"),
            ("exponent", b'{"totalAmount":1e999999999}'),
        ]:
            answer = send(raw, JSON)
            report.that(answer.status == 400 and answer.media in ("application/json", "application/problem+json"), f"{place}: {name}", answer)
        large = b'{"posName":"' + b"x" * (1 << 20) + b'"}'
        answer = send(large, JSON)
        report.that(answer.status == 413 and answer.media == "application/problem+json", f"{place}: more than gateway.body_bytes_max", answer)
        for value, good_one in [("a", True), ("a" * 80, True), ("till 17", True), ("!~", True), ("a" * 81, False), ("é", False)]:
            answer = send(body, {**JSON, "X-Request-Id": value.encode("latin-1")})
            if good_one:
                report.that(answer.status == 200 and answer.headers["X-Request-Id"] == value, f"{place}: X-Request-Id {value[:9]}", answer)
            else:
                report.that(answer.status == 400 and answer.headers["X-Request-Id"], f"{place}: X-Request-Id {value[:9]}", answer)
        made = {send(body, JSON).headers["X-Request-Id"] for _ in range(3)}
        report.that(len(made) == 3 and all(made), f"{place}: X-Request-Id is made where there is none", made)
        for method in ("GET", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"):
            answer = talk.ask(method, event_path("bodies") if place == "event" else "/v1/account_events")
            report.that(answer.status == 405 and "POST" in answer.headers.get("Allow", "") and answer.headers["X-Request-Id"],
                        f"{place}: {method}", answer)
    for value in ("", "a" * 81, "é"):
        answer = talk.account_event(limit("bodies"), headers={"Idempotency-Key": value.encode("latin-1")})
        report.that(answer.status == 400 and answer.media == "application/problem+json", f"Idempotency-Key {value[:9]!r}", answer)
    for transaction in ("x", "txn_", "txn_8" + "0" * 25, "TXN_00000000000000000000000000", "txn_0000000000000000000000000", "%00", "é"):
        answer = talk.latest("bodies", quote(transaction, safe="%"))
        report.that(answer.status in (400, 404) and answer.media == "application/problem+json", f"GET of {transaction}", answer)
    raw_requests(report, talk)


def raw_requests(report, talk):
    """Requests that two readers could understand differently, byte by byte."""
    path = event_path("raw").encode()
    for name, head, body in [
        ("two lengths", b"Content-Length: 2\r\nContent-Length: 3\r\n", b"{} "),
        ("length and chunks", b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n", b"2\r\n{}\r\n0\r\n\r\n"),
        ("no host", None, b"{}"), ("two hosts", b"Host: a\r\nContent-Length: 2\r\n", b"{}"),
        ("length below 0", b"Content-Length: -1\r\n", b"{}"), ("a space before the colon", b"Content-Length : 2\r\n", b"{}"),
        ("bare line feeds in a header", b"X-A: b\nX-C: d\r\nContent-Length: 2\r\n", b"{}"),
    ]:
        with socket.create_connection(("127.0.0.1", talk.port), 20) as connection:
            host = b"" if head is None else b"Host: x\r\n"
            head = head or b"Content-Length: 2\r\n"
            key = f"X-Api-Key: {talk.key}\r\n".encode() if talk.key else b""
            connection.sendall(b"POST " + path + b" HTTP/1.1\r\n" + host + key + b"Content-Type: application/json\r\n" + head + b"\r\n" + body)
            first = connection.recv(65536).split(b"\r\n")[0]
            report.that(first in (b"", b"HTTP/1.1 400 Bad Request"), name, first)


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
    report.equal({(a.status, a.json()["transactionId"], a.json()["outcome"]) for a in answers},
                 {(200, answers[0].json()["transactionId"], "Accepted")}, "20 at the same time")
    report.equal(sum("pos.idempotency.repeat" in a.codes() for a in answers), AT_ONCE - 1, "19 of them are repeats")
    report.equal(talk.event("repeats-at-once", purchase("15.00", posId="POS-2")).json()["outcome"], "Accepted", "booked once")
    report.equal(talk.event("repeats-at-once", purchase("0.01", posId="POS-3")).json()["outcome"], "Rejected", "and not never")

    # The topic has an id for the repeat too: either asks for the same.
    outcomes = [value for key, value in records(stack, "pos_outcomes") if key == "repeats"]
    own = [outcome["transactionId"] for outcome in outcomes
           if any(message["code"] == "pos.idempotency.repeat" for message in outcome["riskCheckMessages"])]
    report.equal(len(own), 1, "repeats on the topic")
    for transaction in (first["transactionId"], *own):
        found = talk.latest("repeats", transaction)
        report.equal((found.status, found.status == 200 and found.json()["transactionId"]), (200, first["transactionId"]), f"GET {transaction}")
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
    report.equal(len({(a.json().get("id"), a.json().get("createdAt")) for a in answers}), 1, "20 with one key: id and createdAt")
    mixed = at_once(lambda n: talk.account_event({**payment, "payment": {"amount": 100 + n % 2, "status": "success"}}, "key 3"), numbered=True)
    report.equal(sorted(a.status for a in mixed), [200] * (AT_ONCE // 2) + [409] * (AT_ONCE // 2), "20 with one key, half of other content")
    long = "k" * 80
    report.equal([talk.account_event(payment, long).status for _ in range(2)], [200, 200], "a key of 80 characters")
    # limit 10.00; paid so far: 1.00 each for key 1, two without, key 2, key 3 (1.00 or 1.01), the long key: 6.00 or 6.01.
    talk.event("keys", purchase("10.00"))
    paid = "6.00" if mixed[0].status == 200 else "6.01"
    report.equal(talk.event("keys", purchase(paid, posId="POS-2")).json()["outcome"], "Accepted", "what was paid is free again")
    report.equal(talk.event("keys", purchase("0.01", posId="POS-3")).json()["outcome"], "Rejected", "and no more")


def at_once(do, numbered=False):
    gate = threading.Barrier(AT_ONCE)

    def one(number):
        gate.wait()
        return do(number) if numbered else do()

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(one, range(AT_ONCE)))


def pending(report, talk, _stack):
    """A Pending event that is granted, or refused, and what GET says of it."""
    for granted, outcome in ((True, "Accepted"), (False, "Rejected")):
        account = f"pending-{granted}"
        talk.account_event(limit(account))
        talk.account_event(flag(account, "review"))
        event = purchase("20.00", accountTransactionId="p")
        first = talk.event(account, event)
        transaction = first.json()["transactionId"]
        report.equal((first.json()["outcome"], first.json()["eventAdded"], first.codes()), ("Pending", True, [REFUSED]), account)
        report.equal(first.json()["riskCheckMessages"][0]["actionCode"], "AskConsumerToIdentify", f"{account}: what to do")
        report.equal(talk.latest(account, transaction).json()["outcome"], "Pending", f"{account}: GET before")
        resolve = {"account": account, "eventType": "update", "update": {"resolve": {"transactionId": transaction, "granted": granted}}}
        report.equal(talk.account_event(resolve, "resolve").status, 200, f"{account}: resolve")

        def resolved():
            found = talk.latest(account, transaction)
            return found if found.status == 200 and found.json()["outcome"] == outcome else None

        latest = eventually(f"{account} to be {outcome} by GET", resolved, 10)
        report.equal((latest.json()["transactionId"], latest.json()["eventAdded"]), (transaction, granted), f"{account}: GET after")
        report.equal(talk.account_event(resolve, "resolve").status, 200, f"{account}: resolve, the same key again")
        report.equal(talk.account_event(resolve, "another").status, 422, f"{account}: resolve, another key")
        again = talk.event(account, event)
        report.equal((again.json()["outcome"], again.json()["transactionId"]), (outcome, transaction), f"{account}: the event again")
    wrong = {"account": "pending-True", "eventType": "update",
             "update": {"resolve": {"transactionId": "txn_00000000000000000000000000", "granted": True}}}
    report.equal(talk.account_event(wrong).status, 422, "a transaction that is not there")


def nothing_leaks(report, talk, open_talk):
    """Reasons of standing, limits and fraud are one code, unless gateway.disclose is true."""
    def flagged(name):
        return lambda account: [limit(account), flag(account, name)]

    standing = [
        ("pos.account.stopped", flagged("stopped"), "1.00", {}), ("pos.account.dunning", flagged("dunning"), "1.00", {}),
        ("pos.account.flag", flagged("blocked"), "1.00", {}), ("pos.account.flag", flagged("review"), "1.00", {}),
        ("200.912", flagged("chargeback"), "1.00", {}),
        ("pos.account.closed", lambda a: [limit(a), {"account": a, "eventType": "close", "close": {}}], "1.00", {}),
        ("pos.account.default", lambda a: [limit(a), {"account": a, "eventType": "default", "default": {}}], "1.00", {}),
        ("200.903", lambda a: [limit(a, 100)], "2.00", {}),
        ("pos.first.amount", lambda a: [limit(a)], "1001.00", {}),
        ("pos.nfc.unknown", lambda a: [limit(a), {"account": a, "eventType": "update", "update": {"nfcIds": ["01"]}}], "1.00", {"nfcId": "02"}),
        ("pos.nfc.blocked", lambda a: [limit(a), {"account": a, "eventType": "update", "update": {"blockedNfcIds": ["02"]}}], "1.00",
         {"nfcId": "02"}),
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
                report.that(REFUSED in codes and codes.count(REFUSED) == 1 and not WITHHELD & set(codes), f"{code} is withheld", answer)
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


def read_to_the_end(ask):
    """A gateway that has just started may be reading what was before."""
    return eventually("the history to be read", lambda: answer if (answer := ask()).status != 503 else None, 30)


def keys_and_scopes(report, stack):
    """Nobody without a key; each key for its scopes alone."""
    made = {scope: stack.api_key(scope.replace(":", "-"), [scope]) for scope in ("events:write", "events:read", "account-events:write")}
    gateway = stack.gateway(keys=[line for _, line in made.values()])
    stack.await_ready()
    asked = {
        "events:write": lambda talk: talk.event("scopes", purchase()),
        "events:read": lambda talk: talk.latest("scopes", "txn_00000000000000000000000000"),
        "account-events:write": lambda talk: talk.account_event(limit("scopes")),
    }
    for key, who in [(None, "nobody"), ("wrong", "a wrong key"), *((key, scope) for scope, (key, _) in made.items())]:
        talk = Talk(gateway.port, key)
        for scope, ask in asked.items():
            answer = read_to_the_end(lambda: ask(talk))
            wanted = 401 if who in ("nobody", "a wrong key") else 403 if who != scope else {"events:read": 404}.get(scope, 200)
            report.equal((answer.status, bool(answer.headers["X-Request-Id"])), (wanted, True), f"{who} asks for {scope}")
            if wanted == 401:
                report.that(answer.headers.get("WWW-Authenticate"), f"{who}: WWW-Authenticate", answer)
        report.equal(talk.ask("GET", "/openapi.json").status, 200, f"{who} reads the document")
    bearer = Talk(gateway.port)
    answer = bearer.event("scopes", purchase(), {"Authorization": f"Bearer {made['events:write'][0]}"})
    report.equal(answer.status, 200, "a key as a bearer")


def test(stack):
    """Whether all was as expected."""
    plain, disclosing = stack.gateway(), stack.gateway("gateway.disclose=true")
    stack.await_ready()
    talk, open_talk = Talk(plain.port), Talk(disclosing.port)
    document = json.loads(talk.ask("GET", "/openapi.json").body)
    parts = [
        ("POS events, by the document", lambda r: pos_table(r, talk, document)),
        ("account events, by the document", lambda r: account_table(r, talk, document)),
        ("exact numbers", lambda r: exact_numbers(r, talk, stack)),
        ("accounts and paths", lambda r: accounts_of_every_spelling(r, talk, document)),
        ("bodies and headers", lambda r: bodies_and_headers(r, talk, stack)),
        ("repeats", lambda r: repeats(r, talk, stack)),
        ("keys of account events", lambda r: idempotency(r, talk, stack)),
        ("Pending", lambda r: pending(r, talk, stack)),
        ("keys and scopes", lambda r: keys_and_scopes(r, stack)),
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
        print(f"{'FAILED' if report.faults else 'ok':6} {name}: {report.passed} passed, {len(report.faults)} failed", flush=True)
        for fault in report.faults[:60]:
            print(f"       {fault}")
    print(f"{passed} passed, {failed} failed")
    return failed == 0
