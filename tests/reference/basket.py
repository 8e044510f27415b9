"""The receipt: lines against totals (checks 8-12), by what rounding can explain."""
from decimal import Decimal
from fractions import Fraction

from event import places
from messages import NOTHING, message

HALF_CENT = Decimal("0.005")
WEIGHED = Decimal("0.02")
CENT = Decimal("0.01")
CURRENCY_DECIMALS = 2


def half_unit(value):
    """Half a unit of the last decimal with which a figure is stated, at least the currency's."""
    return Decimal(5).scaleb(-max(places(value), CURRENCY_DECIMALS) - 1)


class Line:
    def __init__(self, item):
        self.quantity, self.price = item["quantity"], item["unitPrice"]
        self.net, self.tax = item.get("netAmount"), item.get("taxAmount")
        self.discount, self.stated = item.get("discount") or Decimal(0), item.get("grossAmount")
        self.exact = self.price * self.quantity - self.discount
        self.gross = self.exact if self.stated is None else self.stated

    def needs_rounding(self):
        return (places(self.quantity) > 0 or places(self.price) > CURRENCY_DECIMALS
                or places(self.discount) > CURRENCY_DECIMALS)


def judge(e, s):
    lines = [Line(item) for item in e.items]
    if not lines:
        return empty(e, s)
    found, stated = [], "grossAmount" if s.per_line else "unitPrice"
    for i, line in enumerate(lines):
        if s.item_gross.on and line.stated is not None and abs(line.stated - line.exact) > allowed_gross(line, s):
            found.append(message(8, s.item_gross.outcome, "pos.item.gross", NOTHING, f"items[{i}].grossAmount"))
        if s.item_unit.on and line.net is not None and line.tax is not None and not unit_fits(line, s):
            found.append(message(9, s.item_unit.outcome, "pos.item.unit", NOTHING, f"items[{i}].{stated}"))
    if s.total_amount.on and e.total is not None:
        tolerance = CENT if s.total_tolerance is None else s.total_tolerance
        if abs(e.total - sum(line.gross for line in lines)) >= tolerance:
            found.append(message(10, s.total_amount.outcome, "400.102", NOTHING, "totalAmount"))
    return found + taxes(e, lines, s)


def empty(e, s):
    found = taxes(e, [], s)
    if s.items_none.on and (e.total or e.tax):
        found.append(message(12, s.items_none.outcome, "pos.items.none", NOTHING, "items"))
    return found


def allowed_gross(line, s):
    if s.line_tolerance is not None:
        return s.line_tolerance
    return WEIGHED if line.needs_rounding() else Decimal(0)


def unit_fits(line, s):
    price = line.net + line.tax
    halves = half_unit(line.net) + half_unit(line.tax)
    if s.per_line:
        difference = min(abs(price - line.gross), abs(price - line.gross - line.discount))
        allowed = halves
    else:
        difference = abs(price * line.quantity - line.gross - line.discount)
        allowed = halves * abs(line.quantity) + HALF_CENT
    return difference <= (allowed if s.line_tolerance is None else s.line_tolerance)


def taxes(e, lines, s):
    if e.tax is None:
        return []
    found = []
    wrong = not sign_fits(e, lines, s)
    if any(line.tax is None for line in lines):
        if s.tax_unchecked.on:
            untaxed = next(place for place, line in enumerate(lines) if line.tax is None)
            field = f"items[{untaxed}].taxAmount"
            found.append(message(11, s.tax_unchecked.outcome, "pos.tax.unchecked", NOTHING, field))
    faults = [wrong, bool(lines) and all(line.tax is not None for line in lines) and not sum_fits(e, lines, s)]
    if s.total_tax.on:
        for _ in range(sum(faults)):
            found.insert(0, message(11, s.total_tax.outcome, "pos.total.tax", NOTHING, "totalTax"))
    return found


def sign_fits(e, lines, s):
    signs = {line.gross > 0 for line in lines if line.gross}
    if len(signs) > 1 or e.total is None:
        return True
    if e.tax * e.total < 0:
        return False
    return s.tax_above_total == "allow" or abs(e.tax) <= abs(e.total)


def sum_fits(e, lines, s):
    ways = {"none": [False], "scaled": [True], "either": [False, True]}[s.discount_tax]
    return any(way_fits(e, lines, s, scaled) for scaled in ways)


def way_fits(e, lines, s, scaled):
    total, allowed = Fraction(0), Fraction(HALF_CENT)
    for line in lines:
        pieces = 1 if s.per_line else line.quantity
        tax = Fraction(line.tax * pieces)
        if scaled and line.discount and line.gross + line.discount:
            tax *= Fraction(line.gross) / Fraction(line.gross + line.discount)
        total += tax
        allowed += Fraction(half_unit(line.tax) * abs(pieces))
        if (tax * 10**CURRENCY_DECIMALS).denominator != 1:
            allowed += Fraction(HALF_CENT)
    if s.tax_tolerance is not None:
        allowed = Fraction(s.tax_tolerance)
    return abs(Fraction(e.tax) - total) <= allowed
