"""A POS event: read from a line, and whether its form can be judged (checks 1-7)."""
import json
from decimal import Decimal, getcontext

import moments
from messages import NOTHING, REENTER, Message, fault

# Exact for every product of two amounts of the contract.
getcontext().prec = 120

TYPES = ("Info", "Purchase", "Withdrawal", "WithdrawalCorrection", "WithdrawalCommission", "Interest", "Correction")
SYMBOLS = {
    "eventType": TYPES,
    "categoryType": ("NotSet", "Charge", "Sales", "Deposit", "Payout", "TransferUnit", "Consumer", "Cancel", "Clearing",
                     "CardDeposit", "CardClearing"),
    "currency": ("EUR", "NOK", "SEK", "DKK", "CHF"),
    "countryCode": ("NO", "SE", "FI", "DK", "DE", "AT", "CH", "NL", "BE"),
    "conversationLanguage": ("NO", "SV", "SE", "FI", "DA", "DK", "EN", "DE", "NL", "FR"),
}
# In the order of the contract.
FIELDS = ("accountNumber", "eventType", "categoryType", "time", "nfcId", "posId", "posName", "totalTax", "totalAmount",
          "currency", "accountTransactionId", "correctsTransactionId", "countryCode", "conversationLanguage")
ITEM_FIELDS = ("itemId", "itemDescription", "unitCode", "quantity", "unitPrice", "netAmount", "taxAmount", "discount",
               "grossAmount")
REQUIRED = ("eventType", "time", "currency", "countryCode", "conversationLanguage")
ITEM_REQUIRED = ("itemId", "itemDescription", "unitCode", "quantity", "unitPrice")
IDS = ("accountNumber", "nfcId", "posId", "accountTransactionId", "correctsTransactionId", "itemId")
TEXTS = ("posName", "itemDescription", "unitCode")
NUMBERS = ("totalTax", "totalAmount", "quantity", "unitPrice", "netAmount", "taxAmount", "discount", "grossAmount")
CHARGED = ("discount", "grossAmount")
TAKES_BACK = ("WithdrawalCorrection",)
ABOVE_ZERO = ("Withdrawal", "WithdrawalCorrection", "WithdrawalCommission", "Interest")
NAME_MAX = 100
BOOKKEEPING = ("Info", "Interest", "WithdrawalCommission")


class Unreadable(Exception):
    """400.001"""


def places(value):
    """Decimals without trailing zeros."""
    if not value:
        return 0
    exponent = value.as_tuple().exponent
    if exponent >= 0:
        return 0
    digits = value.as_tuple().digits
    zeros = 0
    while digits[-1 - zeros] == 0:
        zeros += 1
    return max(0, -exponent - zeros)


def load(text):
    return json.loads(text, parse_float=Decimal, parse_int=Decimal, parse_constant=refuse)


def refuse(name):
    raise ValueError(name)


def trimmed(value):
    """A blank id is none; ids are compared without spaces at their ends."""
    value = (value or "").strip()
    return value or None


class Event:
    """What could be read of a line. `fault` says why it cannot be decoded."""

    def __init__(self, line):
        self.fault, self.key = None, None
        self.id = self.type = self.language = self.time = None
        try:
            raw = load(line)
        except (ValueError, ArithmeticError, RecursionError):
            self.fault = "malformed JSON"
            return
        if not isinstance(raw, dict):
            self.fault = "no JSON object"
            return
        account = raw.get("accountNumber")
        self.key = account.strip() if isinstance(account, str) else None
        self.id = raw.get("accountTransactionId") if isinstance(raw.get("accountTransactionId"), str) else None
        self.type = raw.get("eventType") if isinstance(raw.get("eventType"), str) else None
        self.time = moments.parse(raw["time"]) if isinstance(raw.get("time"), str) else None
        self.terminal = trimmed(raw.get("posId")) if isinstance(raw.get("posId"), str) else None
        try:
            self.read(raw)
        except Unreadable as error:
            self.fault = str(error)

    def read(self, raw):
        for name in FIELDS:
            typed(raw, name, name)
        items = raw.get("items")
        if items is not None and not isinstance(items, list):
            raise Unreadable("items")
        for i, item in enumerate(items or ()):
            if not isinstance(item, dict):
                raise Unreadable(f"items[{i}]")
            for name in ITEM_FIELDS:
                typed(item, name, f"items[{i}].{name}")
        self.raw, self.items = raw, items or []
        self.category, self.currency = raw.get("categoryType"), raw.get("currency")
        self.country, self.language = raw.get("countryCode"), raw.get("conversationLanguage")
        self.total, self.tax = raw.get("totalAmount"), raw.get("totalTax")
        self.chip = trimmed(raw.get("nfcId"))
        name = trimmed(raw.get("posName"))
        # As much as others are told of a terminal's name.
        self.name = name if name is None or len(name) <= NAME_MAX else name[:NAME_MAX - 1] + "…"
        self.number, self.corrects = trimmed(self.id), trimmed(raw.get("correctsTransactionId"))

    def settle(self, s):
        """What follows for a well-formed event from its type, category and sign."""
        cancel = self.category == "Cancel" and self.type in ("Purchase", "Withdrawal") and s.take_back
        negative = self.type == "Correction" and self.total < 0
        self.bookkeeping = self.type in BOOKKEEPING
        self.takes_back = cancel or negative or self.type in TAKES_BACK
        self.charges = not self.bookkeeping and not self.takes_back
        self.amount = Decimal(0) if self.type == "Info" or self.total is None else abs(self.total)
        self.lines = tuple(
            (trimmed(i.get("itemId")),) + tuple((i.get(n) or Decimal(0)) for n in ITEM_FIELDS[3:]) for i in self.items)
        self.content = (
            self.corrects, self.type, self.category, self.currency, self.country, self.chip, self.terminal,
            self.total or Decimal(0), self.tax or Decimal(0), self.lines)

    @property
    def posting(self):
        """The signed booking."""
        return -self.amount if self.takes_back else self.amount


def typed(record, name, path):
    value = record.get(name)
    if value is not None and not isinstance(value, Decimal if name in NUMBERS else str):
        raise Unreadable(path)


def missing(value):
    return value is None or isinstance(value, str) and not value.strip()


def form(e, s):
    """Checks 2-7: all faults of the form."""
    found = []
    action = REENTER if s.reenter else NOTHING
    places_of = [(e.raw, "", FIELDS)] + [(item, f"items[{i}].", ITEM_FIELDS) for i, item in enumerate(e.items)]
    for record, path, names in places_of:
        needed = ITEM_REQUIRED if path else REQUIRED
        for name in names:
            value = record.get(name)
            if name in needed and s.required and missing(value):
                found.append(fault(2, "400.002", path + name, action))
            if missing(value):
                continue
            if name in SYMBOLS and value not in SYMBOLS[name]:
                found.append(fault(3, "400.004", path + name))
            if name == "time" and e.time is None:
                found.append(fault(3, "400.004", path + name))
            bound = s.id_max if name in IDS else s.text_max if name in TEXTS else None
            if s.length and bound is not None and len(value) > bound:
                found.append(fault(4, "400.005", path + name))
            if name in NUMBERS:
                found += number(value, name, path, s)
        if not path and s.length and len(e.items) > s.items_max:
            found.append(fault(4, "400.003", "items"))
    return sorted(found + sign(e) + (quantities(e, s) if s.quantity else []), key=lambda m: m.check)


def number(value, name, path, s):
    allowed = s.totals if name.startswith("total") else s.charged if name in CHARGED else s.items
    found = [fault(5, "400.007", path + name)] if s.decimals and places(value) > allowed else []
    whole = 14 if name.startswith("total") or name in CHARGED else 12
    if value and value.adjusted() >= whole:
        found.append(fault(5, "400.003", path + name))
    return found


def sign(e):
    if e.type not in TYPES or e.type == "Info":
        return []
    wrong = e.total is None or e.type == "Purchase" and e.total < 0 or e.type in ABOVE_ZERO and e.total <= 0
    return [fault(6, "400.003", "totalAmount")] if wrong else []


def quantities(e, s):
    found = []
    for i, item in enumerate(e.items):
        quantity, price, discount = item.get("quantity"), item.get("unitPrice"), item.get("discount")
        if quantity is None or price is None:
            continue
        if quantity == 0 or quantity < 0 and s.returns == "corrections_only" and e.type not in (
                "Correction", "WithdrawalCorrection"):
            found.append(fault(7, "400.003", f"items[{i}].quantity"))
        elif discount and s.excess_discount == "refuse":
            line = price * quantity
            if discount * line <= 0 or abs(discount) > abs(line):
                found.append(fault(7, "400.003", f"items[{i}].discount"))
    return found


def undecodable():
    return Message(1, "N", "TechnicalError", "400.001", NOTHING, None)
