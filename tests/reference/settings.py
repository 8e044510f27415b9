"""Settings: the defaults of config/checks.toml, what `--set` changes, and durations."""
import re
import tomllib
from decimal import Decimal
from pathlib import Path

FILE = Path(__file__).resolve().parents[2] / "config" / "checks.toml"

# Defaults that the catalogue names; they hold even where the file is older than the catalogue.
CATALOGUE = {
    "basket.tax_tolerance": "rounding",
    "basket.line_tolerance": "rounding",
    "basket.total_tolerance": "rounding",
    "basket.tax_above_total": "refuse",
    "basket.tax_unchecked.enabled": True,
    "basket.tax_unchecked.outcome": "note",
    "basket.discount_tax": "either",
    "form.decimals.charged": 4,
    "time.files.ahead": "24h",
    "time.files.lines": 10,
    "repeat.remember": "72h",
    "repeat.retry_within": "1h",
    "repeat.scope": "account",
    "repeat.refused_max": 64,
    "repeat.account_events": "35d",
    "account.flag.unlisted": "note",
    "correction.unlinked": "pending",
    "correction.originals": "90d",
    "pending.rejudge": True,
}
# Tables to which a setting may add a name.
OPEN = ("limit.default", "limit.first_amount.cap", "identity.ssn.above", "nfc.sca.single", "nfc.sca.sum",
        "velocity.withdrawal_cap.each", "velocity.withdrawal_cap.day", "account.flag.names", "sense.category.usual",
        "sense.currency_country.usual", "sense.currency_country.tolerated", "sense.language.usual")
UNITS = {"us": 1, "ms": 1000, "s": 10**6, "min": 60 * 10**6, "h": 3600 * 10**6, "d": 86400 * 10**6}
CHOICES = {
    "basket.tax_above_total": ("refuse", "allow"),
    "basket.discount_tax": ("either", "scaled", "none"),
    "basket.item_amounts": ("unit", "line"),
    "repeat.scope": ("account", "terminal_day"),
    "correction.unlinked": ("pending", "note", "reject"),
    "correction.cancel": ("take_back", "book"),
    "account.unknown": ("reject", "open"),
    "nfc.sca.counter": ("sum", "number", "both"),
    "account.flag.unlisted": ("block", "review", "note", "ignore"),
    "pos.terminal.unlisted": ("reject", "pending", "note", "ignore"),
}


class Wrong(Exception):
    """A setting that does not exist or whose value does not fit."""


def micros(text):
    found = re.fullmatch(r"(\d+)\s*(us|ms|s|min|h|d)", text) if isinstance(text, str) else None
    if not found:
        raise Wrong(f"{text!r} is no duration")
    return int(found[1]) * UNITS[found[2]]


def put(tree, path, value):
    *folders, last = path.split(".")
    for name in folders:
        tree = tree.setdefault(name, {})
        if not isinstance(tree, dict):
            raise Wrong(f"checks.{path} is no setting")
    tree[last] = value


def look(tree, path):
    for name in path.split("."):
        if not isinstance(tree, dict) or name not in tree:
            return None
        tree = tree[name]
    return tree


def change(tree, setting):
    key, equals, text = setting.partition("=")
    if not equals or not key.startswith("checks."):
        raise Wrong(f"{setting!r} is no setting of the checks")
    path = key.removeprefix("checks.")
    try:
        value = tomllib.loads(f"v = {text}", parse_float=Decimal)["v"]
    except tomllib.TOMLDecodeError:
        value = text
    known = look(tree, path)
    table = path.rpartition(".")[0]
    if known is None and not (table in OPEN or re.fullmatch(r"velocity\.windows\.rules\.\w+\.amount", table)):
        raise Wrong(f"checks.{path} is no setting")
    if isinstance(known, bool) != isinstance(value, bool) and known is not None:
        raise Wrong(f"{setting!r}: true or false and nothing else, or the other way round")
    if path in CHOICES and value not in CHOICES[path]:
        raise Wrong(f"{setting!r}: not one of {CHOICES[path]}")
    put(tree, path, value)


class Check:
    """On or off, and what a failure does."""

    def __init__(self, table):
        self.on = table.get("enabled", True)
        self.outcome = table.get("outcome", "reject")


class Window:
    """A rule of check 41."""

    def __init__(self, rule):
        self.scope, self.of, self.span, self.outcome = rule["scope"], rule["of"], micros(rule["span"]), rule["outcome"]
        self.distinct, self.count, self.sums = rule["distinct"], rule["count"], amounts(rule["amount"])
        if self.distinct not in ("none", "chip", "terminal", "country", "category"):
            raise Wrong(f"{self.distinct!r} is no value that a window counts")
        if self.distinct != "none" and (self.count == 0 or self.distinct == self.scope):
            raise Wrong(f"a window counts each {self.distinct} and can never fail by it")
        self.event_types, self.categories, self.countries = rule["event_types"], rule["categories"], rule["countries"]

    def takes(self, e):
        return all(not listed or value in listed for listed, value in (
            (self.event_types, e.type), (self.categories, e.category), (self.countries, e.country)))


def amounts(table):
    return {currency: Decimal(value) for currency, value in table.items()}


def tolerance(value):
    return None if value == "rounding" else Decimal(value)


class Settings:
    """All parameters, read once."""

    def __init__(self, changes=()):
        with open(FILE, "rb") as file:
            tree = tomllib.load(file, parse_float=Decimal)["checks"]
        for path, value in CATALOGUE.items():
            put(tree, path, value)
        for event_type in "Purchase", "Withdrawal":
            usual = tree["sense"]["category"]["usual"][event_type]
            if "Cancel" not in usual:
                usual.append("Cancel")
        for setting in changes:
            change(tree, setting)
        self.read(tree)

    def read(self, tree):
        form, basket, sense, time = tree["form"], tree["basket"], tree["sense"], tree["time"]
        self.required = form["required"]["enabled"]
        self.reenter = form["required"]["ask_to_reenter"]
        self.length = form["length"]["enabled"]
        self.id_max, self.text_max, self.items_max = (form["length"][k] for k in ("id_max", "text_max", "items_max"))
        self.decimals = form["decimals"]["enabled"]
        self.totals, self.items, self.charged = (form["decimals"][k] for k in ("totals", "items", "charged"))
        self.quantity = form["quantity"]["enabled"]
        self.returns, self.excess_discount = form["quantity"]["returns"], form["quantity"]["excess_discount"]

        self.per_line = basket["item_amounts"] == "line"
        self.line_tolerance = tolerance(basket["line_tolerance"])
        self.tax_tolerance = tolerance(basket["tax_tolerance"])
        self.total_tolerance = tolerance(basket["total_tolerance"])
        self.discount_tax, self.tax_above_total = basket["discount_tax"], basket["tax_above_total"]
        for name in "item_gross", "item_unit", "total_amount", "total_tax", "items_none", "tax_unchecked":
            setattr(self, name, Check(basket[name]))

        self.category, self.category_usual = Check(sense["category"]), sense["category"]["usual"]
        country = sense["currency_country"]
        self.currency_country, self.currency_usual = Check(country), country["usual"]
        self.currency_tolerated = country["tolerated"]
        self.currency_account = Check(sense["currency_account"])
        self.language, self.language_usual = Check(sense["language"]), sense["language"]["usual"]

        self.late, self.older_than = Check(time["late"]), micros(time["late"]["older_than"])
        self.ahead, self.ahead_lines = micros(time["files"]["ahead"]), time["files"]["lines"]

        repeat = tree["repeat"]
        self.same, self.conflict = Check(repeat["same"]), Check(repeat["conflict"])
        self.near, self.near_within = Check(repeat["near_duplicate"]), micros(repeat["near_duplicate"]["within"])
        self.remember, self.retry_within = micros(repeat["remember"]), micros(repeat["retry_within"])
        if self.remember < self.older_than:
            raise Wrong("checks.repeat.remember is less than checks.time.late.older_than")
        self.terminal_day = repeat["scope"] == "terminal_day"
        self.refused_max, self.account_events = repeat["refused_max"], micros(repeat["account_events"])

        account = tree["account"]
        self.open, self.open_max = account["unknown"] == "open", account["open_max"]
        for name in "stopped", "dunning", "closed", "default", "chargeback":
            setattr(self, name, Check(account[name]))
        self.flag, self.flag_names = Check(account["flag"]), account["flag"]["names"]
        self.flag_unlisted = account["flag"]["unlisted"]

        limit = tree["limit"]
        self.limit, self.limit_default = Check(limit["exceeded"]), amounts(limit["default"])
        self.first, self.first_cap = Check(limit["first_amount"]), amounts(limit["first_amount"]["cap"])
        self.holds, self.holds_max = Check(limit["holds"]), limit["holds"]["open_max"]

        ssn = tree["identity"]["ssn"]
        self.ssn, self.ssn_countries, self.ssn_above = Check(ssn), ssn["countries"], amounts(ssn["above"])

        nfc = tree["nfc"]
        self.chip_missing, self.chip_unknown, self.chip_blocked = (
            Check(nfc[name]) for name in ("missing", "unknown", "blocked"))
        travel = nfc["travel"]
        self.travel, self.travel_within, self.abroad = (
            Check(travel), micros(travel["within"]), micros(travel["abroad"]))
        self.speed, self.nearby = (Decimal(travel[name]) for name in ("speed", "nearby"))
        self.sca, self.sca_number, self.sca_counter = Check(nfc["sca"]), nfc["sca"]["number"], nfc["sca"]["counter"]
        self.sca_single, self.sca_sum = amounts(nfc["sca"]["single"]), amounts(nfc["sca"]["sum"])

        pos, fanout = tree["pos"], tree["velocity"]["fanout"]
        self.terminal, self.unlisted = Check(pos["terminal"]), pos["terminal"]["unlisted"]
        self.terminal_name, self.terminal_country = Check(pos["terminal_name"]), Check(pos["terminal_country"])
        fraud = pos["terminal_fraud"]
        self.fraud, self.fraud_rate, self.fraud_events = Check(fraud), Decimal(fraud["rate"]), fraud["events"]
        self.fraud_days, self.fraud_delay = fraud["days"], fraud["delay"]
        self.fanout, self.fanout_span = Check(fanout), micros(fanout["span"])
        self.fanout_chip, self.fanout_terminal = fanout["chip"], fanout["terminal"]

        windows, cap = tree["velocity"]["windows"], tree["velocity"]["withdrawal_cap"]
        self.windows = [Window(rule) for _, rule in sorted(windows["rules"].items()) if rule["enabled"] and windows["enabled"]]
        self.cap, self.cap_each, self.cap_day = Check(cap), amounts(cap["each"]), amounts(cap["day"])

        correction = tree["correction"]
        self.take_back = correction["cancel"] == "take_back"
        self.original, self.unlinked = Check(correction["original"]), correction["unlinked"]
        self.originals = micros(correction["originals"])
        self.hold_time, self.rejudge = micros(tree["pending"]["hold_time"]), tree["pending"]["rejudge"]
