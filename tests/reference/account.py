"""What is known of an account: balance, limit, holds, and what is remembered of its events."""
from decimal import Decimal

ZERO = Decimal(0)
KINDS = ("purchase", "withdrawal", "fee")


class Entry:
    """An event that was accepted or is, or was, pending."""

    def __init__(self, e, txn, decided, key, outcome, messages, corrects):
        self.event, self.txn, self.key = e, txn, key
        self.time, self.decided = e.time, decided
        self.anchor = max(e.time, decided)
        self.outcome, self.messages, self.corrects = outcome, messages, corrects
        self.content, self.amount = e.content, e.amount
        # Of a Pending one what is left of the hold; of an accepted one what was booked.
        self.counted = e.amount
        # What corrections may still take of it.
        self.left = ZERO if e.takes_back else e.amount
        self.repeats = {txn}
        self.deadline = None
        # Whether its messages asked the customer to identify.
        self.asks = False
        # Of a Pending correction: the original, the amount, and what it took of the account's sum.
        self.reserved = None

    @property
    def pending(self):
        return self.outcome == "Pending"

    @property
    def held(self):
        """What it holds of the limit."""
        return self.counted if self.pending and self.event.charges else ZERO

    @property
    def kind(self):
        return {"Withdrawal": "withdrawal", "Interest": "fee", "WithdrawalCommission": "fee"}.get(
            self.event.type, "purchase")


class Account:
    def __init__(self, name):
        self.name = name
        self.limit = None
        self.opens_itself = False
        self.balance = self.fees = ZERO
        self.currency, self.currency_given, self.booked = None, False, False
        self.flags, self.marks = set(), {}
        self.default = self.closed = self.ssn_known = self.bought = False
        self.entries, self.refused, self.attempts, self.payments = [], [], [], []
        # What is still correctable in sum.
        self.correctable = dict.fromkeys(KINDS, ZERO)
        self.ids, self.keys = {}, {}
        self.chips, self.blocked_chips = set(), set()
        # Sum and number by chip (None: without one) and currency, since the customer last identified.
        self.counters = {}

    def holds(self):
        return [entry for entry in self.entries if entry.pending]

    def held(self):
        return sum((entry.held for entry in self.holds()), ZERO)

    def used(self):
        return self.balance - self.fees

    def limit_of(self, currency, s):
        if self.limit is not None:
            return self.limit
        return s.limit_default.get(self.currency or currency, ZERO) if self.opens_itself else ZERO

    def available(self, currency, s):
        return self.limit_of(currency, s) - self.used() - self.held()

    def free_currency(self):
        """A hold that ended unbooked fixes no currency any more."""
        if not self.currency_given and not self.booked and not self.holds():
            self.currency = None

    def book(self, amount, fee=ZERO):
        self.balance += amount
        self.fees += fee
        self.booked = self.booked or bool(amount)

    def take(self, amount, kinds):
        """Lower the account's sum, in the order of kinds, never below 0; says what was taken of which."""
        split = {}
        for kind in kinds:
            part = min(amount, self.correctable[kind])
            self.correctable[kind] -= part
            split[kind] = part
            amount -= part
        return split

    def give_back(self, split):
        for kind, part in split.items():
            self.correctable[kind] += part
