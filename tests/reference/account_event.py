"""Account events: read, and what they change. A fault is a dead letter; what else stands in an update applies."""
from decimal import Decimal

import moments
from account import ZERO
from event import SYMBOLS, load

PAYLOADS = {"payment": "payment", "flag": "flag", "cash_advance": "cashAdvance", "default": "default", "close": "close",
            "limit": "limit", "update": "update"}
PATCHES = {"partyId": str, "currency": str, "countryCode": str, "ssnKnown": bool, "nfcIds": list, "blockedNfcIds": list}


class Dead(Exception):
    """A dead letter, with its reason."""


class AccountEvent:
    def __init__(self, line):
        self.fault, self.lost = None, True
        self.time = None
        try:
            self.read(load(line))
        except (ValueError, ArithmeticError, RecursionError):
            self.fault = "malformed JSON"
        except Dead as error:
            self.fault = str(error)

    def read(self, raw):
        if not isinstance(raw, dict):
            raise Dead("no JSON object")
        self.time = moments.parse(raw["createdAt"]) if isinstance(raw.get("createdAt"), str) else None
        self.account = wanted(raw, "account", str).strip()
        if not self.account:
            raise Dead("account")
        self.lost = False
        self.id = wanted(raw, "id", str).strip()
        self.type = wanted(raw, "eventType", str)
        if not self.id or self.type not in PAYLOADS:
            raise Dead("id or eventType")
        if any(raw.get(name) is not None for kind, name in PAYLOADS.items() if kind != self.type):
            raise Dead("another payload")
        created = raw.get("createdAt")
        if created is not None and self.time is None:
            raise Dead("createdAt")
        self.payload = wanted(raw, PAYLOADS[self.type], dict)
        self.idempotency = raw.get("idempotencyKey")
        self.content = freeze({k: v for k, v in raw.items() if k not in ("id", "createdAt", "idempotencyKey")})
        getattr(self, f"read_{self.type}")()

    def amount(self, least):
        amount = wanted(self.payload, "amount", Decimal)
        if amount != amount.to_integral_value() or amount < least:
            raise Dead("amount")
        return amount / 100

    def read_payment(self):
        self.value = self.amount(1)
        if wanted(self.payload, "status", str) not in ("success", "failed", "reversed"):
            raise Dead("status")

    def read_cash_advance(self):
        self.value = self.amount(1)

    def read_limit(self):
        self.value = self.amount(0)

    def read_flag(self):
        if not wanted(self.payload, "name", str).strip():
            raise Dead("flag.name")
        wanted(self.payload, "set", bool)

    def read_default(self):
        pass

    def read_close(self):
        pass

    def read_update(self):
        for name, kind in PATCHES.items():
            if self.payload.get(name) is not None:
                wanted(self.payload, name, kind)
        for name in "currency", "countryCode":
            if self.payload.get(name) is not None and self.payload[name] not in SYMBOLS[name]:
                raise Dead(name)
        if self.payload.get("resolve") is not None:
            resolve = wanted(self.payload, "resolve", dict)
            wanted(resolve, "transactionId", str)
            wanted(resolve, "granted", bool)


def wanted(record, name, kind):
    value = record.get(name)
    if not isinstance(value, kind):
        raise Dead(name)
    return value


def freeze(value):
    """Equal content is equal, however it is spelt; null is absent."""
    if isinstance(value, dict):
        return tuple(sorted((k, freeze(v)) for k, v in value.items() if v is not None))
    return tuple(freeze(v) for v in value) if isinstance(value, list) else value


def clock(account, ae, at):
    """Account events are remembered by the times of the account's own ones."""
    own = at if ae.time is None else ae.time
    return max([own, *(anchor for anchor, _ in account.ids.values())])


def repeated(account, ae, at, s):
    """True: applied before. Dead: the id or the key stands for something else."""
    now = clock(account, ae, at)
    for known, name, content in ((account.ids, ae.id, (ae.content, ae.idempotency)),
                                 (account.keys, ae.idempotency, ae.content)):
        if name is not None and name in known and now - known[name][0] <= s.account_events:
            if known[name][1] != content:
                raise Dead("other content")
            return True
    return False


def remember(account, ae, at):
    anchor = at if ae.time is None else ae.time
    account.ids[ae.id] = (anchor, (ae.content, ae.idempotency))
    if ae.idempotency is not None:
        account.keys[ae.idempotency] = (anchor, ae.content)


def fresh(account, ae, mark):
    """Not older than the last of its own."""
    return ae.time is None or ae.time >= account.marks.get(mark, ae.time)


def marked(account, ae, mark, change):
    def apply():
        if ae.time is not None:
            account.marks[mark] = ae.time
        change()
    return apply


def plan(account, ae, at, s):
    """The changes that apply at stream time `at`, and what does not. Nothing is changed yet."""
    if ae.type == "payment":
        return payment(account, ae, at, s)
    if ae.type == "cash_advance":
        return [lambda: advance(account, ae.value)], []
    if ae.type == "close":
        return [lambda: setattr(account, "closed", True)], []
    if ae.type == "update":
        return update(account, ae, at)
    if ae.type == "limit":
        mark, change = "limit", lambda: setattr(account, "limit", ae.value)
    elif ae.type == "default":
        mark, change = "default", lambda: setattr(account, "default", not ae.payload.get("satisfied"))
    else:
        name = ae.payload["name"].strip()
        mark = f"flag {name}"
        change = lambda: (account.flags.add if ae.payload["set"] else account.flags.discard)(name)
    if not fresh(account, ae, mark):
        return [], ["older than the last of its own"]
    return [marked(account, ae, mark, change)], []


def advance(account, amount):
    account.balance += amount


class Payment:
    def __init__(self, ae, at, fees):
        self.id, self.amount, self.fees = ae.id, ae.value, fees
        self.time = at if ae.time is None else ae.time
        self.reversed = False


def payment(account, ae, at, s):
    status = ae.payload["status"]
    if status == "failed":
        return [lambda: None], []
    if status == "success":
        def apply():
            fees = min(account.fees, ae.value)
            account.balance -= ae.value
            account.fees -= fees
            account.payments.append(Payment(ae, at, fees))
        return [apply], []
    now = clock(account, ae, at)
    known = [p for p in account.payments if not p.reversed and now - p.time <= s.account_events]
    name = ae.payload.get("reverses")
    fitting = [p for p in known if p.amount == ae.value and name in (None, p.id)]
    if not fitting:
        return [], ["nothing to reverse"]
    undone = fitting[-1]

    def undo():
        undone.reversed = True
        account.balance += undone.amount
        account.fees += undone.fees
    return [undo], []


def update(account, ae, at):
    changes, faults = [], []
    for name in PATCHES:
        value = ae.payload.get(name)
        if value is None:
            continue
        if not fresh(account, ae, name):
            faults.append(f"{name}: older than the last of its own")
        elif name == "currency" and not may_be(account, value, at):
            faults.append("currency: balance, fees and holds are not 0")
        else:
            changes.append(marked(account, ae, name, lambda name=name, value=value: patch(account, name, value)))
    if not changes and not faults and ae.payload.get("resolve") is None:
        changes.append(lambda: None)
    return changes, faults


def may_be(account, currency, at):
    if account.currency in (None, currency):
        return True
    open_holds = [entry for entry in account.holds() if entry.deadline > at]
    if not open_holds and not account.currency_given and not account.booked:
        return True
    return not (account.balance or account.fees or open_holds)


def patch(account, name, value):
    if name == "currency":
        account.currency, account.currency_given = value, True
    elif name == "ssnKnown":
        account.ssn_known = value
    elif name == "nfcIds":
        account.chips = {chip.strip() for chip in value}
    elif name == "blockedNfcIds":
        account.blocked_chips = {chip.strip() for chip in value}
