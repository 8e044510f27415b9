#!/usr/bin/env python3
"""Seeded sequences of events, biased to the edges: `generate.py SEED FOLDER` writes one file of them."""
import json
import random
import sys
from decimal import ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal
from math import cos, pi, radians, sin
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import moments
from moments import DAY, HOUR
from profiles import EARTH, distance

MINUTE, SECOND = 60 * 10**6, 10**6
CENT = Decimal("0.01")
MARKETS = {"DE": ("EUR", "DE"), "FI": ("EUR", "FI"), "NO": ("NOK", "NO"), "SE": ("SEK", "SV"), "DK": ("DKK", "DA"),
           "CH": ("CHF", "DE"), "NL": ("EUR", "NL"), "AT": ("EUR", "DE"), "BE": ("EUR", "FR")}
BASE = moments.parse("2026-01-05T08:00:00Z")

# Each file has one of each group; most often none.
CHOICES = (
    ("checks.basket.item_amounts=line",),
    ("checks.basket.discount_tax=scaled", "checks.basket.discount_tax=none"),
    ("checks.basket.tax_above_total=allow",),
    ("checks.basket.tax_tolerance=0.05", "checks.basket.line_tolerance=0.03", "checks.basket.total_tolerance=0.05"),
    ("checks.form.quantity.excess_discount=allow",),
    ("checks.pending.hold_time=1h", "checks.pending.hold_time=96h"),
    ("checks.pending.rejudge=false",),
    ("checks.correction.unlinked=note", "checks.correction.unlinked=reject"),
    ("checks.correction.cancel=book",),
    ("checks.repeat.scope=terminal_day",),
    ("checks.repeat.retry_within=10min",),
    ("checks.repeat.refused_max=2",),
    ("checks.repeat.remember=100h",),
    ("checks.repeat.near_duplicate.enabled=false",),
    ("checks.time.late.older_than=24h",),
    ("checks.account.unknown=open",),
    ("checks.account.flag.unlisted=review", "checks.account.flag.unlisted=ignore", "checks.account.flag.unlisted=block"),
    ("checks.limit.first_amount.enabled=false",),
    ("checks.limit.holds.open_max=2",),
    ("checks.velocity.windows.enabled=false", "checks.velocity.windows.rules.account_hour.count=3"),
    ("checks.identity.ssn.enabled=false",),
    ("checks.nfc.missing.enabled=true",),
    ("checks.nfc.unknown.enabled=false",),
    ("checks.nfc.blocked.enabled=false",),
)

# Where the first is drawn, each of the others is in every second file.
CONTACTLESS = (
    ("checks.nfc.sca.enabled=true",),
    ("checks.nfc.sca.counter=number", "checks.nfc.sca.counter=both"),
    ("checks.nfc.sca.number=2", "checks.nfc.sca.number=0"),
    ("checks.nfc.sca.single.EUR=10", "checks.nfc.sca.sum.EUR=40", "checks.nfc.sca.sum.SEK=99.5"),
    ("checks.nfc.sca.outcome=note", "checks.nfc.sca.outcome=reject", "checks.nfc.sca.outcome=pending"),
)

RULES = "checks.velocity.windows.rules"
PARTS = (".distinct=", ".event_types=", ".categories=", ".countries=")
# Where one is drawn, all of its settings are in the file, and bursts go over several tills, chips, countries and categories.
DISTINCT_AND_FILTERS = tuple(tuple(f"{RULES}.{setting}" for setting in group) for group in (
    ("account_hour.distinct=terminal", "account_hour.count=2"),
    ("account_hour.distinct=chip", "account_hour.count=1"),
    ("account_hour.distinct=country", "account_hour.count=1", "account_hour.outcome=reject"),
    ("account_hour.distinct=category", "account_hour.count=1"),
    ("account_hour.of=attempts", "account_hour.distinct=country", "account_hour.count=2"),
    ("terminal_minutes.distinct=chip", "terminal_minutes.count=1"),
    ("terminal_minutes.distinct=category", "terminal_minutes.count=2"),
    ("chip_minute.span=30min", "chip_minute.distinct=terminal", "chip_minute.count=1"),
    ("chip_minute.span=30min", "chip_minute.distinct=country", "chip_minute.count=1", "chip_minute.event_types=[\"Purchase\"]"),
    ("account_hour.event_types=[\"Withdrawal\"]", "account_hour.count=2"),
    ("account_day.event_types=[\"Purchase\", \"Correction\"]", "account_day.count=5"),
    ("account_hour.categories=[\"Sales\", \"Payout\"]", "account_hour.count=2"),
    ("terminal_minutes.categories=[\"Payout\"]", "terminal_minutes.count=2"),
    ("account_hour.countries=[\"DE\", \"SE\", \"NO\"]", "account_hour.count=3"),
    ("account_hour.of=attempts", "account_hour.countries=[\"FI\", \"DK\", \"CH\"]", "account_hour.count=3"),
    ("account_day.categories=[\"Sales\"]", "account_day.amount.EUR=100", "account_day.amount.SEK=100"),
    ("account_day.countries=[\"DE\", \"NL\"]", "account_day.distinct=terminal", "account_day.count=2"),
))
# With profiles, which a file has or has not: each of these is in every third one of them, the first always.
PROFILES = (
    ("checks.pos.terminal_fraud.events=1", "checks.pos.terminal_fraud.events=2", "checks.pos.terminal_fraud.events=3"),
    ("checks.pos.terminal_fraud.rate=0.5", "checks.pos.terminal_fraud.rate=0.34", "checks.pos.terminal_fraud.rate=0"),
    ("checks.pos.terminal_fraud.days=1", "checks.pos.terminal_fraud.days=2", "checks.pos.terminal_fraud.days=15"),
    ("checks.pos.terminal_fraud.delay=1", "checks.pos.terminal_fraud.delay=0", "checks.pos.terminal_fraud.delay=15"),
    ("checks.pos.terminal_fraud.outcome=note", "checks.pos.terminal_fraud.outcome=reject"),
    ("checks.pos.terminal.unlisted=note", "checks.pos.terminal.unlisted=pending", "checks.pos.terminal.unlisted=reject"),
    ("checks.pos.terminal.outcome=pending", "checks.pos.terminal.outcome=note", "checks.pos.terminal.enabled=false"),
    ("checks.pos.terminal_name.outcome=pending", "checks.pos.terminal_name.enabled=false"),
    ("checks.pos.terminal_country.outcome=note", "checks.pos.terminal_country.outcome=reject",
     "checks.pos.terminal_country.enabled=false"),
    ("checks.velocity.fanout.chip=1", "checks.velocity.fanout.chip=3", "checks.velocity.fanout.chip=0"),
    ("checks.velocity.fanout.terminal=1", "checks.velocity.fanout.terminal=2", "checks.velocity.fanout.terminal=3"),
    ("checks.velocity.fanout.span=10min", "checks.velocity.fanout.span=1h"),
    ("checks.velocity.fanout.outcome=note", "checks.velocity.fanout.outcome=reject"),
    ("checks.nfc.travel.speed=100", "checks.nfc.travel.speed=10"),
    ("checks.nfc.travel.nearby=0", "checks.nfc.travel.nearby=5"),
    ("checks.nfc.travel.within=1h", "checks.nfc.travel.within=24h"),
    ("checks.nfc.travel.abroad=1h", "checks.nfc.travel.abroad=1min"),
    ("checks.nfc.travel.outcome=note", "checks.nfc.travel.outcome=reject"),
)
NAMES = ("Kiosk", "Kiosk", "Kiosk am Tor", " Kiosk ", "kiosk", " ", None)
SINGLE = {"EUR": 50, "NOK": 500, "SEK": 500, "DKK": 350, "CHF": 45}


def settings(rng, seed):
    found = [rng.choice(group) for group in CHOICES if rng.random() < 0.15]
    # Drawn apart, so that the other files of a seed stay what they were.
    rng = random.Random(f"contactless {seed}")
    if rng.random() < 0.35:
        found += [rng.choice(group) for i, group in enumerate(CONTACTLESS) if i == 0 or rng.random() < 0.5]
    rng = random.Random(f"distinct {seed}")
    if rng.random() < 0.35:
        # One of a rule: two of its own would undo each other.
        drawn = {group[0].split(".")[4]: group for group in rng.sample(DISTINCT_AND_FILTERS, rng.choice((1, 1, 2, 3)))}
        found += [setting for group in drawn.values() for setting in group]
    rng = random.Random(f"profiles {seed}")
    if rng.random() < 0.4:
        found += [rng.choice(group) for i, group in enumerate(PROFILES) if i == 0 or rng.random() < 0.33]
    return found


def of(changes, name, default):
    """The value of a setting."""
    return next((change.partition("=")[2] for change in changes if change.startswith(f"{name}=")), default)


def dump(value):
    """JSON with decimals as they are."""
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(k)}: {dump(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(dump, value)) + "]"
    return json.dumps(value)


class Sequence:
    """Events of a few accounts. Lines of account events name events of this sequence as {{txn:@N}}, from 1."""

    def __init__(self, rng, name, base, changes):
        self.rng, self.name, self.now = rng, name, base
        self.per_line = "checks.basket.item_amounts=line" in changes
        self.contactless = CONTACTLESS[0][0] in changes
        self.mingled = any(change.startswith(RULES) and part in change for change in changes for part in PARTS)
        self.retry = 10 * MINUTE if "checks.repeat.retry_within=10min" in changes else HOUR
        self.old = DAY if "checks.time.late.older_than=24h" in changes else 72 * HOUR
        self.hold = next((int(c.split("=")[1][:-1]) * HOUR for c in changes if "hold_time" in c), DAY)
        self.events, self.account_events, self.sent, self.told = [], [], [], []
        self.numbers, self.latest = 0, base
        self.country = rng.choice(list(MARKETS))
        self.profiles = any(change in PROFILES[0] for change in changes)
        self.records, self.places, self.changes = [] if self.profiles else None, {}, changes
        self.accounts = [f"{name}-{i}" for i in range(rng.choice((1, 2, 2, 3)))]
        self.focus = rng.choice(("mixed", "mixed", "mixed", "basket", "correction", "velocity", "withdrawal", "pending", "repeat"))
        for account in self.accounts:
            if rng.random() < 0.95:
                limit = rng.choice((100000, 500000, 5000000, 5000000, 50000000))
                self.tell(account, "limit", {"amount": limit})
            if rng.random() < 0.3:
                self.tell(account, "update", {"ssnKnown": True})
        if rng.random() < 0.7:
            self.tell(f"{name}-tick", "limit", {"amount": 5000000})
        self.raised = []
        if self.profiles:
            self.list()
        self.ticker()

    def list(self):
        """Profile records, and what else profiles need: more accounts, chips that are registered."""
        rng = self.rng
        for i in range(rng.choice((0, 1, 1, 3))):
            self.accounts.append(f"{self.name}-more{i}")
            self.tell(self.accounts[-1], "limit", {"amount": 5000000})
        first = rng.uniform(-60, 60), rng.uniform(-179, 179)
        for till in TILLS:
            if rng.random() < 0.3:
                continue
            for _ in range(rng.choice((1, 1, 1, 2))):
                record = {"posId": till if rng.random() < 0.9 else f" {till} "}
                if rng.random() < 0.12:
                    record["disabled"] = rng.random() < 0.8
                if rng.random() < 0.3:
                    record["country"] = self.country if rng.random() < 0.8 else rng.choice(list(MARKETS))
                self.places.pop(till, None)
                if rng.random() < 0.6:
                    self.places[till] = away(first, rng)
                    record["position"] = ",".join(map(str, self.places[till]))
                self.records.append(dump(self.own(record)))
        for chip in "C2", "C3", "C9":
            if rng.random() < 0.15:
                self.records.append(dump(self.own({"nfcId": chip, "blocked": rng.random() < 0.8})))
        for account in self.accounts:
            if rng.random() < 0.2:
                self.tell(account, "update", {"nfcIds": rng.sample(("C1", "C2", "C7", account), 2)})
            if rng.random() < 0.1:
                self.tell(account, "update", {"blockedNfcIds": rng.sample(("C1", "C2", "C3", "C7"), 2)})

    # Lines

    def own(self, record):
        """Terminals and chips of this sequence alone: profiles know them across all accounts of a file."""
        if not self.profiles:
            return record

        def named(name):
            return name.replace(name.strip(), f"{name.strip()}@{self.name}") if isinstance(name, str) and name.strip() else name
        record = record | {key: named(record[key]) for key in ("posId", "nfcId") if key in record}
        if "update" in record:
            patch = record["update"]
            record["update"] = patch | {key: [named(chip) for chip in patch[key]] for key in ("nfcIds", "blockedNfcIds") if key in patch}
        return record

    def send(self, event, at=None):
        event = dict(event, time=stamp(self.now if at is None else at))
        self.events.append(dump(self.own(event)))
        self.sent.append(event)
        self.latest = max(self.latest, self.now if at is None or at - self.now > 1000 * DAY else at)
        return event

    def tell(self, account, kind, payload, at=None, **more):
        self.numbers += 1
        name = {"cash_advance": "cashAdvance"}.get(kind, kind)
        event = {"id": f"e{self.numbers}-{self.name}", "account": account, "eventType": kind, name: payload,
                 "createdAt": stamp(self.now if at is None else at)} | more
        self.account_events.append(dump(self.own(event)))
        self.told.append(event)
        return event

    def ticker(self):
        """Two lines of others, so that time may move far."""
        for till in "Y", "Z":
            self.send(self.sale(f"{self.name}-tick", Decimal(1), terminal=f"{till}{self.name}"))

    def number(self):
        self.numbers += 1
        return f"N{self.numbers}"

    # Events

    def sale(self, account, total, kind="Purchase", terminal=None, **more):
        rng = self.rng
        country = self.country if rng.random() < 0.94 else rng.choice(list(MARKETS))
        currency, language = MARKETS[country if rng.random() < 0.98 else rng.choice(list(MARKETS))]
        event = {
            "accountNumber": account, "eventType": kind, "currency": currency, "countryCode": country,
            "conversationLanguage": language if rng.random() < 0.95 else rng.choice(("EN", "FR", "DK", "SE", "FI")),
            "totalAmount": total}
        if rng.random() < 0.95:
            event["accountTransactionId"] = self.number()
        event["posId"] = terminal or rng.choice(("P1", "P1", "P1", "P2", "P3", " P1 ", " ", None))
        event["nfcId"] = rng.choice(("C1", "C1", "C2", None, ""))
        if self.profiles:
            if rng.random() < 0.8:
                event["nfcId"] = rng.choice((account, account, f"{account}-2", None))
            if rng.random() < 0.15:
                event["posName"] = rng.choice(NAMES)
        return event | more

    def amount(self, kind="Purchase"):
        rng = self.rng
        edges = (1, 5, 10, 25, 100)
        if kind == "Withdrawal":
            edges += (500, 500, 400, 1000, 5000, 4000, 250)
        elif rng.random() < 0.25:
            edges = (1000, 10000, 7500, 500, 5000, 990, 3334, 2500)
        return max(CENT, Decimal(rng.choice(edges)) + rng.choice((0, 0, CENT, -CENT, Decimal("0.5"))))

    def step(self):
        rng = self.rng
        weights = {"purchase": 5, "receipt": 3, "withdrawal": 3, "correction": 5, "bookkeeping": 1, "again": 3, "twin": 2,
                   "account": 5, "resolve": 3, "move": 3, "late": 2, "faulty": 1, "burst": 1, "midnight": 0.5, "far": 0.2,
                   "waiting": 4, "refusals": 0.5, "rest": 0.7,
                   "reversal": 0.5, "freed": 0.4}
        more = {"basket": {"receipt": 30}, "correction": {"correction": 15, "rest": 4}, "velocity": {"burst": 6, "late": 4, "move": 6},
                "withdrawal": {"withdrawal": 12, "midnight": 4}, "pending": {"waiting": 25, "resolve": 5, "account": 6},
                "repeat": {"again": 14, "twin": 8, "refusals": 4}, "mixed": {}}[self.focus]
        weights |= more
        if self.contactless:
            weights["taps"] = 6
        if self.mingled:
            weights["mingle"] = 5
        if self.profiles:
            weights |= {"trip": 5, "swarm": 5, "between": 2, "rename": 4, "confirm": 3}
        self.now += rng.choice((0, SECOND, 10 * SECOND, 30 * SECOND, MINUTE, 5 * MINUTE, 20 * MINUTE, HOUR))
        while self.raised and rng.random() < 0.3:
            account, flag = self.raised.pop()
            kind, payload = ("flag", {"name": flag, "set": False}) if flag else ("default", {"satisfied": True})
            self.tell(account, kind, payload)
        getattr(self, rng.choices(list(weights), weights.values())[0])()

    def purchase(self):
        self.send(self.sale(self.account_name(), self.amount(), **self.category()))

    def category(self):
        return self.rng.choice(({}, {}, {"categoryType": "Sales"}, {"categoryType": "Payout"}))

    def account_name(self):
        return self.rng.choice(self.accounts) if self.rng.random() < 0.98 else f"{self.name}-unknown"

    def withdrawal(self):
        self.send(self.sale(self.account_name(), self.amount("Withdrawal"), "Withdrawal"))

    def bookkeeping(self):
        kind = self.rng.choice(("Interest", "WithdrawalCommission", "Info"))
        total = None if kind == "Info" and self.rng.random() < 0.7 else self.amount()
        at = self.now - self.rng.choice((0, 0, 80 * HOUR, 90 * DAY, 90 * DAY + 1, 91 * DAY))
        self.send(self.sale(self.account_name(), total, kind), at)

    def receipt(self):
        rng = self.rng
        event = self.sale(self.account_name(), None, rng.choice(("Purchase",) * 8 + ("Withdrawal", "Correction")))
        self.send(event | basket(rng, self.per_line, event["eventType"] == "Correction"))

    def correction(self):
        rng = self.rng
        sales = [e for e in self.sent[-25:] if e["eventType"] in ("Purchase", "Withdrawal", "Interest", "Correction")
                 and isinstance(e.get("totalAmount"), Decimal) and e["totalAmount"]]
        if not sales:
            return self.purchase()
        sale = rng.choice(sales)
        total = abs(sale["totalAmount"])
        part = rng.choice((total, total, total / 2, total / 4, total + CENT, total - CENT, total * 2, total * 3 / 4))
        part = max(CENT, part.quantize(CENT))
        kind = rng.choice(("Correction",) * 4 + ("PurchaseCancel",) * 2 + ("WithdrawalCorrection", "WithdrawalCancel"))
        event = self.sale(sale["accountNumber"], part)
        event |= {"posId": sale.get("posId") if rng.random() < 0.7 else event["posId"], "currency": sale["currency"],
                  "countryCode": sale["countryCode"]}
        if kind.endswith("Cancel"):
            event |= {"eventType": kind.removesuffix("Cancel"), "categoryType": "Cancel"}
        else:
            event["eventType"] = kind
        if kind == "Correction":
            event["totalAmount"] = -part if rng.random() < 0.93 else part
        how = rng.random()
        if how < 0.35:
            event["correctsTransactionId"] = sale.get("accountTransactionId", "")
        elif how < 0.55 and "accountTransactionId" in sale:
            event["accountTransactionId"] = sale["accountTransactionId"]
        elif how < 0.6:
            event["correctsTransactionId"] = "nothing"
        self.send(event, self.now - rng.choice((0,) * 9 + (80 * HOUR, 5 * DAY)))

    def rest(self):
        """Part of one sale is taken back by name, then what is left of it without a name, beside other sales at the till."""
        rng, account = self.rng, self.rng.choice(self.accounts)
        total = Decimal(rng.choice((10, 40, 100)))
        part = max(CENT, rounded(total / rng.choice((2, 4))))
        kind = rng.choice(("Purchase", "Purchase", "Withdrawal"))
        amounts = [total, rng.choice((total - part, total, total * 2)), rng.choice((total - part, total * 2))]
        rng.shuffle(amounts)
        sales = []
        for amount in amounts:
            sales.append(self.sale(account, amount, kind) | {"posId": "P5", "accountTransactionId": self.number()})
            self.send(sales[-1])
            self.now += 3 * MINUTE
        named = rng.choice(sales)
        back = dict(named, eventType="Correction", totalAmount=-part, correctsTransactionId=named["accountTransactionId"])
        self.send(dict(back, accountTransactionId=self.number()))
        del back["correctsTransactionId"]
        for amount in rng.sample((named["totalAmount"] - part, total, part, total - part), 2):
            self.now += 3 * MINUTE
            self.send(dict(back, totalAmount=-max(CENT, amount), accountTransactionId=self.number()))

    def again(self):
        """The same number, with the same content or another."""
        rng = self.rng
        if not self.sent:
            return self.purchase()
        old = rng.choice(self.sent[-12:])
        event, at = dict(old), moments.parse(old["time"]) if isinstance(old["time"], str) else None
        if at is None:
            return self.purchase()
        change = rng.random()
        if change < 0.15:
            event["conversationLanguage"] = "EN"
        elif change < 0.3 and isinstance(event.get("totalAmount"), Decimal):
            event["totalAmount"] += rng.choice((CENT, -CENT, event["totalAmount"]))
        elif change < 0.35:
            event["nfcId"] = "C9"
        elif change < 0.4:
            event["categoryType"] = rng.choice(("Sales", "Cancel", None))
        elif change < 0.45:
            event["eventType"] = rng.choice(("Purchase", "Withdrawal", "Correction", "Interest"))
        shift = rng.choice((0, 0, 0, 4 * SECOND, self.retry, self.retry + 1, -self.retry, -self.retry - 1, 2 * self.retry))
        self.send(event, min(at + shift, max(self.now, at)) if rng.random() < 0.7 else at + shift)

    def twin(self):
        """A near duplicate, or nearly one."""
        rng = self.rng
        sales = [e for e in self.sent[-6:] if moments.parse(str(e["time"]))]
        if not sales:
            return self.purchase()
        event = dict(rng.choice(sales))
        at = moments.parse(event["time"])
        event["accountTransactionId"] = rng.choice((self.number(), self.number(), None, ""))
        if rng.random() < 0.15:
            event["nfcId"] = rng.choice(("C1", "C2", None))
        if rng.random() < 0.1:
            event["posId"] = rng.choice(("P1", "P2", None))
        if rng.random() < 0.1 and isinstance(event.get("totalAmount"), Decimal):
            event["totalAmount"] += CENT
        away = rng.choice((0, SECOND, 2 * MINUTE - 1, 2 * MINUTE, 2 * MINUTE + 1))
        self.send(event, at + rng.choice((away, away, -away)))

    def burst(self):
        rng = self.rng
        account, pos, chip = self.account_name(), rng.choice(("P1", "P2", None)), rng.choice(("C1", None))
        gap = rng.choice((SECOND, 10 * SECOND, 12 * SECOND, MINUTE, 10 * MINUTE, 20 * MINUTE))
        start = self.now
        times = [start + i * gap for i in range(rng.randrange(3, 13))]
        if rng.random() < 0.3:
            rng.shuffle(times)
        amount = self.amount() if rng.random() < 0.6 else Decimal(rng.choice((990, 1000, 2500, 7500)))
        for i, at in enumerate(times):
            self.send(self.sale(account, amount + i * CENT) | {"posId": pos, "nfcId": chip}, at)
        self.now = max(times)

    def mingle(self):
        """Charges of one account at several tills, on several chips, of several kinds; some are refused, some come late."""
        rng, account, markets = self.rng, self.rng.choice(self.accounts), list(MARKETS)
        places = [self.country] + rng.sample(markets, rng.choice((0, 1, 1)))
        gap = rng.choice((SECOND, MINUTE, 10 * MINUTE, 30 * MINUTE, HOUR))
        times = [self.now + i * gap for i in range(rng.randrange(2, 9))]
        if rng.random() < 0.4:
            rng.shuffle(times)
        for at in times:
            amount = rng.choice((self.amount(), Decimal(9), Decimal(9000000)))
            event = self.sale(account, amount, rng.choice(("Purchase", "Purchase", "Withdrawal", "Correction")))
            country = rng.choice(places)
            event |= {"countryCode": country, "currency": MARKETS[country][0],
                      "categoryType": rng.choice((None, "Sales", "Payout", "Cancel"))}
            self.send(event, at)
        self.now = max(times)
        if rng.random() < 0.4:
            self.resolve()

    def taps(self):
        """Contactless payments one after another, round the bounds of one and of their sum; some wait and are resolved."""
        rng, account = self.rng, self.rng.choice(self.accounts)
        chip, home = rng.choice(("C1", "C2", "C3", None, " C1 ")), self.home()
        single = Decimal(SINGLE[home["currency"]])
        for _ in range(rng.choice((1, 2, 4, 6))):
            amount = rng.choice((single, single, single / 2, single + CENT, single - CENT, CENT))
            kind = rng.choice(("Purchase",) * 6 + ("Withdrawal", "Correction"))
            at = self.now - (self.old + HOUR if rng.random() < 0.1 else 0)
            event = self.sale(account, amount, kind) | home | {"nfcId": chip, "posId": rng.choice(("P1", "P6", "P7"))}
            if rng.random() < 0.1:
                event |= {"currency": "EUR", "countryCode": "CH"}
            self.send(event, at)
            line, sent = len(self.sent), event
            self.now += 3 * MINUTE
            if rng.random() < 0.15 and "accountTransactionId" in sent:
                back = dict(sent, eventType="Correction", totalAmount=-max(CENT, rounded(amount / rng.choice((1, 2)))))
                self.send(dict(back, accountTransactionId=self.number(), correctsTransactionId=sent["accountTransactionId"]))
            if rng.random() < 0.25:
                self.resolve(line)

    def trip(self):
        """One chip at two terminals, in as much time as it takes or a moment less; with the last one on another account or not."""
        rng, chip = self.rng, f"trip{self.number()}"
        accounts = rng.sample(self.accounts, min(2, len(self.accounts)))
        here, there = rng.sample(TILLS, 2)
        if rng.random() < 0.8 and len(self.places) > 1:
            here, there = rng.sample(sorted(self.places), 2)
        country = self.country if rng.random() < 0.6 else rng.choice(list(MARKETS))
        takes = unit(of(self.changes, "checks.nfc.travel.abroad", "10min"))
        if here in self.places and there in self.places:
            far = distance(self.places[here], self.places[there]) - int(of(self.changes, "checks.nfc.travel.nearby", "50"))
            takes = int(max(0, far) / int(of(self.changes, "checks.nfc.travel.speed", "900")) * HOUR)
        within = unit(of(self.changes, "checks.nfc.travel.within", "12h"))
        takes = min(takes, within) if rng.random() < 0.8 else within
        takes = max(0, takes + rng.choice((-1, 0, 1, 2, -SECOND, SECOND, -MINUTE, MINUTE)))
        if rng.random() < 0.3:
            # The chip becomes known to other accounts only by its second one.
            for account in rng.sample(self.accounts, min(2, len(self.accounts))):
                self.send(self.sale(account, Decimal(1)) | self.home() | {"nfcId": chip, "posId": "P6"}, self.now - 13 * HOUR)
        first = self.sale(accounts[0], self.small()) | self.home() | {"nfcId": chip, "posId": here}
        second = self.sale(accounts[-1] if rng.random() < 0.4 else accounts[0], self.small()) | {
            "countryCode": country, "currency": MARKETS[country][0], "nfcId": chip, "posId": there}
        if rng.random() < 0.3:
            first["totalAmount"] = rng.choice((Decimal(9000000), Decimal(12000)))
        if rng.random() < 0.15:
            second |= {"eventType": "Correction", "totalAmount": -Decimal(1)}
        for event, at in rng.sample(((first, self.now), (second, self.now + takes)), 2) if rng.random() < 0.3 else (
                (first, self.now), (second, self.now + takes)):
            self.send(event, at)
            if event is first and rng.random() < 0.2:
                self.resolve(len(self.sent))
        self.now = max(self.now, moments.parse(self.sent[-1]["time"]), moments.parse(self.sent[-2]["time"]))

    def small(self):
        return Decimal(self.rng.randrange(1, 2000)) / 100

    def between(self):
        """One chip on several accounts at several terminals; then one use that comes late, before or among them."""
        rng, chip = self.rng, f"trip{self.number()}"
        accounts = rng.sample(self.accounts, min(3, len(self.accounts)))
        for account in accounts[1:] * rng.choice((1, 2)):
            event = self.sale(account, self.small()) | self.home()
            self.send(event | {"nfcId": chip, "posId": rng.choice((*TILLS, None))})
            self.now += rng.choice((MINUTE, 20 * MINUTE, HOUR, 3 * HOUR))
        event = self.sale(accounts[0], self.small()) | self.home() | {"nfcId": chip, "posId": rng.choice(TILLS)}
        self.send(event, self.now - rng.choice((0, 30 * MINUTE, HOUR, 2 * HOUR, 5 * HOUR, DAY)))

    def swarm(self):
        """Several accounts on one chip, or at one terminal, as far apart as counts together or a moment more."""
        rng, span = self.rng, unit(of(self.changes, "checks.velocity.fanout.span", "24h"))
        chip = rng.choice(("C1", "C7", "C9", f"swarm{self.number()}"))
        till = rng.choice(("P7", f"swarm{self.number()}", None, *TILLS))
        accounts, start = rng.sample(self.accounts, len(self.accounts)), self.now
        if rng.random() < 0.2:
            accounts.insert(0, f"{self.name}-unknown")
        # None at the same time: which of those a terminal still knows is not laid down.
        times = [start + away for away in rng.sample((0, MINUTE, span // 2, span - 1, span, span + 1, span * 2), len(accounts))]
        if rng.random() < 0.7:
            times.sort()
        for account, at in zip(accounts, times):
            event = self.sale(account, self.small(), rng.choice(("Purchase",) * 5 + ("Withdrawal", "Correction", "Interest")))
            event |= self.home() | {"posId": till}
            event["nfcId"] = chip if rng.random() < 0.8 else event["nfcId"]
            if rng.random() < 0.2:
                event["totalAmount"] = Decimal(9000000)
            self.send(event, at)
            if rng.random() < 0.1:
                self.send(event, at)
            if rng.random() < 0.1:
                self.tell(account, "update", {"nfcIds": rng.choice(([chip], [chip, "C8"], []))}, max(at, self.now))
        self.now = max(times)

    def rename(self):
        """Names and countries of one terminal, of events that are refused, wait, are granted, or come late."""
        rng, till = self.rng, self.rng.choice(("P7", f"shop{self.number()}", *TILLS))
        abroad = [country for country, (currency, _) in MARKETS.items() if currency == MARKETS[self.country][0]]
        for _ in range(rng.choice((2, 3, 4, 6))):
            account = rng.choice(self.accounts)
            event = self.sale(account, self.small(), rng.choice(("Purchase",) * 4 + ("Correction",))) | self.home()
            event |= {"posId": till, "posName": rng.choice(NAMES), "nfcId": rng.choice((account, None))}
            if rng.random() < 0.3:
                event["countryCode"] = rng.choice(abroad)
            if rng.random() < 0.2:
                event["totalAmount"] = Decimal(rng.choice((9000000, 12000)))
            elif rng.random() < 0.1:
                event |= {"eventType": "Correction", "totalAmount": -event["totalAmount"]}
            self.send(event, self.now - (rng.choice((0, MINUTE, HOUR, self.old + 1)) if rng.random() < 0.3 else 0))
            self.now += rng.choice((0, SECOND, MINUTE, HOUR))
            if rng.random() < 0.3:
                self.resolve(len(self.sent))

    def confirm(self):
        """Sales at one terminal, some of them fraud; then sales on the days round those on which that counts."""
        rng, till, lines = self.rng, self.rng.choice(("P7", "P1", f"shop{self.number()}")), []
        delay, days = (int(of(self.changes, f"checks.pos.terminal_fraud.{name}", "7")) for name in ("delay", "days"))
        day = self.now - self.now % DAY + DAY
        for at in sorted(rng.sample((0, 1, HOUR, DAY // 2, DAY - 1), k=rng.choice((1, 2, 3, 4)))):
            account = rng.choice(self.accounts)
            event = self.sale(account, self.small()) | self.home() | {"posId": till, "nfcId": account}
            if rng.random() < 0.2:
                event["totalAmount"] = Decimal(rng.choice((9000000, 12000)))
            self.send(event, day + at)
            lines.append(len(self.sent))
        self.now = day + DAY
        for line in rng.sample(lines, rng.randrange(1, len(lines) + 1)):
            for _ in range(rng.choice((1, 1, 1, 2))):
                self.flag_fraud(line, rng.random() < 0.85)
                self.now += SECOND
        for later in sorted(rng.choices((delay, delay + 1, delay + 1, delay + days, delay + days + 1), k=rng.choice((1, 2, 3)))):
            at = day + later * DAY + rng.choice((0, -1, HOUR))
            self.now = max(self.now, at)
            self.ticker()
            account = rng.choice(self.accounts)
            kind = rng.choice(("Purchase",) * 5 + ("Withdrawal", "Interest"))
            event = self.sale(account, self.small(), kind) | self.home() | {"posId": till, "nfcId": account}
            if rng.random() < 0.1:
                event |= {"eventType": "Correction", "totalAmount": -Decimal(1)}
            self.send(event)
            if rng.random() < 0.2:
                self.flag_fraud(rng.choice(lines), False)
                self.now += SECOND

    def flag_fraud(self, line, on):
        account = self.sent[line - 1]["accountNumber"]
        if self.rng.random() < 0.05:
            account = self.rng.choice(self.accounts)
        self.tell(account, "flag", {"name": "fraud", "set": on, "transactionId": f"{{{{txn:@{line}}}}}"})

    def refusals(self):
        """Refused attempts, of which the first ones are sent again: as many as are remembered, or one more."""
        account = self.rng.choice(self.accounts)
        sales = [self.sale(account, Decimal(9000000 + i)) for i in range(self.rng.choice((1, 2, 3, 4)))]
        for event in sales:
            self.send(event)
            self.now += SECOND
        for event in sales[:2]:
            self.send(event)

    def midnight(self):
        """Withdrawals round a local midnight."""
        rng = self.rng
        country = rng.choice(list(MARKETS))
        day = self.now - self.now % DAY + DAY
        while moments.local_day(day, country) == moments.local_day(day - 1, country):
            day -= HOUR
        if day < self.now:
            day += DAY
        account = self.account_name()
        for away in sorted(rng.choices((-HOUR, -MINUTE, -1, 0, 1, MINUTE, HOUR), k=rng.randrange(2, 5))):
            event = self.sale(account, self.amount("Withdrawal"), "Withdrawal")
            if rng.random() < 0.5:
                event["countryCode"], event["currency"] = country, MARKETS[country][0]
            self.send(event, day + away)
        self.now = day + HOUR

    def late_by(self):
        edge = self.old
        return self.rng.choice((edge, edge, edge + 1, edge - 1, edge + 8 * HOUR, 5 * DAY, HOUR, MINUTE, 10 * MINUTE))

    def late(self):
        event = self.sale(self.account_name(), self.amount(), self.rng.choice(("Purchase", "Purchase", "Withdrawal")))
        self.send(event, self.latest - self.late_by())

    def move(self):
        """On to an edge of something that was sent before."""
        rng = self.rng
        known = [moments.parse(e["time"]) for e in self.sent[-6:] if isinstance(e["time"], str) and moments.parse(e["time"])]
        start = rng.choice(known) if known and rng.random() < 0.6 else self.latest
        spans = (MINUTE, 10 * MINUTE, HOUR, HOUR, DAY, DAY, self.hold, self.old, 97 * HOUR)
        if rng.random() < 0.1:
            spans = (35 * DAY, 90 * DAY, 8 * DAY)
        to = start + rng.choice(spans) + rng.choice((0, 0, 1, -1, SECOND))
        if to > self.now and to < self.now + 400 * DAY:
            jump, self.now = to - self.now, to
            if jump > 20 * HOUR and rng.random() < 0.9:
                self.ticker()

    def far(self):
        """A clock that is decades ahead."""
        at = self.now + 50 * 365 * DAY
        if self.rng.random() < 0.5:
            self.send(self.sale(self.account_name(), self.amount()), at)
        else:
            self.tell(self.rng.choice(self.accounts), "flag", {"name": "stopped", "set": True}, at)

    def faulty(self):
        rng = self.rng
        event = self.sale(self.account_name(), self.amount()) | basket(rng, self.per_line, False)
        if not event["items"]:
            return self.send(event)
        item = rng.choice(event["items"])
        fault = rng.choice((
            lambda: event.update(currency=rng.choice((None, "", "USD", "eur"))),
            lambda: event.update(countryCode=rng.choice((None, " ", "XX"))),
            lambda: event.update(conversationLanguage=rng.choice((None, "ZZ", "no"))),
            lambda: event.update(eventType=rng.choice((None, "Refund", "Unrecognized"))),
            lambda: event.update(categoryType="Other"),
            lambda: event.update(totalAmount=rng.choice((None, Decimal("-1"), Decimal("1.234"), "5", Decimal("1.100")))),
            lambda: event.update(totalTax=Decimal("0.001")),
            lambda: event.update(eventType="Withdrawal", totalAmount=Decimal(0)),
            lambda: event.update(eventType="Interest", totalAmount=Decimal("-1")),
            lambda: event.update(posName="x" * rng.choice((4096, 4097))),
            lambda: event.update(accountTransactionId="y" * rng.choice((100, 101))),
            lambda: item.update(quantity=rng.choice((Decimal(0), None, Decimal("1.1234567")))),
            lambda: item.update(unitPrice=rng.choice((None, Decimal("1.1234567")))),
            lambda: item.update(itemId=rng.choice(("", None, " "))),
            lambda: item.update(itemDescription=None),
            lambda: item.update(discount=rng.choice((Decimal("-0.01"), Decimal(100000), Decimal("0.12345")))),
            lambda: item.update(grossAmount=Decimal("1.00001")),
            lambda: item.update(grossAmount=True),
        ))
        fault()
        if rng.random() < 0.3:
            rng.choice((lambda: event.update(currency=None), lambda: item.update(unitCode=""),
                        lambda: event.update(totalAmount=Decimal("-3.333"))))()
        self.send(event, self.now + rng.choice((0, 0, 2 * HOUR)))

    # Account events

    def account(self):
        rng = self.rng
        account = rng.choice(self.accounts)
        kind = rng.choice(("limit", "flag", "flag", "flag", "payment", "payment", "default", "cash", "update", "again", "close"))
        at = self.now - rng.choice((0, 0, 0, 0, 1, SECOND, HOUR))
        if kind == "limit":
            self.tell(account, "limit", {"amount": rng.choice((0, 50000, 100000) + (5000000,) * 5)}, at)
        elif kind == "flag":
            flag = rng.choice(("stopped", "dunning", "chargeback", "blocked", "review", "fraud", "vip"))
            raised = rng.random() < 0.6
            self.tell(account, "flag", {"name": flag, "set": raised}, at)
            self.raised += [(account, flag)] * raised
        elif kind == "payment":
            payments = [e for e in self.told if e["eventType"] == "payment" and e["account"] == account]
            if payments and rng.random() < 0.45:
                paid = rng.choice(payments)
                payload = {"amount": paid["payment"]["amount"] + rng.choice((0, 0, 0, 1)), "status": "reversed"}
                if rng.random() < 0.6:
                    payload["reverses"] = paid["id"]
            else:
                payload = {"amount": rng.choice((100, 500, 2500, 10000, 100000)),
                           "status": rng.choice(("success", "success", "success", "failed"))}
            more = {"idempotencyKey": rng.choice(("k1", "k2"))} if rng.random() < 0.15 else {}
            self.tell(account, "payment", payload, at, **more)
        elif kind == "default":
            self.tell(account, "default", rng.choice(({}, {"satisfied": False}, {"satisfied": True})), at)
            self.raised.append((account, None))
        elif kind == "cash":
            self.tell(account, "cash_advance", {"amount": rng.choice((100, 5000, 50000))}, at)
        elif kind == "update":
            patch = rng.choice(({"ssnKnown": True}, {"ssnKnown": False}, {"partyId": "p"},
                                {"currency": rng.choice(("EUR", "SEK", "NOK"))},
                                {"nfcIds": rng.choice((["C1", "C2", "C9"], ["C1"], []))},
                                {"blockedNfcIds": rng.choice((["C2"], [" C1 ", "C9"], []))}))
            self.tell(account, "update", dict(patch), at)
        elif kind == "again" and self.told:
            old = dict(rng.choice(self.told))
            if rng.random() < 0.3:
                old["createdAt"] = stamp(self.now)
            if rng.random() < 0.25 and old["eventType"] == "payment":
                old["payment"] = dict(old["payment"], amount=old["payment"]["amount"] + 100)
            self.account_events.append(dump(self.own(old)))
        elif rng.random() < 0.1:
            self.tell(account, "close", {}, at)

    def waiting(self):
        """An event that is likely to wait; then, often, something happens to it, and it is resolved."""
        rng = self.rng
        account, how = rng.choice(self.accounts), rng.choice(("late", "first", "twin", "unlinked", "review", "review"))
        event, at = self.sale(account, self.amount(), rng.choice(("Purchase", "Purchase", "Withdrawal"))), self.now
        event |= {"countryCode": self.country, "currency": MARKETS[self.country][0], "posId": rng.choice(("P1", "P2"))}
        if how == "late":
            at = self.latest - self.old - rng.choice((1, HOUR, 2 * DAY))
        elif how == "first":
            event |= {"eventType": "Purchase", "totalAmount": Decimal(rng.choice((1500, 12000)))}
        elif how == "twin":
            self.send(event)
            event, at = dict(event, accountTransactionId=self.number()), at + MINUTE
        elif how == "unlinked":
            event |= {"eventType": "Correction", "totalAmount": -self.amount(), "posId": "P9"}
        else:
            self.tell(account, "flag", {"name": "review", "set": True})
            self.now += SECOND
            at = self.now
        self.send(event, at)
        line = len(self.sent)
        if how == "review":
            self.now += SECOND
            self.tell(account, "flag", {"name": "review", "set": False})
        if rng.random() < 0.1:
            self.now += rng.choice((self.hold, self.old, 72 * HOUR)) + rng.choice((-SECOND, 0, 1, SECOND))
            self.ticker()
            self.send(event, at)
        for _ in range(rng.choice((0, 0, 1, 1, 2))):
            self.now += rng.choice((SECOND, 10 * MINUTE))
            self.meanwhile(account, line)
        self.now += rng.choice((SECOND, 10 * MINUTE))
        if rng.random() < 0.85:
            self.resolve(line)
        if rng.random() < 0.2 and event["totalAmount"] > 0:
            self.now += MINUTE
            back = dict(event, eventType="Correction", totalAmount=-event["totalAmount"], posId="P9", categoryType=None)
            self.send(dict(back, accountTransactionId=self.number()))

    def reversal(self):
        """Fees, payments of one amount, and reversals by name or without."""
        rng, account = self.rng, self.rng.choice(self.accounts)
        amount = rng.choice((500, 1000))
        self.send(self.sale(account, Decimal(rng.choice((5, 7, 10, 20))), "Interest") | self.home())
        paid = []
        for _ in range(rng.choice((2, 2, 3))):
            self.now += SECOND
            paid.append(self.tell(account, "payment", {"amount": amount, "status": "success"}))
        for _ in range(rng.choice((1, 2, 3))):
            self.now += SECOND
            named = {"reverses": rng.choice(paid)["id"]} if rng.random() < 0.5 else {}
            self.tell(account, "payment", {"amount": amount, "status": "reversed"} | named)
            self.send(self.sale(account, Decimal(1)) | self.home())
        if rng.random() < 0.3:
            self.send(self.sale(account, -Decimal(5), "Correction") | self.home())

    def freed(self):
        """A new account whose first event waits in one currency and comes to nothing; then another currency."""
        rng = self.rng
        account = f"{self.name}-new{self.number()}"
        self.tell(account, "limit", {"amount": 50000000})
        self.now += SECOND
        self.send(self.sale(account, Decimal(12000)) | {"currency": "EUR", "countryCode": "DE"})
        line = len(self.sent)
        for _ in range(rng.choice((1, 2))):
            self.now += MINUTE
            what = rng.choice(("resolve", "currency", "cancel", "other", "other"))
            if what == "resolve":
                self.resolve(line)
            elif what == "currency":
                self.tell(account, "update", {"currency": rng.choice(("SEK", "EUR"))})
            elif what == "cancel":
                sale = self.sent[line - 1]
                self.send(dict(sale, categoryType="Cancel", accountTransactionId=self.number(),
                               correctsTransactionId=sale.get("accountTransactionId", "")))
            else:
                self.send(self.sale(account, Decimal(10)) | {"currency": "SEK", "countryCode": "SE"})
        self.now += SECOND
        self.send(self.sale(account, Decimal(11)) | {"currency": "SEK", "countryCode": "SE"})

    def home(self):
        return {"countryCode": self.country, "currency": MARKETS[self.country][0]}

    def meanwhile(self, account, line):
        """What changes while an event waits: it is cancelled in part or sent again, or its account changes."""
        rng, sent = self.rng, self.sent[line - 1]
        total = abs(sent["totalAmount"])
        what = rng.choice(("cancel", "cancel", "late cancel", "again", "limit", "flag", "resolve", "step"))
        if what.endswith("cancel") and "accountTransactionId" in sent:
            kind = rng.choice(("Correction", sent["eventType"] if sent["eventType"] != "Correction" else "Purchase"))
            part = max(CENT, rounded(total / rng.choice((1, 1, 2, 4))))
            event = dict(sent, eventType=kind, accountTransactionId=self.number(), posId=rng.choice(("P1", "P8")),
                         totalAmount=-part if kind == "Correction" else part, correctsTransactionId=sent["accountTransactionId"])
            if kind != "Correction":
                event["categoryType"] = "Cancel"
            self.send(event, self.now - (self.old + HOUR if what == "late cancel" else 0))
            if what == "late cancel" and rng.random() < 0.7:
                self.resolve(len(self.sent))
        elif what == "again":
            self.send(sent, moments.parse(sent["time"]))
        elif what == "limit":
            self.tell(account, "limit", {"amount": rng.choice((0, int(total * 100), 100000))})
        elif what == "flag":
            flag = rng.choice(("stopped", "chargeback", "blocked", "vip", "review"))
            self.tell(account, "flag", {"name": flag, "set": True})
            self.raised.append((account, flag))
        elif what == "resolve":
            self.resolve(line)
        else:
            self.step()

    def resolve(self, line=None):
        rng = self.rng
        line = line or len(self.sent) - min(int(rng.expovariate(0.4)), len(self.sent) - 1)
        sent = self.sent[line - 1]
        at = moments.parse(str(sent["time"])) or self.now
        account = sent["accountNumber"] if rng.random() < 0.95 else rng.choice(self.accounts)
        payload = {"resolve": {"transactionId": f"{{{{txn:@{line}}}}}" if rng.random() < 0.97 else "txn_nothing",
                               "granted": rng.random() < 0.75}}
        if rng.random() < 0.1:
            payload["ssnKnown"] = True
        edge = at + self.hold + rng.choice((-1, 0, 1, SECOND))
        when = edge if edge > self.now and rng.random() < 0.3 else self.now
        self.now = max(when, self.now)
        self.tell(account, "update", payload, when)
        if rng.random() < 0.15:
            self.tell(account, "update", dict(payload), when + rng.choice((0, SECOND)))


TILLS = ("P1", "P2", "P3", "P4", "P6")


def away(first, rng):
    """A place so many kilometres from the first, some of them round what counts as near; written with some decimals."""
    far, course = rng.choice((0, 4, 6, 49.9, 50.1, 120, 350, 900, 5000, 12000)), rng.uniform(0, 2 * pi)
    north = first[0] + far * cos(course) / EARTH * 180 / pi
    if abs(north) > 89:
        north = first[0]
    east = first[1] + far * sin(course) / EARTH * 180 / pi / max(0.1, cos(radians(first[0])))
    places = rng.choice((6, 6, 6, 3, 0))
    return tuple(Decimal(f"{degrees:.{places}f}") for degrees in (north, (east + 180) % 360 - 180))


def unit(text):
    """A duration of the settings."""
    for name, micros in ("min", MINUTE), ("h", HOUR), ("d", DAY):
        if text.endswith(name):
            return int(text.removesuffix(name)) * micros
    raise ValueError(text)


def stamp(at):
    text = moments.text(at)
    return text if text else "2100-01-01T00:00:00Z"


def rounded(value, how=ROUND_HALF_UP, places=2):
    return value.quantize(Decimal(1).scaleb(-places), how)


def basket(rng, per_line, negative):
    """A receipt, rounded in one of several ways, sometimes wrong by little."""
    how = rng.choice((ROUND_HALF_UP, ROUND_HALF_EVEN))
    tax_places, price_places = rng.choice((2, 2, 3, 4, 6)), rng.choice((2, 2, 2, 3, 4))
    items, total, tax_total = [], Decimal(0), Decimal(0)
    discounted = rng.choice(("stated", "scaled"))
    for i in range(rng.choice((1, 1, 2, 3, 5, 10))):
        rate = Decimal(rng.choice(("0", "0.07", "0.19", "0.25", "0.24")))
        price = rounded(Decimal(rng.randrange(1, 20000)) / 100 * rng.choice((1, 1, Decimal("0.01"), Decimal("0.1"))), how, price_places)
        price = max(price, Decimal(1).scaleb(-price_places))
        quantity = rng.choice((Decimal(1), Decimal(1), Decimal(2), Decimal(3), Decimal(12), Decimal(300),
                               Decimal(rng.randrange(1, 3000)) / 1000))
        if rng.random() < 0.08 or negative:
            quantity = -quantity
        line = price * quantity
        discount = rng.choice((None, None, None, Decimal("0.00"), rounded(line / 10, how), rounded(line / 2, how), rounded(line, how)))
        if discount is not None and abs(discount) > abs(line):
            discount = None
        gross = rounded(line - (discount or 0), how, rng.choice((2, 2, 2, 4)))
        if places(price) <= 2 and quantity == quantity.to_integral_value():
            gross = line - (discount or 0)
        pieces = quantity if per_line else Decimal(1)
        unit = price * pieces
        tax = rounded(unit * rate / (1 + rate), how, tax_places)
        net = rounded(unit, how, max(tax_places, price_places)) - tax
        item = {"itemId": str(i + 1), "itemDescription": "x", "unitCode": "C62", "quantity": quantity, "unitPrice": price}
        if rng.random() < 0.9:
            item |= {"netAmount": net, "taxAmount": tax}
        if discount is not None:
            item["discount"] = discount
        if rng.random() < 0.93:
            item["grossAmount"] = gross
        items.append(item)
        total += item.get("grossAmount", line - (discount or 0))
        summed = tax if per_line else tax * quantity
        if discounted == "scaled" and discount and line:
            summed *= (line - discount) / line
        tax_total += rounded(summed, how) if rng.random() < 0.5 else summed
    found = {"items": items, "totalAmount": rounded(total, how)}
    if rng.random() < 0.9:
        found["totalTax"] = rounded(tax_total, how)
    if not negative:
        found["totalAmount"] = abs(found["totalAmount"])
    spoil(rng, found)
    return found


def spoil(rng, found):
    if rng.random() < 0.5:
        return
    off = Decimal(rng.choice(("0.01", "-0.01", "0.02", "-0.02", "0.03", "0.005", "-0.005", "0.0001", "0.1")))
    item = rng.choice(found["items"])
    where = rng.choice(("totalAmount", "totalTax", "totalTax", "grossAmount", "taxAmount", "netAmount", "unitPrice"))
    record = found if where.startswith("total") else item
    if where not in record:
        return
    if where.startswith("total"):
        off = rounded(off)
    record[where] += off * rng.choice((1, 1, 2, 3))
    if rng.random() < 0.03:
        record[where] = -record[where]
    if found["totalAmount"] < 0 and item["quantity"] > 0:
        found["totalAmount"] = abs(found["totalAmount"])


def places(value):
    return max(0, -value.normalize().as_tuple().exponent)


class File:
    """Many sequences one after another; `spans` says which lines are whose."""

    def __init__(self, seed, events):
        rng = random.Random(seed)
        self.seed, self.settings = seed, settings(rng, seed)
        self.events, self.account_events, self.sequences = [], [], []
        self.records = [] if any(change in PROFILES[0] for change in self.settings) else None
        base = BASE
        while len(self.events) < events:
            sequence = Sequence(rng, f"S{seed}-{len(self.sequences)}", base, self.settings)
            for _ in range(rng.choice((8, 15, 30, 60))):
                sequence.step()
            shift = len(self.events)
            self.sequences.append((sequence.name, sequence.events, sequence.account_events, sequence.records))
            if sequence.records:
                self.records += sequence.records
            self.events += sequence.events
            self.account_events += [moved(line, shift) for line in sequence.account_events]
            base = max(sequence.latest, sequence.now) + rng.choice((HOUR, 2 * DAY, 10 * DAY))


def moved(line, shift):
    """The same account event, where `shift` lines of events stand before its own."""
    before, mark, rest = line.partition("{{txn:@")
    if not mark:
        return line
    number, _, after = rest.partition("}}")
    return f"{before}{mark}{int(number) + shift}}}}}{after}"


def main(seed, folder):
    file, folder = File(int(seed), 2000), Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for name, lines in (("events.jsonl", file.events), ("account_events.jsonl", file.account_events),
                        ("profile_records.jsonl", file.records or ()), ("settings.txt", file.settings)):
        (folder / name).write_text("".join(line + "\n" for line in lines), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]) if len(sys.argv) == 3 else __doc__)
