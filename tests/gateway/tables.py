"""What the document says of fields, bounds and symbols, as a table of requests: every symbol, every field missing, null and of
another type, every bound at, below and above. Both operations are held to it.
"""

import copy
import re
import threading
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

from talk import Raw, now, purchase

AT_ONCE = 20
TRANSACTION = re.compile(r"^txn_[0-7][0-9a-hjkmnp-tv-z]{25}$")
DIGITS_MAX = 18
FORM_CODES = {
    "missing": {"400.002", "400.003"},
    "symbol": {"400.004"},
    "long": {"400.005"},
    "many": {"400.003"},
    "decimals": {"400.007"},
    "bound": {"400.001", "400.003"},
    "type": {"400.001", "400.004"},
}


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
            (low, "bound"),
            (high, "bound"),
            (high * 10, "bound"),
            (Decimal("1e400"), "bound"),
            (low + most, ""),
            (high - most, ""),
            (unit / 10, "decimals"),
            (1 + unit / 10, "decimals"),
            (1 + unit, ""),
        ]:
            yield path, kind or "exact", Raw(format(number, "f") if number < Decimal("1e100") else number), not kind
        for written, good in [("1.0" + "0" * 40, True), ("1e0", True), ("10E-1", True), ("0.0001e4", True), ("-0", None)]:
            yield path, f"written {written}", Raw(written), good
        for written in ("01", "+1", ".5", "1.", "NaN", "Infinity", "0x1"):
            yield path, "no JSON", Raw(written), False
    if "integer" in types:
        for number, good in [
            (schema["minimum"] - 1, False),
            (schema["minimum"], True),
            (schema["maximum"], True),
            (schema["maximum"] + 1, False),
            (9_007_199_254_740_993, True),
            (Raw("1.5"), False),
            (10**30, False),
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
        "10.00",
        categoryType="Sales",
        nfcId="04",
        posName="Till",
        totalTax=Raw("0"),
        accountTransactionId=...,
        items=[
            {
                "itemId": "1",
                "itemDescription": "Bread",
                "unitCode": "C62",
                "quantity": 1,
                "unitPrice": Raw("10.00"),
                "netAmount": Raw("10.00"),
                "taxAmount": 0,
                "discount": 0,
                "grossAmount": Raw("10.00"),
            }
        ],
    )

    def of(case):
        path, what, value, good = case
        name = path[-1]
        if name == "discount" and good and (what == "exact" or what.startswith("written")):
            # A discount is no larger than its line.
            good = None
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
    event_types(report, talk, schema)
    times(report, talk)
    # Several faults are told together.
    answer = talk.event("table-1", purchase(currency="GBP", countryCode=..., conversationLanguage="XX"))
    report.equal(sorted(answer.codes()), ["400.002", "400.004", "400.004"], "all faults together")
    # As the document's examples say.
    operation = document["paths"]["/api/v3/customer-account/{accountNumber}/event"]["post"]
    for name, example in operation["requestBody"]["content"]["application/json"]["examples"].items():
        answer = talk.event("table-examples", {**example["value"], "time": now()})
        report.that(answer.status == 200, f"example {name}", answer)


def event_types(report, talk, schema):
    """Each event type by itself, and a field that nobody knows."""
    for kind in schema["properties"]["eventType"]["enum"]:
        answer = talk.event("table-types", purchase(eventType=kind, unheardOf={"of": [1, None]}))
        report.that(answer.status == 200, f"{kind} with a field that is not listed", answer)
        if kind not in ("Info", "Purchase", "Correction"):
            for amount in ("0", "0.00", "-1"):
                answer = talk.event("table-types", purchase(eventType=kind, totalAmount=Raw(amount)))
                report.that(answer.status == 400, f"{kind} of {amount}", answer)


def times(report, talk):
    """RFC 3339, with an offset."""
    for time, good in [
        ("2025-01-06T06:02:13Z", True),
        ("2025-01-06T06:02:13.123456+01:00", True),
        ("2025-01-06t06:02:13z", True),
        ("2025-01-06T06:02:13", False),
        ("2025-01-06", False),
        ("2025-02-30T06:02:13Z", False),
        ("06.01.2025", False),
        ("", False),
        (" ", False),
        (1736143333, False),
        ({}, False),
        (True, False),
        ("2025-01-06T24:02:13Z", False),
    ]:
        answer = talk.event("table-time", purchase(time=time))
        report.that(answer.status == (200 if good else 400), f"time {time!r}", answer)


def account_table(report, talk, document):
    """Every field of an account event, and every way to spoil it; once for each event type."""
    schema = document["components"]["schemas"]["AccountEvent"]
    objects = {
        "payment": {"amount": 1, "status": "success", "reverses": None},
        "flag": {"name": "note", "set": True, "transactionId": None},
        "cash_advance": {"amount": 1},
        "default": {"satisfied": False},
        "close": {"reason": "asked for"},
        "limit": {"amount": 1},
        "update": {
            "partyId": "p",
            "currency": "EUR",
            "countryCode": "DE",
            "ssnKnown": True,
            "nfcIds": ["04"],
            "blockedNfcIds": [],
            "resolve": None,
        },
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


def at_once(do, numbered=False):
    gate = threading.Barrier(AT_ONCE)

    def one(number):
        gate.wait()
        return do(number) if numbered else do()

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(one, range(AT_ONCE)))


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
            and len(message["code"]) <= 100
            and len(message["message"]) <= 4096
            and len(message.get("customerFacingMessage", "")) <= 4096
            and len(message.get("fieldReference", "")) <= 100
        )
        report.that(good, f"{what}: message", message)


def is_created(report, answer, sent, what):
    body = answer.json()
    good = (
        re.match(r"^acc_evt_[0-9A-Za-z]{24}$", body["id"])
        and body["account"] == sent["account"]
        and body["eventType"] == sent["eventType"]
        and re.match(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$", body["createdAt"])
        and "idempotencyKey" not in body
    )
    report.that(good, f"{what}: shape", answer)
