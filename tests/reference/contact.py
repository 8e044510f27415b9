#!/usr/bin/env python3
"""docs/contact.md once more: `contact.py --interactions I --contact-requests R --party-records P --party-facts F` prints the
decisions of the requests, one a line. Naive on purpose: every rule looks at everything that is known, each time anew."""
import argparse
import json
import sys
import tomllib
from datetime import date, datetime, timedelta, timezone
from functools import lru_cache
from pathlib import Path
from zoneinfo import ZoneInfo, available_timezones

sys.path.insert(0, str(Path(__file__).resolve().parent))
import moments
from moments import DAY, EPOCH, HOUR

SETTINGS = Path(__file__).resolve().parents[2] / "config" / "contact.toml"
QUARTER, SECOND = HOUR // 4, 10**6
KEPT = 35 * DAY
# How far notBefore of hours and times looks: past every change of the clocks.
# Days in which the next permitted time is looked for.
SEARCHED = {"contact.hours": 400, "contact.hours.inconvenient": 9}
FIRST_DAY = date(1970, 1, 1).toordinal()
# Those of the contract; which subjects it has stands in the settings.
THEMES = ("opsCollDebt opsCollLocateBorrower opsCollVerifyEmployment opsCollContactEmployerNotice opsLoanTimeBarredNotice "
          "opsLoanValidationOfDebtNotice opsServicingDebtValidation opsServicingNegativeCreditReportNotice "
          "opsServicingTimeBarredNotice opsServicingVerificationOfDebt opsServicing opsAccountCredentials inbMissingFeature "
          "inbEducation inbBug inbRequest inbHumanLove inbUnknown inbOther").split()
CHANNELS = ("voice", "email", "fax", "text", "chat", "mail", "gui", "document")
TAKES = {"voice": "phone", "text": "phone", "fax": "phone", "email": "email", "mail": "address"}
ELECTRONIC = ("text", "email", "fax", "chat")
STATUSES = ("charged_off", "canceled", "paid_off", "frozen", "closed")
CREDENTIALS = "opsAccountCredentials"
ANYWHERE = {"UTC-12": timezone(timedelta(hours=-12)), "UTC+14": timezone(timedelta(hours=14))}
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
KNOWN_ZONES = available_timezones()
ZONES_MAX = 12


def settings():
    with open(SETTINGS, "rb") as file:
        return tomllib.load(file)["contact"]


# Local time

@lru_cache(None)
def zone(name):
    return ANYWHERE.get(name) or ZoneInfo(name)


@lru_cache(2_000_000)
def local(at, name):
    """The local day, as a number, and the microseconds of the clock."""
    there = (EPOCH + timedelta(microseconds=at)).astimezone(zone(name))
    return there.toordinal(), ((there.hour * 60 + there.minute) * 60 + there.second) * SECOND + there.microsecond


@lru_cache(None)
def day_begins(day, name):
    """The first moment of a local day. Clocks stand apart from UTC, and change, by whole quarters of an hour."""
    at = (day - FIRST_DAY) * DAY - 15 * HOUR
    while local(at, name)[0] < day:
        at += QUARTER
    return at


@lru_cache(None)
def moments_of(day, clock, name):
    """When the clock shows this on that day: two moments where it is set back; what a gap leaves out is seen by its end."""
    there = datetime.combine(date.fromordinal(day), datetime.min.time()) + timedelta(microseconds=clock)
    both = (there.replace(tzinfo=zone(name), fold=fold) - EPOCH for fold in (0, 1))
    return [(x.days * 86400 + x.seconds) * SECOND + x.microseconds for x in both]


def candidates(start, end, zones, clocks):
    """All moments at which a rule of hours or times may begin to permit, in order: the start, each quarter of an hour (at which
    clocks change as well), and where a clock shows one of `clocks`."""
    found = {start} | set(range(start - start % QUARTER, end + 1, QUARTER))
    for name in zones:
        for day in range(local(start, name)[0] - 1, local(end, name)[0] + 2):
            for clock in clocks:
                found.update(moments_of(day, clock, name))
    return sorted(at for at in found if start <= at <= end)


def first_moment(start, zones, permits, searched, clocks=()):
    """The first from the start on that is permitted in all zones; None where there is none within so many days."""
    for day in range(searched):
        for at in candidates(start + day * DAY, start + (day + 1) * DAY, zones, clocks):
            if all(permits(*local(at, name)) for name in zones):
                return at
    return None


def any_moment(day, zones, permits, clocks=()):
    """Whether a moment is on that day, and permitted, in every zone."""
    start, end = min(day_begins(day, name) for name in zones), max(day_begins(day + 1, name) for name in zones)
    return any(all(local(at, name)[0] == day and permits(*local(at, name)) for name in zones)
               for at in candidates(start, end, zones, clocks))


def clock(text):
    hour, minute, second = (text.split(":") + ["0"])[:3]
    return ((int(hour) * 60 + int(minute)) * 60 + int(second)) * SECOND


def day_of(text):
    return None if text is None else date.fromisoformat(text).toordinal()


class Moment:
    """When a contact is, or was: a time, or a day in every zone."""

    def __init__(self, at=None, day=None):
        self.at, self.date = at, day

    def day(self, name):
        return self.date if self.at is None else local(self.at, name)[0]

    def start(self, zones):
        """Where "from then on" begins: of a day, when it is that day in every zone."""
        return self.at if self.at is not None else max(day_begins(self.date, name) for name in zones)


# What is known of a person

class Interaction:
    def __init__(self, record, s):
        reading = s["reading"]
        self.at, self.id, self.key = moments.parse(record["occurredAt"]), record["eventId"], record.get("idempotencyKey")
        self.resource_type, self.resource = plain(record.get("linkedResourceType")), record.get("linkedResourceId")
        self.debts = reading["debts"]
        outcome = record.get("outcome")
        means = set(reading["types"].get(plain(record["type"]), ()))
        means |= set(reading["channels"].get(plain(record["channel"]), ()))
        means |= set(reading["outcome_missing"] if plain(outcome) is None else
                     reading["outcomes"].get(plain(outcome), reading["outcome_unlisted"]))
        theme = reading["purposes"].get(plain(record.get("purpose")), reading["purpose_unlisted"])
        self.collects = theme in s["collection"]
        self.call = "placed" in means and "not-connected" not in means
        self.conversation = "conversation" in means and bool(means & {"placed", "incoming"}) and "not-connected" not in means
        self.consent, self.exempt, self.placed = "consent" in means, "exempt" in means, "placed" in means

    def named(self, party):
        """The debt that it names, or None. Without a type an id is that of a debt."""
        if self.resource is None or self.resource_type is not None and self.resource_type not in self.debts:
            return None
        return party.debt(self.resource) or self.resource

    def about(self, debt, party):
        """One without an id is about every debt, unless it is about something else."""
        if self.resource is None:
            return self.resource_type is None or self.resource_type in self.debts
        return self.named(party) == debt


def plain(word):
    """A word as those of the settings are written; None where nothing is said."""
    word = (word or "").strip().lower().replace(" ", "-").replace("_", "-")
    return word or None


class Party:
    def __init__(self):
        self.record, self.accounts, self.interactions, self.now = None, {}, [], None

    def known(self):
        return self.record is not None or bool(self.accounts)

    def listed(self, name):
        return (self.record or {}).get(name) or []

    def took_place(self, interaction):
        """Once within 35 days, by its id and by its key. A repeat changes nothing and a conflict is a dead letter: neither is
        remembered."""
        self.now = max(self.now or interaction.at, interaction.at)
        self.interactions = [i for i in self.interactions if i.at >= self.now - KEPT]
        if not any(i.id == interaction.id or interaction.key is not None and i.key == interaction.key
                   for i in self.interactions):
            self.interactions.append(interaction)

    def groups(self):
        """The debts: sets of names, and what is said of them. Accounts and loans that have a name in common are one."""
        parts = [([account], set(self.accounts[account])) for account in sorted(self.accounts)]
        parts += [([loan["loanId"]] + [n for n in [loan.get("externalId")] if n is not None], set(loan.get("statuses") or ()))
                  for loan in self.listed("loans")]
        groups = []
        for names, said in parts:
            place = len(groups)
            for i in [i for i, (known, _) in enumerate(groups) if set(known) & set(names)][::-1]:
                known, told = groups.pop(i)
                names, said, place = known + [n for n in names if n not in known], said | told, i
            groups.insert(place, (names, said))
        return groups

    def debt(self, name):
        """One name for a loan that has several; None where the person has none of this name."""
        return next((names[0] for names, _ in self.groups() if name in names), None)

    def debts(self):
        return [names[0] for names, _ in self.groups()]

    def statuses(self, debt):
        found = next((said for names, said in self.groups() if names[0] == debt), set())
        return [status for status in STATUSES if status in found] + (["unknown"] if found - set(STATUSES) else [])

    def contact(self, request):
        """The contact of a request, or None where it names none, or two. Details count in place of an id alone."""
        contacts = self.listed("contacts")
        ids = [("contactId", request.get("contactId")), ("externalId", request.get("contactExternalId"))]
        ids = [(field, value) for field, value in ids if value is not None]
        if ids:
            named = [next((c for c in contacts if c.get(field) == value), None) for field, value in ids]
            return named[0] if all(c is named[0] for c in named) else None
        details = request.get("contactDetails")
        if details is None:
            return None
        unknown = {"kind": details["kind"], "value": details["value"], "optedOut": ELECTRONIC}
        return next((c for c in contacts if spelt(c) == spelt(details)), unknown)

    def zones(self, contact, s):
        """None where one of the names is none, or there are too many: the person may be anywhere."""
        named = self.listed("timeZones") + list(contact.get("timeZones") or ())
        named += [name for place in self.listed("places") for name in s["places"].get(place, ("nowhere",))]
        return sorted(set(named)) if set(named) <= KNOWN_ZONES - {"Factory"} and len(set(named)) <= ZONES_MAX else []


def spelt(contact):
    """A contact so that those that are the same are equal."""
    kind, value = contact["kind"], contact["value"]
    if kind == "phone" and (sum(c in "0123456789" for c in value) < 5 or any(c.isalpha() for c in value)):
        value = value.strip().lower()
    elif kind == "phone":
        value = ("+" if value.startswith("+") else "") + "".join(c for c in value if c in "0123456789")
    elif kind == "email":
        value = value.lower()
    elif kind == "address":
        value = " ".join(part for part in value.lower().split(" ") if part)
    return kind, value


# The decision

class Judge:
    """One request."""

    def __init__(self, request, party, latest, s):
        self.request, self.party, self.s, self.reasons = request, party, s, []
        self.channel, self.subject = request.get("channel"), request.get("subject")
        at, day = request.get("startAt"), request.get("startDate")
        self.both = at is not None and day is not None
        self.moment = Moment(day=day_of(day)) if at is None and day is not None else \
            Moment(latest if at is None else moments.parse(at))
        self.names = [n for n in [request.get("loanId"), *(request.get("loanIds") or ())] if n is not None]

    def refuse(self, code, not_before=None):
        self.reasons.append((code, not_before))

    def decide(self):
        self.of_request()
        if self.reasons:
            return self.reasons
        said = {self.request.get("theme"), self.s["subjects"].get(self.subject) or None} - {None}
        self.themes = sorted(theme for theme in said if not theme.startswith("inb"))
        if not self.themes:
            return self.reasons
        # In their order, each once, under whatever name.
        self.debts = list(dict.fromkeys(self.party.debt(name) for name in self.names))
        self.contact = self.party.contact(self.request)
        self.zones = self.party.zones(self.contact, self.s)
        self.day_zones = self.zones or list(ANYWHERE)
        self.of_cases()
        self.of_consent()
        self.of_accounts()
        self.policy = self.policy_of()
        if self.policy is not None and self.collects() and not self.all_lifted():
            self.of_calls()
            self.of_hours()
        return self.reasons

    def collects(self):
        return any(theme in self.s["collection"] for theme in self.themes)

    # Request

    def of_request(self):
        request, known = self.request, self.party.known()
        theme = request.get("theme")
        if not known:
            self.refuse("contact.request.person")
        if (theme is None and self.subject is None or theme is not None and theme not in THEMES
                or self.subject is not None and self.subject not in self.s["subjects"]
                or theme is None and self.s["subjects"].get(self.subject) == ""):
            self.refuse("contact.request.theme")
        if self.channel not in CHANNELS:
            self.refuse("contact.request.channel")
        if known and any(self.party.debt(name) is None for name in self.names):
            self.refuse("contact.request.loan")
        contact = self.party.contact(request)
        if known and (contact is None or contact["kind"] != TAKES.get(self.channel, contact["kind"])):
            self.refuse("contact.request.contact")
        if self.both or self.moment.at is None and self.moment.date is None:
            self.refuse("contact.request.time")

    # Cases

    def of_cases(self):
        for case in self.party.listed("cases"):
            if self.is_open(case) and self.is_about(case) and self.case_refuses(case):
                until = day_of(case.get("until"))
                self.refuse("contact.status.case" if case["kind"] in ("bankruptcy", "deceased", "militaryDuty") else "contact.case",
                            until and max(day_begins(until + 1, name) for name in self.day_zones))

    def is_open(self, case):
        first, last = day_of(case.get("from")), day_of(case.get("until"))
        days = [self.moment.day(name) for name in self.day_zones]
        return any((first is None or first <= day) and (last is None or day <= last) for day in days)

    def is_about(self, case):
        if case["kind"] == "workplace" and (self.contact.get("place") or "").strip().lower() != "work":
            return False
        loans = {self.party.debt(name) or name for name in case.get("loanIds") or ()}
        return not loans or not self.debts or bool(loans & set(self.debts))

    def case_refuses(self, case):
        # A kind that nobody knows refuses all; so does a word that is no channel and no theme, as "all" does.
        kind = self.s["cases"].get(case["kind"], {"themes": "all", "subjects": []})
        judged = self.judged(kind["subjects"])
        channels, themes = case.get("channels") or (), case.get("themes") or ()
        if not judged:
            return False
        if not channels and not themes:
            return self.refused_by(kind["themes"], judged)
        others = any(theme != CREDENTIALS for theme in judged)
        return (self.channel in channels or any(theme in themes for theme in judged)
                or others and (bool(set(channels) - set(CHANNELS)) or bool(set(themes) - set(THEMES))))

    def judged(self, subjects):
        """The themes, without that of a subject that may go out all the same."""
        if self.subject not in subjects:
            return self.themes
        implied = self.s["subjects"].get(self.subject)
        return [theme for theme in self.themes if theme == self.request.get("theme") and theme != implied]

    def refused_by(self, themes, judged):
        """What the settings of a kind or of a status refuse."""
        if themes == "all":
            return any(theme != CREDENTIALS for theme in judged)
        return themes == "collection" and any(theme in self.s["collection"] for theme in judged)

    # Consent

    def of_consent(self):
        # The same number or address under another id is the same.
        same = [c for c in self.party.listed("contacts") if spelt(c) == spelt(self.contact)] or [self.contact]
        if self.channel == "voice" and self.request.get("isAutodialed") \
                and not all(c.get("consentAutodialedCall") for c in same):
            self.refuse("contact.consent.autodialed")
        out = {word for c in same for word in c.get("optedOut") or ()}
        if self.channel in ELECTRONIC and (self.channel in out or out - set(CHANNELS)):
            self.refuse("contact.consent.electronic")

    # Accounts

    def of_accounts(self):
        def refused(debt):
            # A status that nobody knows may be any.
            unknown = {"themes": "all", "subjects": []}
            rules = [self.s["accounts"].get(status, unknown) for status in self.party.statuses(debt)]
            return any(self.refused_by(rule["themes"], self.judged(rule["subjects"])) for rule in rules)
        found = [debt for debt in self.debts or self.party.debts() if refused(debt)]
        if self.debts or len(found) == len(self.party.debts()):
            for _ in found:
                self.refuse("contact.status.account")

    # Policy

    def policy_of(self):
        where = ((self.party.record or {}).get("jurisdiction") or "").strip() or self.s["jurisdiction"]
        where = where.upper()
        names = [name for name in self.s["policies"] if where == name or where.startswith(name + "-")]
        return self.s["policies"][max(names, key=len)] if names else None

    def lifted(self, debt, moment):
        """Direct prior consent about this debt. On a day without a time, what was given on it, or before, is earlier."""
        for given in self.party.interactions:
            if given.consent and given.named(self.party) == debt and (moment.at is None or given.at < moment.at):
                days = [moment.day(name) - local(given.at, name)[0] for name in self.day_zones]
                if all(0 <= day < self.policy["consent_days"] for day in days):
                    return True
        return False

    def all_lifted(self):
        return bool(self.debts) and all(self.lifted(debt, self.moment) for debt in self.debts)

    def counted(self, debt):
        """What counts for calls and conversations about a debt, if it is one."""
        return [i for i in self.party.interactions if i.collects and i.about(debt, self.party) and not i.exempt
                and not (i.placed and self.lifted(debt, Moment(i.at)))]

    def of_calls(self):
        if self.channel != "voice":
            return
        p = self.policy

        def too_many(calls):
            """By the local days of the calls, on a day: any so many consecutive days that hold it."""
            return lambda day: any(sum(first <= call < first + p["calls_days"] for call in calls) >= p["calls_max"]
                                   for first in range(day - p["calls_days"] + 1, day + 1))

        def too_soon(conversations):
            return lambda day: any(spoken <= day < spoken + p["conversation_days"] for spoken in conversations)
        if p["calls_max"] and p["calls_days"]:
            self.of_days("contact.frequency.calls", lambda i: i.call, too_many, p["calls_days"])
        if p["conversation_days"]:
            self.of_days("contact.frequency.conversation", lambda i: i.conversation, too_soon, p["conversation_days"])

    def of_days(self, code, counts, rule, span):
        found = []
        # Calls that name no debt count also where there is none.
        for debt in self.debts or sorted(set(self.party.debts()) | self.named_debts() | {""}):
            times = [i.at for i in self.counted(debt) if counts(i)]
            refused = {name: rule([local(at, name)[0] for at in times]) for name in self.day_zones}
            if any(refused[name](self.moment.day(name)) for name in self.day_zones):
                found.append(self.permitted_again(times, refused, span))
        for not_before in found if self.debts else sorted(found)[-1:]:
            self.refuse(code, not_before)

    def named_debts(self):
        return {i.named(self.party) for i in self.party.interactions} - {None}

    def permitted_again(self, times, refused, span):
        """The first moment at which the rule permits by the day that it is in each zone: that of a day's beginning in one."""
        start, begins = self.moment.start(self.day_zones), set()
        for name in self.day_zones:
            last = max(local(at, name)[0] for at in times) + span + 1
            begins |= {day_begins(day, name) for day in range(self.moment.day(name), last + 1)}
        return next(at for at in sorted(begins) if at >= start
                    and not any(refused[name](local(at, name)[0]) for name in self.day_zones))

    def of_hours(self):
        p = self.policy
        if self.channel not in p["hours_channels"]:
            return
        if p["hours_from"] != p["hours_to"]:
            first, last = clock(p["hours_from"]), clock(p["hours_to"])
            if self.zones:
                self.of_clock("contact.hours", lambda day, at: first <= at <= last, ())
            else:
                self.refuse("contact.hours.location")
        times = self.party.listed("inconvenientTimes")
        if times and self.zones:
            self.of_clock("contact.hours.inconvenient", lambda day, at: not any(lies_within(t, day, at) for t in times),
                          [clock(t["to"]) for t in times])
        places = {place.strip().lower() for place in self.party.listed("inconvenientPlaces")}
        if self.contact.get("place") is not None and self.contact["place"].strip().lower() in places:
            self.refuse("contact.place.inconvenient")

    def of_clock(self, code, permits, clocks):
        if self.moment.at is None:
            fine = any_moment(self.moment.date, self.zones, permits, clocks)
        else:
            fine = all(permits(*local(self.moment.at, name)) for name in self.zones)
        if not fine:
            self.refuse(code, first_moment(self.moment.start(self.zones), self.zones, permits, SEARCHED[code], clocks))


def lies_within(time, day, at):
    first, last, days = clock(time["from"]), clock(time["to"]), time.get("days") or WEEKDAYS

    def on(day):
        # Day 1 of Python's calendar was a Monday.
        return WEEKDAYS[(day - 1) % 7] in days
    if first == last:
        # A whole day, from that time on.
        return on(day) and at >= first or on(day - 1) and at < first
    if first < last:
        return on(day) and first <= at < last
    return on(day) and at >= first or on(day - 1) and at < last


# Files

def run(interactions, requests, records, facts, s=None):
    """Of records as objects the decisions, in the order in which they are taken: requestId, reasons (code, microseconds)."""
    s, parties, decisions, latest = s or settings(), {}, [], None

    def party(name):
        return parties.setdefault(name, Party())
    for fact in facts:
        if fact.get("withdrawn"):
            party(fact["partyId"]).accounts.pop(fact["account"], None)
        else:
            party(fact["partyId"]).accounts[fact["account"]] = fact.get("statuses") or []
    for record in records:
        party(record["partyId"]).record = record
    waiting = [(record["partyId"], Interaction(record, s)) for record in interactions]
    for request in requests:
        time = time_of(request, latest)
        while waiting and time is not None and waiting[0][1].at <= time:
            name, interaction = waiting.pop(0)
            party(name).took_place(interaction)
            latest = interaction.at if latest is None else max(latest, interaction.at)
            time = time_of(request, latest)
        reasons = Judge(request, party(request["personId"]), latest, s).decide()
        decisions.append((request["requestId"], reasons))
        latest = latest if time is None else time if latest is None else max(latest, time)
    return decisions


def time_of(request, latest):
    if request.get("startAt") is not None:
        return moments.parse(request["startAt"])
    if request.get("startDate") is not None:
        return (day_of(request["startDate"]) - FIRST_DAY) * DAY
    return latest


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    for name in "interactions", "contact-requests", "party-records", "party-facts":
        parser.add_argument(f"--{name}", default="/dev/null")
    a = parser.parse_args()
    files = []
    for path in a.interactions, a.contact_requests, a.party_records, a.party_facts:
        with open(path, encoding="utf-8") as lines:
            files.append([json.loads(line) for line in lines])
    for name, reasons in run(*files):
        print(json.dumps({"requestId": name, "result": not reasons, "reasons": [
            {"code": code, "notBefore": None if at is None else moments.text(at)} for code, at in reasons]}))


if __name__ == "__main__":
    main()
