"""What is known of terminals and chips across accounts, and the checks that read it (36 to 39, 43, 46)."""
from decimal import Decimal
from fractions import Fraction
from math import asin, cos, radians, sin, sqrt

from event import load, trimmed
from messages import CONFIRM, IDENTIFY, NOTHING, SECURE, message
from moments import DAY, HOUR, text

EARTH = 6371.009
KEPT = 31 * DAY
# Where the program goes against docs/checks.md ("Known differences" in README.md). What is mended there is taken out here.


class Use:
    """A charge of an account that is known. It has a txn where it was accepted or pending at first; that a Pending one came
    to nothing is told to nobody."""

    def __init__(self, e, account, entry):
        self.event, self.time, self.account = e, e.time, account
        self.txn = entry.txn if entry is not None else None


class Profile:
    def __init__(self):
        # When something was told of it, by the profiles' time.
        self.record, self.uses, self.told = None, [], 0
        # Accepted events in the order in which they became so, and whether they waited before.
        self.accepted = []
        # Accounts that a chip is registered for; confirmed fraud at a terminal.
        self.owners, self.frauds = set(), set()

    def forget(self, now):
        """What nobody used for 31 days, lists or has registered."""
        if self.record is None and not self.owners and self.told < now - KEPT:
            self.uses, self.accepted = [], []


class Terminal(Profile):
    def country(self):
        if self.record is not None and self.record["country"] is not None:
            return self.record["country"]
        return newest([e for e, _ in self.accepted], "country")

    def name(self):
        told, time = [], None
        for e, waited in self.accepted:
            older = time is not None and e.time < time
            time = e.time if time is None else max(time, e.time)
            if not (waited or older):
                told.append(e)
        return newest([e for e in told if e.name is not None], "name")

    def position(self):
        return self.record and self.record["position"]

    def fraud(self, day, s):
        """Confirmed ones and all events of the days that are judged."""
        judged = [use for use in self.uses if day - s.fraud_delay - s.fraud_days <= use.time // DAY < day - s.fraud_delay]
        return sum(use.txn in self.frauds for use in judged), len(judged)


def newest(events, name):
    """By their times; of equal ones the one that was accepted last."""
    return getattr(max(reversed(events), key=lambda e: e.time), name) if events else None


class Chip(Profile):
    def shared(self):
        """Nearly all chips have one account; what that does is told to no other."""
        return len({use.account for use in self.uses}) > 1


class Profiles:
    """All of them; off where there are no records, not even none."""

    def __init__(self, record_lines=None):
        self.on = record_lines is not None
        self.now, self.terminals, self.chips, self.places = 0, {}, {}, set()
        for _, line in record_lines or ():
            record = load(line)
            if "posId" in record:
                position = place(record.get("position"))
                self.places.add(spelt(position))
                says = len(record) > 1
                self.terminal(trimmed(record["posId"])).record = {
                    "disabled": record.get("disabled", False), "country": record.get("country"),
                    "position": position} if says else None
            else:
                self.chip(trimmed(record["nfcId"])).record = {"blocked": record.get("blocked", False)}

    def terminal(self, name):
        return self.terminals.setdefault(name, Terminal())

    def chip(self, name):
        return self.chips.setdefault(name, Chip())

    # What is told to them

    def tell(self, now, *profiles):
        """Their time is that of what they are told; what is used again in time is not forgotten by its own use."""
        for profile in profiles:
            profile.forget(self.now)
        self.now = max(self.now, now)
        for profile in profiles:
            profile.told = self.now

    def used(self, e, account, entry, now):
        if not self.on or not e.charges or e.terminal is None and e.chip is None:
            return
        terminal = [self.terminal(e.terminal)] if e.terminal is not None else []
        chip = [self.chip(e.chip)] if e.chip is not None else []
        self.tell(now, *terminal, *chip)
        for profile in terminal + chip:
            profile.uses.append(Use(e, account, entry))
            if entry is not None and entry.outcome == "Accepted":
                profile.accepted.append((e, False))

    def granted(self, e, now):
        if self.on and e.charges and e.terminal is not None:
            self.tell(now, self.terminal(e.terminal))
            self.terminal(e.terminal).accepted.append((e, True))

    def registered(self, account, before, after, now):
        if self.on:
            self.tell(now, *map(self.chip, (before | after) - {""}))
            for name in before - after:
                self.chip(name).owners.discard(account)
            for name in after - {""}:
                self.chip(name).owners.add(account)

    def confirmed(self, entry, on, now):
        """Fraud, or that it was none after all."""
        e = entry.event
        if self.on and e.charges and e.terminal is not None:
            self.tell(now, self.terminal(e.terminal))
            frauds = self.terminal(e.terminal).frauds
            (frauds.add if on else frauds.discard)(entry.txn)

    # What they are asked

    def facts(self, e, account, s):
        """All that a decision may know."""
        known = Facts(self, s, e, account)
        if self.on and not e.bookkeeping:
            if e.terminal is not None:
                known.terminal = self.terminal(e.terminal)
                known.terminal.forget(self.now)
            if e.chip is not None:
                known.chip = self.chip(e.chip)
                known.chip.forget(self.now)
        return known


class Facts:
    """What one decision may know of its terminal and its chip, and the checks by it."""

    def __init__(self, profiles, s, e, account):
        self.profiles, self.s, self.event, self.account = profiles, s, e, account
        self.terminal = self.chip = None

    def record(self):
        if self.terminal is None:
            return None
        record = self.terminal.record
        return "none" if record is None else "disabled" if record["disabled"] else "enabled"

    def for_others_only(self):
        return self.chip is not None and bool(self.chip.owners) and self.account not in self.chip.owners

    def blocked(self):
        return self.chip is not None and self.chip.record is not None and self.chip.record["blocked"]

    def others(self, profile):
        """How many other accounts used it last within the span; those that the chip is registered for do not count. Of a
        terminal's accounts only the last few are known, one more than may be."""
        last = {}
        for use in sorted(profile.uses, key=lambda use: use.time):
            last.pop(use.account, None)
            last[use.account] = use.time
        known = list(last.items())
        if profile is self.terminal:
            known = known[-self.s.fanout_terminal - 1:]
        elif not profile.shared():
            known = []
        return len({account for account, time in known if abs(time - self.event.time) < self.s.fanout_span}
                   - {self.account} - profile.owners)

    def some(self, others):
        """Which of equal times are among a terminal's last few accounts is not laid down."""
        return {str(number) for number in range(others - 1, others + 2)}

    def elsewhere(self):
        """Of the last uses of other accounts the nearest in time, of those at another terminal: one or none, or all of one
        nearness; which of these is asked is not laid down."""
        if self.chip is None or not self.chip.shared():
            return []
        e = self.event
        last = {use.account: use for use in sorted(self.chip.uses, key=lambda use: use.time)
                if use.txn is not None and use.event.terminal is not None}
        uses = [use for use in last.values() if use.account != self.account
                and use.event.terminal != e.terminal and abs(use.time - e.time) < self.s.travel_within]
        nearest = min((abs(use.time - e.time) for use in uses), default=0)
        return [use for use in uses if abs(use.time - e.time) == nearest]

    def position(self, terminal):
        known = self.profiles.terminals.get(terminal)
        return known and known.position()

    # Checks

    def judge(self):
        """36 by profiles, 37, 38 and 46."""
        e, s, found = self.event, self.s, []
        if s.chip_blocked.on and (self.blocked() or self.for_others_only()):
            found.append(said(36, s.chip_blocked.outcome, "pos.nfc.blocked", SECURE, "nfcId"))
        if self.terminal is None:
            return found
        if s.terminal.on and self.record() == "disabled":
            found.append(said(37, s.terminal.outcome, "pos.terminal", NOTHING, "posId"))
        if s.terminal.on and self.record() == "none" and s.unlisted != "ignore":
            found.append(said(37, s.unlisted, "pos.terminal", NOTHING, "posId"))
        name, country = self.terminal.name(), self.terminal.country()
        if s.terminal_name.on and None not in (name, e.name) and name != e.name:
            renamed = said(38, s.terminal_name.outcome, "pos.terminal.name", NOTHING, "posName")
            # For information, whatever it does to the outcome.
            found.append(renamed._replace(type="NotificationMessage"))
        if s.terminal_country.on and country not in (None, e.country):
            found.append(said(38, s.terminal_country.outcome, "pos.terminal.country", CONFIRM, "countryCode"))
        confirmed, judged = self.terminal.fraud(e.time // DAY, s)
        if s.fraud.on and judged >= s.fraud_events and confirmed > s.fraud_rate * judged:
            found.append(said(46, s.fraud.outcome, "pos.terminal.fraud", IDENTIFY, "posId"))
        return found

    def fanout(self):
        """43."""
        s, found = self.s, []
        if s.fanout.on:
            for profile, most, field in (self.chip, s.fanout_chip, "nfcId"), (self.terminal, s.fanout_terminal, "posId"):
                if profile is not None and most and self.others(profile) + 1 > most:
                    found.append(said(43, s.fanout.outcome, "pos.fanout", IDENTIFY, field))
        return found

    # Evidence

    def told(self):
        """Facts by name as an outcome tells them: it may tell one of these or none."""
        told = {"position": self.profiles.places}
        if self.terminal is not None:
            position = self.terminal.position()
            told |= {"terminal.record": {self.record()}, "terminal.name": {self.terminal.name()},
                    "terminal.country": {self.terminal.country()}, "terminal.position": {spelt(position)},
                    "terminal.other_accounts": self.some(self.others(self.terminal)),
                    "terminal.fraud": {"{}/{}".format(*self.terminal.fraud(self.event.time // DAY, self.s))}}
        if self.chip is not None:
            told |= {"chip.record": {"blocked" if self.blocked() else None},
                     "chip.registered_for": {"another account" if self.for_others_only() else None},
                     "chip.other_accounts": {str(self.others(self.chip))},
                     "chip.last_use": {" ".join(filter(None, (
                         text(last.time), last.event.country, spelt(self.position(last.event.terminal)))))
                         for last in self.elsewhere()}}
        return {name: values - {None} for name, values in told.items()}


def said(check, outcome, code, action, field):
    """One that is for information only asks for nothing."""
    return message(check, outcome, code, NOTHING if outcome == "note" else action, field)


def place(value):
    """Degrees north and east."""
    return None if value is None else tuple(Decimal(part) for part in value.split(","))


def spelt(position):
    # Adding 0 takes the sign off -0.
    return position and ",".join(f"{degrees + 0:.6f}" for degrees in position)


def distance(a, b):
    """Kilometres along a great circle."""
    (north, east), (north2, east2) = ((radians(degrees) for degrees in point) for point in (a, b))
    half = sin((north2 - north) / 2) ** 2 + cos(north) * cos(north2) * sin((east2 - east) / 2) ** 2
    return 2 * EARTH * asin(min(1, sqrt(half)))


def unreachable(facts, use, s):
    """39: can nobody have travelled from one terminal to the other in the time between?"""
    e, between = facts.event, abs(use.time - facts.event.time)
    here, there = facts.position(e.terminal), facts.position(use.event.terminal)
    if here is not None and there is not None:
        return distance(here, there) > float(Fraction(s.speed) * between / HOUR + Fraction(s.nearby))
    return use.event.country != e.country and between < s.abroad
