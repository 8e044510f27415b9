#!/usr/bin/env python3
"""Seeded histories of people, biased to the edges: `contact_generate.py SEED FOLDER` writes the four files of a seed."""
import json
import random
import sys
from datetime import date, timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import contact
import moments
from contact import CHANNELS, CREDENTIALS, ELECTRONIC, STATUSES, TAKES, THEMES, WEEKDAYS
from moments import DAY, HOUR

MINUTE, SECOND = 60 * 10**6, 10**6
SETTINGS = contact.settings()
COLLECTION = SETTINGS["collection"]
SUBJECTS = list(SETTINGS["subjects"])
NEEDS_THEME = [name for name, theme in SETTINGS["subjects"].items() if not theme]
CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
NEW_YORK, KIRITIMATI, PAGO_PAGO = "America/New_York", "Pacific/Kiritimati", "Pacific/Pago_Pago"

# The clocks of the US, of Europe and of others change on these days; the last ones have no midnight, or two hours before one.
CHANGES = [date(2026, 3, 8), date(2026, 11, 1), date(2026, 3, 29), date(2026, 10, 25), date(2026, 4, 5), date(2026, 9, 6),
           date(2026, 4, 24), date(2026, 10, 30)]
US_ZONES = [NEW_YORK, "America/Chicago", "America/Denver", "America/Los_Angeles", "America/Phoenix", "Pacific/Honolulu",
            "America/Anchorage"]
MIDNIGHT_CHANGES = ["America/Havana", "America/Santiago", "Atlantic/Azores", "Asia/Beirut", "Africa/Cairo", "America/Nuuk"]
ODD_ZONES = ["Europe/Oslo", "Asia/Kathmandu", "Pacific/Chatham", "Australia/Lord_Howe", "Asia/Tokyo", "UTC"]
NO_ZONES = ["Mars/Olympus_Mons", "America/Springfield", "Europe", "+02:00"]
TWO_ZONE_PLACES = ["US-TN", "US-OR", "US-AK", "US-FL", "US-TX", "US-AZ", "US-NV"]
ONE_ZONE_PLACES = ["US-NY", "US-CA", "US-HI", "US-AS", "US-PR", "US-GU"]
KINDS = list(SETTINGS["cases"])
# Purposes that are about collection, and that are not; other words are.
COLLECTS = ["collection", "payment-reminder", "locate-borrower", "a word of its own", None, "Collection"]
SERVES = ["servicing", "information-request", "account-credentials", "bug", "Servicing"]
UNANSWERED = ["no-answer", "busy", "voicemail", "left-message", "wrong-number", None, "No-Answer"]
SPOKEN = ["conversation", "information-provided", "promise-to-pay", "refused-to-pay", "hung up on us", "Promise-To-Pay"]


class Person:
    """One person with a contact for each channel, some loans, and nothing that speaks against a contact."""

    def __init__(self, file, style=None, loans=None, jurisdiction="US"):
        self.file, self.rng = file, file.rng
        self.id = f"P-{len(file.people) + 1}"
        file.people.append(self)
        rng = self.rng
        self.record = {"partyId": self.id, "jurisdiction": jurisdiction, "timeZones": [], "places": [], "contacts": [],
                       "loans": [], "cases": [], "inconvenientTimes": [], "inconvenientPlaces": []}
        self.contact_zones, self.accounts, self.loans = [], {}, []
        self.live(style or rng.choice(STYLES))
        for kind, value in (("phone", f"+1 555 {rng.randrange(10**7):07}"), ("email", f"Ada.{self.id}@Example.org"),
                            ("address", f"{rng.randrange(1, 99)} Elm Street,  Springfield")):
            self.record["contacts"].append({
                "contactId": f"C-{self.id}-{kind}", "externalId": f"ext-{self.id}-{kind}", "kind": kind, "value": value,
                "place": "home", "timeZones": self.contact_zones, "consentAutodialedCall": True, "optedOut": []})
        for n in range(rng.choice([1, 2, 2, 3]) if loans is None else loans):
            self.lend(n)
        self.zones = sorted({z for z in self.record["timeZones"] + self.contact_zones
                             + [z for p in self.record["places"] for z in SETTINGS["places"].get(p, ())]} & contact.KNOWN_ZONES)
        self.zone = rng.choice(self.zones or list(contact.ANYWHERE))
        change = rng.choice(CHANGES) if rng.random() < 0.6 else date(2026, 1, 20) + timedelta(days=rng.randrange(300))
        # A local day, and with it the days around it.
        self.day = change.toordinal() + rng.randint(-7, 3)

    def live(self, style):
        rng, record = self.rng, self.record
        if style == "one":
            record["timeZones"] = [rng.choice(US_ZONES)]
        elif style == "two":
            record["timeZones"] = rng.sample(US_ZONES, 2)
        elif style == "place":
            record["places"] = [rng.choice(ONE_ZONE_PLACES)]
        elif style == "places":
            record["places"] = [rng.choice(TWO_ZONE_PLACES)]
        elif style == "by contact":
            record["timeZones"], self.contact_zones = rng.choice([[], [NEW_YORK]]), [rng.choice(US_ZONES)]
        elif style == "none":
            record["timeZones"], record["places"] = rng.choice([([], []), (rng.sample(NO_ZONES, 2), []), ([], ["US-XX", "Springfield"])])
        elif style == "partly unknown":
            record["timeZones"], record["places"] = [rng.choice(NO_ZONES), rng.choice(US_ZONES)], ["NO-03"]
        elif style == "date line":
            record["timeZones"] = rng.choice([[KIRITIMATI], [PAGO_PAGO], [KIRITIMATI, PAGO_PAGO], ["Pacific/Auckland", PAGO_PAGO]])
        elif style == "midnight":
            record["timeZones"] = [rng.choice(MIDNIGHT_CHANGES)]
        elif style == "odd":
            record["timeZones"] = rng.sample(ODD_ZONES, rng.choice([1, 1, 2]))
        else:
            # In summer they share one moment of the day, in winter none.
            record["timeZones"] = [NEW_YORK, "Europe/Paris", "Asia/Tokyo"]

    def lend(self, n):
        """A loan: an account by its events, one that the record lists, or both."""
        loan, kind = f"L-{self.id}-{n}", self.rng.choice(["account", "listed", "both"])
        names = [loan]
        if kind != "listed":
            self.accounts[loan] = []
        if kind != "account":
            self.record["loans"].append({"loanId": loan, "externalId": f"ext-{loan}", "statuses": []})
            names.append(f"ext-{loan}")
        self.loans.append(names)

    def named(self, n):
        return self.rng.choice(self.loans[n])

    # Moments

    def at(self, day, clock, zone=None):
        """Of a clock that is set back, one of the two moments at which it shows this."""
        return self.rng.choice(contact.moments_of(day, clock, zone or self.zone))

    def near_midnight(self, day):
        """In a local day: mostly its very ends, or the last moment of the day before."""
        return self.at(day, 0) + self.rng.choice([0, 0, 1, -1, DAY // 3, 12 * HOUR, 22 * HOUR])

    def calm(self, day):
        """A moment of the day at which no hours speak against a contact, if there is one."""
        zones = self.zones or ["UTC"]
        start = contact.day_begins(day, self.zone if self.zones else "UTC")
        fine = [at for at in range(start, start + DAY, contact.QUARTER)
                if all(8 * HOUR <= contact.local(at, z)[1] <= 21 * HOUR for z in zones)]
        return self.rng.choice(fine or [start + 12 * HOUR])

    # Lines

    def spoke(self, at, kind="outbound-call", outcome=None, debt=None, purpose="collection", **fields):
        """An interaction. Its debt is the number of a loan, an id, or False: without a linked resource."""
        rng = self.rng
        record = {"eventId": self.file.event_id(), "partyId": self.id, "channel": "contact-center",
                  "type": kind, "occurredAt": stamp(at, rng)}
        if debt is not False:
            record["linkedResourceType"] = rng.choice(["loan", "account", "loan", "Loan"])
            record["linkedResourceId"] = debt if isinstance(debt, str) else self.named(debt or 0)
        elif rng.random() < 0.3:
            record["linkedResourceType"] = record["linkedResourceId"] = None
        for name, value in (("outcome", outcome), ("purpose", purpose)):
            if value is not None or rng.random() < 0.3:
                record[name] = value
        record.update(fields)
        self.file.interactions.append((at, record))
        return record

    def ask(self, what, at=None, day=None, late=None, **fields):
        """A request. With `late` it stands at a later place of the file than its own time says."""
        rng = self.rng
        channel = fields.get("channel", "voice")
        request = {"requestId": f"{what}-{self.file.number()}", "personId": self.id, "channel": channel}
        if not {"theme", "subject"} & set(fields):
            request["theme"] = rng.choice(COLLECTION) if rng.random() < 0.3 else "opsCollDebt"
        if "loanIds" not in fields and self.loans:
            request["loanIds"] = [self.named(0)]
        if not {"contactId", "contactExternalId", "contactDetails"} & set(fields):
            request["contactId"] = f"C-{self.id}-{TAKES.get(channel, 'phone')}"
        request.update(fields)
        if at is not None:
            request["startAt"] = stamp(at, rng)
        if day is not None:
            request["startDate"] = date.fromordinal(day).isoformat()
        place = at if at is not None else (day - contact.FIRST_DAY) * DAY
        self.file.requests.append((place if late is None else late, request))
        return request

    def debts(self):
        """What a request may name: one loan, several, one under two names, none."""
        rng, all_of_them = self.rng, list(range(len(self.loans)))
        return rng.choice([[self.named(0)], [self.named(0)], [self.named(n) for n in all_of_them], self.loans[0] * 2, [],
                           [self.named(n) for n in reversed(all_of_them)]])

    def case(self, **fields):
        case = {"caseId": f"K-{self.id}-{len(self.record['cases'])}", "kind": self.rng.choice(KINDS), "from": None, "until": None,
                "channels": [], "themes": [], "loanIds": []} | fields
        self.record["cases"].append(case)
        return case


STYLES = (["one"] * 6 + ["two"] * 3 + ["place"] * 2 + ["places"] * 4 + ["by contact"] * 2 + ["none"] * 2 + ["partly unknown"]
          + ["date line"] * 2 + ["midnight"] * 2 + ["odd"])
SHORT_STYLES = ["one"] * 4 + ["places"] * 2 + ["midnight"]


def stamp(at, rng):
    """RFC 3339, now and then with an offset."""
    if rng.random() < 0.85:
        return moments.text(at)
    hours = rng.choice([-5, 2, 13])
    return moments.text(at + hours * HOUR)[:-1] + f"{'-' if hours < 0 else '+'}{abs(hours):02}:00"


class File:
    def __init__(self, seed):
        self.rng, self.people, self.count, self.extra = random.Random(f"contact {seed}"), [], 0, []
        self.interactions, self.requests, self.unknown = [], [], 0
        for scenario in SCENARIOS:
            for _ in range(self.rng.choice([1, 2, 2])):
                scenario(self)
        rng = self.rng
        self.facts, self.records = [], []
        for person in self.people:
            for account, statuses in person.accounts.items():
                if rng.random() < 0.2:
                    # What an account was counts no more.
                    self.facts.append({"partyId": person.id, "account": account, "statuses": rng.sample(STATUSES, 2)})
                self.facts.append({"partyId": person.id, "account": account, "statuses": statuses})
            if person.record is not None:
                if rng.random() < 0.15:
                    self.records.append(former(person.record))
                self.records.append(slim(person.record, rng))
        self.facts += self.extra
        order = sorted(range(len(self.interactions)), key=lambda n: (self.interactions[n][0], n))
        self.interactions = [self.interactions[n][1] for n in order]
        order = sorted(range(len(self.requests)), key=lambda n: (self.requests[n][0], rng.random()))
        self.requests = [self.requests[n][1] for n in order]

    def number(self):
        self.count += 1
        return self.count

    def event_id(self):
        return "evt_" + self.rng.choice(CROCKFORD[:8]) + "".join(self.rng.choice(CROCKFORD) for _ in range(25))

    def lines(self):
        files = {"interactions": self.interactions, "contact-requests": self.requests, "party-records": self.records,
                 "party-facts": self.facts}
        return {name: [json.dumps(record, ensure_ascii=False) for record in records] for name, records in files.items()}


def former(record):
    """A record that another one takes the place of, as a whole."""
    return record | {"timeZones": ["Asia/Tokyo"], "loans": [], "contacts": [],
                     "cases": [{"caseId": "K-0", "kind": "own", "channels": ["all"], "themes": ["all"]}]}


def slim(record, rng):
    """Now and then without the fields that have nothing to say."""
    return {name: value for name, value in record.items() if value not in (None, [])} if rng.random() < 0.3 else record


# Scenarios: each takes a person and asks round the edges of one rule.

def calls(file):
    """Six, seven or eight calls within seven days, and others that do not count."""
    rng, p = file.rng, Person(file)
    debt = rng.choice([0, 0, 0, len(p.loans) - 1, False])
    for _ in range(rng.choice([6, 7, 7, 8])):
        p.spoke(p.near_midnight(p.day - rng.choice([0, 1, 2, 3, 4, 5, 6, 6, 6])), outcome=rng.choice(UNANSWERED), debt=debt,
                purpose=rng.choice(COLLECTS), type=rng.choice(["outbound-call", "outbound-call", "Outbound-Call"]))
    for _ in range(rng.randrange(4)):
        not_counted(p, p.near_midnight(p.day - rng.randrange(7)))
    if rng.random() < 0.3:
        p.spoke(p.near_midnight(p.day - 7), debt=debt, outcome="busy")
    for _ in range(8):
        day = p.day + rng.choice([-1, 0, 0, 1, 1, 2, 3, 5, 6, 6, 7, 7, 8])
        debts = p.debts()
        if rng.random() < 0.3:
            p.ask("calls-day", day=day, loanIds=debts, late=late(p, day))
        else:
            at = rng.choice([p.near_midnight(day), p.calm(day)])
            p.ask("calls", at=at, loanIds=debts, late=at + rng.choice([0, 0, 0, 5 * DAY]),
                  channel=rng.choice(["voice", "voice", "voice", "voice", "text", "mail"]))


def calls_around(file):
    """Calls before and after the contact that is asked about: it stands late in the file, or has a day alone."""
    rng, p = file.rng, Person(file, style=rng_style(file), loans=1)
    for _ in range(7):
        p.spoke(p.near_midnight(p.day + rng.choice([-3, -2, -1, 0, 1, 2, 3])), outcome="busy")
    if rng.random() < 0.3:
        p.spoke(p.near_midnight(p.day + 4), kind="inbound-call", outcome="conversation")
    for _ in range(8):
        day, place = p.day + rng.choice([-4, -3, -3, -2, 0, 3, 3, 4]), (p.day + 5 - contact.FIRST_DAY) * DAY
        if rng.random() < 0.4:
            p.ask("calls-around-day", day=day, late=place)
        else:
            p.ask("calls-around", at=rng.choice([p.near_midnight(day), p.calm(day)]), late=place)


def late(p, day):
    """Where a day stands in the file: at its beginning, or when what took place on it is known."""
    return (day - contact.FIRST_DAY) * DAY + p.rng.choice([0, 2 * DAY, 2 * DAY])


def not_counted(p, at):
    rng = p.rng
    kind = rng.randrange(7)
    if kind == 0:
        p.spoke(at, outcome=rng.choice(["no-connection", "No-Connection"]))
    elif kind == 1:
        p.spoke(at, kind="inbound-call", outcome="voicemail")
    elif kind == 2:
        p.spoke(at, outcome="third-party")
    elif kind == 3:
        p.spoke(at, outcome="busy", purpose=rng.choice(["Servicing", *SERVES]))
    elif kind == 4:
        p.spoke(at, outcome="busy", debt=rng.choice(["L-other", "L-elsewhere"]))
    elif kind == 5:
        # About something else, or only half of a resource.
        resource = rng.choice([{"linkedResourceType": "loan-application", "linkedResourceId": "clapp_1"},
                               {"linkedResourceType": "loan"}, {"linkedResourceId": p.loans[0][0]}])
        p.spoke(at, outcome="busy", debt=False, **resource)
    else:
        p.spoke(at, kind=rng.choice(["sms", "email", "visit"]), outcome="busy", channel="sms")


def calls_of_several(file):
    """Each debt has its own calls; a request without debts is refused until the last of them."""
    rng, p = file.rng, Person(file, style=rng_style(file), loans=rng_number(file))
    for n in range(len(p.loans)):
        for _ in range(rng.choice([5, 7, 7])):
            p.spoke(p.near_midnight(p.day - rng.randrange(7) + n), debt=n, outcome="no-answer")
    if rng.random() < 0.5:
        for _ in range(7):
            p.spoke(p.near_midnight(p.day - rng.randrange(5)), debt="L-only-named", outcome="busy")
    for _ in range(7):
        p.ask("calls-debts", at=p.calm(p.day + rng.randint(0, 8)), loanIds=rng.choice([[], p.debts(), [x for x, *_ in p.loans]]))


def rng_style(file):
    return file.rng.choice(SHORT_STYLES)


def rng_number(file):
    return file.rng.choice([2, 3])


def conversations(file):
    """On a day D, and asked at the ends of D, D+6 and D+7."""
    rng, p = file.rng, Person(file)
    for _ in range(rng.choice([1, 1, 2])):
        how = rng.random()
        spoken = p.near_midnight(p.day)
        if how < 0.55:
            p.spoke(spoken, kind=rng.choice(["outbound-call", "inbound-call"]), outcome=rng.choice(SPOKEN),
                    debt=rng.choice([0, 0, False]), purpose=rng.choice(COLLECTS))
        elif how < 0.7:
            p.spoke(spoken, kind="inbound-call", outcome="conversation", purpose=rng.choice(["Servicing", *SERVES]))
        elif how < 0.8:
            p.spoke(spoken, kind=rng.choice(["visit", "chat"]), outcome="conversation")
        elif how < 0.9:
            p.spoke(spoken, kind="inbound-call", outcome="conversation", debt="L-other")
        else:
            p.spoke(spoken - rng.choice([HOUR, 6 * DAY, 7 * DAY]), kind="consent", debt=0)
            p.spoke(spoken, outcome="conversation", debt=0)
    for _ in range(9):
        day = p.day + rng.choice([0, 1, 5, 6, 6, 6, 7, 7, 7, 8])
        if rng.random() < 0.3:
            p.ask("conversation-day", day=day, loanIds=p.debts(), late=late(p, day))
        else:
            at = rng.choice([p.near_midnight(day), p.at(day, DAY - 1), p.calm(day)])
            p.ask("conversation", at=at, loanIds=p.debts(), late=at + rng.choice([0, 0, 0, 3 * DAY]))


def consents(file):
    """Given before, at and after the contact; on D, asked on D+6 and D+7; about this debt, another, none. What it lifts: calls,
    a conversation, the hours, a time and a place."""
    rng, p = file.rng, Person(file, loans=rng_number(file))
    given = p.near_midnight(p.day)
    for n in range(len(p.loans)):
        if rng.random() < 0.75:
            p.spoke(given + rng.choice([0, 0, 0, 1, HOUR]), kind=rng.choice(["consent", "consent", "inbound-call"]),
                    outcome="consent-given", debt=n, purpose=rng.choice(COLLECTS + SERVES))
    if rng.random() < 0.3:
        p.spoke(given, kind="consent", debt=rng.choice([False, "L-other"]))
    for _ in range(rng.choice([0, 7, 7])):
        # Under consent they do not count; before it they do, and so in part.
        p.spoke(given + rng.choice([-HOUR, 0, 1, HOUR, 2 * DAY, 6 * DAY, -DAY, -2 * DAY]), outcome="busy", debt=0)
    if rng.random() < 0.4:
        p.record["inconvenientTimes"] = [{"days": [], "from": "09:00", "to": "17:00"}]
        p.record["inconvenientPlaces"] = ["home"]
    for _ in range(10):
        day = p.day + rng.choice([0, 0, 1, 5, 6, 6, 6, 7, 7])
        debts = rng.choice([p.debts(), [p.named(0)], [p.named(0)], [p.named(1)]])
        how = rng.random()
        if how < 0.2:
            p.ask("consent-day", day=day, loanIds=debts, late=late(p, day))
        elif how < 0.4:
            at = given + rng.choice([-1, 0, 1, 2, HOUR])
            p.ask("consent-moment", at=at, loanIds=debts, late=max(at, given))
        else:
            p.ask("consent", at=rng.choice([p.near_midnight(day), p.calm(day), p.at(day, DAY - 1), p.at(day, 22 * HOUR)]),
                  loanIds=debts, channel=rng.choice(["voice", "voice", "text", "email"]))


HOURS = [8 * HOUR, 8 * HOUR - SECOND, 8 * HOUR - 1, 21 * HOUR, 21 * HOUR + SECOND, 21 * HOUR + 1, 21 * HOUR - 1, 0, 2 * HOUR + 30 * MINUTE,
         DAY - 1, 12 * HOUR, 20 * HOUR + 30 * MINUTE]


def hours(file):
    rng = file.rng
    p = Person(file, style=rng.choice(STYLES + ["none", "date line", "scattered"]))
    for _ in range(9):
        day, channel = p.day + rng.randint(-1, 9), rng.choice(["voice", "voice", "text", "email", "fax", "chat", "mail", "document", "gui"])
        theme = rng.choice(["opsCollDebt"] * 6 + ["opsServicing"])
        zone = rng.choice(p.zones or list(contact.ANYWHERE))
        if rng.random() < 0.25:
            p.ask("hours-day", day=day, channel=channel, theme=theme)
        else:
            p.ask("hours", at=p.at(day, rng.choice(HOURS), zone), channel=channel, theme=theme)


TIMES = [("09:00", "12:00"), ("12:00", "24:00"), ("00:00", "24:00"), ("22:00", "06:00"), ("20:00", "00:00"), ("17:30:30", "09:07:30"),
         ("08:00:00", "21:00:00"), ("01:30", "02:30"), ("01:15", "03:00"), ("00:00", "08:00"), ("21:00", "24:00"), ("01:07", "01:52"),
         ("00:40", "01:52:01"), ("02:10", "01:20")]


def inconvenient(file):
    rng = file.rng
    p = Person(file, style=rng.choice(STYLES + ["date line"]))
    for _ in range(rng.choice([1, 2, 3])):
        first, last = rng.choice(TIMES)
        p.record["inconvenientTimes"].append({
            "days": rng.choice([[], [], rng.sample(WEEKDAYS, 2), rng.sample(WEEKDAYS, 5), ["sat", "sun"]]), "from": first, "to": last})
    p.record["inconvenientPlaces"] = rng.choice([[], [], ["home"], ["work", "gym"]])
    for _ in range(9):
        day = p.day + rng.randint(-1, 9)
        if rng.random() < 0.3:
            p.ask("times-day", day=day)
        else:
            time = rng.choice(p.record["inconvenientTimes"])
            edge = contact.clock(rng.choice([time["from"], time["to"]])) + rng.choice([0, 0, 0, 0, -1, 1, -SECOND, HOUR, 12 * HOUR])
            p.ask("times", at=p.at(day, edge % DAY), channel=rng.choice(["voice", "voice", "email", "mail"]))


def clock_changes(file):
    """Inconvenient times on the days on which the clocks change, asked in that night."""
    rng, p = file.rng, Person(file, style=file.rng.choice(["one", "one", "places", "midnight"]))
    p.day = rng.choice([date(2026, 3, 8), date(2026, 11, 1), date(2026, 11, 1)] if p.zone in US_ZONES else CHANGES).toordinal()
    for first, last in rng.sample(TIMES[-8:], rng.choice([1, 2])):
        p.record["inconvenientTimes"].append({"days": [], "from": first, "to": last})
    for _ in range(7):
        p.ask("clock-changes", at=contact.day_begins(p.day, p.zone) + rng.randrange(-4, 24) * 10 * MINUTE + rng.choice([0, 7 * MINUTE, 1]))
    p.ask("clock-changes-day", day=p.day)


def scattered(file):
    """So far apart that there are months without a time that is permitted in all zones."""
    rng, p = file.rng, Person(file, style="scattered")
    for _ in range(3):
        p.ask("scattered", at=p.at(p.day, rng.choice(HOURS)))
    p.ask("scattered-day", day=p.day + rng.randrange(9))


def places(file):
    rng, p = file.rng, Person(file, style="one")
    work = rng.choice(["work", "gym", "Work", None])
    p.record["contacts"][0]["place"] = work
    p.record["inconvenientPlaces"] = rng.choice([["work"], ["gym", "work"], ["home"]])
    for _ in range(5):
        p.ask("places", at=p.calm(p.day + rng.randrange(5)), channel=rng.choice(["voice", "text", "email", "mail"]),
              theme=rng.choice(["opsCollDebt", "opsCollDebt", "opsServicing"]))


def cases(file):
    """Of each kind, at the ends of from and until, and what they refuse."""
    rng, p = file.rng, Person(file)
    p.record["contacts"][0]["place"] = rng.choice(["work", "home", None])
    for _ in range(rng.choice([1, 1, 2, 3])):
        kind = rng.choice(KINDS + ["a kind of its own", "workplace", "bankruptcy"])
        lists = rng.random() < (0.8 if kind in ("own", "refusedMedium", "a kind of its own") else 0.3)
        day = p.day + rng.randint(-1, 1)
        until = rng.choice([None, day, day, day + 1, day + 30])
        p.case(kind=kind, until=until and date.fromordinal(until).isoformat(),
               **{"from": rng.choice([None, date.fromordinal(day).isoformat()])},
               channels=rng.choice([[], ["voice"], ["all"], ["text", "email"], ["all", "voice"]]) if lists else [],
               themes=rng.choice([[], ["all"], ["opsCollDebt"], [CREDENTIALS], ["opsServicing", "opsCollDebt"]]) if lists else [],
               loanIds=rng.choice([[], [], [], [p.named(0)], [p.named(-1)], ["L-other"]]))
    subjects = [subject for kind in SETTINGS["cases"].values() for subject in kind["subjects"]]
    for _ in range(9):
        day = p.day + rng.randint(-2, 2)
        said = rng.choice([{"theme": "opsCollDebt"}] * 3 + [{"theme": CREDENTIALS}, {"subject": "oneTimeCode"},
                          {"subject": "oneTimeCode", "theme": CREDENTIALS}, {"theme": "opsServicing"},
                          *[{"subject": rng.choice(subjects)}, {"subject": rng.choice(subjects), "theme": "opsCollDebt"}] * 2,
                          {"subject": "oneTimeCode", "theme": "opsServicing"}, {"theme": rng.choice(THEMES)}])
        said = said | {"loanIds": p.debts(), "channel": rng.choice(["voice", "voice", "voice", "text", "email", "mail", "document"])}
        if rng.random() < 0.3:
            p.ask("cases-day", day=day, **said)
        else:
            p.ask("cases", at=rng.choice([p.near_midnight(day), p.calm(day), p.at(day, DAY - 1)]), **said)


def agreed(file):
    """Autodialed calls, and what the person has opted out of."""
    rng, p = file.rng, Person(file, style="one")
    for c in p.record["contacts"]:
        c["consentAutodialedCall"] = rng.random() < 0.5
        c["optedOut"] = rng.choice([[], ["text"], ["email", "chat"], list(ELECTRONIC)])
        if rng.random() < 0.3:
            del c["consentAutodialedCall"]
    for _ in range(6):
        channel = rng.choice(["voice", "voice", *CHANNELS])
        p.ask("agreed", at=p.calm(p.day + rng.randrange(4)), channel=channel,
              theme=rng.choice(["opsCollDebt", "opsServicing", CREDENTIALS]),
              **rng.choice([{}, {"isAutodialed": True}, {"isAutodialed": True}, {"isAutodialed": False}]))


def accounts(file):
    rng, p = file.rng, Person(file, style="one", loans=file.rng.choice([0, 1, 2, 2, 3]))
    for account in p.accounts:
        p.accounts[account] = rng.choice([[], [rng.choice(STATUSES)], [rng.choice(STATUSES)], rng.sample(STATUSES, 2), ["dormant"]])
    for loan in p.record["loans"]:
        loan["statuses"] = rng.choice([[], [rng.choice(STATUSES)], [rng.choice(STATUSES)], rng.sample(STATUSES, 2), ["dormant"]])
    if rng.random() < 0.3:
        # One that is the person's no more.
        gone = f"L-{p.id}-gone"
        file.extra += [{"partyId": p.id, "account": gone, "statuses": []}, {"partyId": p.id, "account": gone, "withdrawn": True}]
        p.ask("accounts-gone", at=p.calm(p.day), loanIds=[gone])
    subjects = [subject for status in SETTINGS["accounts"].values() for subject in status["subjects"]]
    for _ in range(7):
        said = rng.choice([{"theme": "opsCollDebt"}] * 2 + [{"theme": "opsServicing"}, {"theme": CREDENTIALS},
                          {"subject": rng.choice(subjects)}, {"subject": rng.choice(subjects), "theme": "opsCollDebt"}])
        p.ask("accounts", at=p.calm(p.day + rng.randrange(4)), loanIds=p.debts() if p.loans else [], **said)


def faults(file):
    """Requests that cannot be judged, and some that can just so."""
    rng, p = file.rng, Person(file, style="one")
    for _ in range(12):
        at, fields, what = p.calm(p.day + rng.randrange(4)), {}, rng.randrange(7)
        if what == 0:
            fields = rng.choice([{"theme": None}, {"theme": "opsUnheardOf"}, {"subject": "unheardOf"}, {"subject": rng.choice(NEEDS_THEME)},
                                 {"subject": rng.choice(NEEDS_THEME), "theme": "opsServicing"}, {"subject": None, "theme": None},
                                 {"subject": rng.choice(SUBJECTS)}, {"subject": "unheardOf", "theme": "inbBug"}])
        elif what == 1:
            fields = {"channel": rng.choice(["unrecognized", "pigeon", "Voice"])}
        elif what == 2:
            fields = {"loanIds": rng.choice([
                ["L-other"], [p.named(0), "L-other", "L-elsewhere"], ["L-P-1-0" if p.id != "P-1" else "L-P-2-0"]])}
        elif what == 3:
            fields = rng.choice([{"contactId": "C-other"}, {"contactExternalId": "ext-other"}, {"contactId": None},
                                 {"contactId": f"C-{p.id}-phone", "contactExternalId": f"ext-{p.id}-email"},
                                 {"contactId": f"C-{p.id}-phone", "contactExternalId": f"ext-{p.id}-phone"},
                                 {"contactId": f"ext-{p.id}-phone"}, {"contactExternalId": f"ext-{p.id}-phone"}])
        elif what == 4:
            fields = {"channel": rng.choice(CHANNELS), "contactId": f"C-{p.id}-{rng.choice(['phone', 'email', 'address'])}"}
        elif what == 5:
            p.ask("faults-time", at=at, day=p.day)
            continue
        else:
            fields = {"personId": "P-nobody"} | rng.choice([{}, {"loanIds": ["L-other"], "channel": "pigeon"}, {"theme": None}])
        p.ask("faults", at=at, **fields)


def timeless(file):
    """Without startAt and startDate it is the time of the line before."""
    rng, p = file.rng, Person(file, style=file.rng.choice(["one", "one", "places", "date line"]))
    if rng.random() < 0.6:
        # Before every line, so no time is known, unless another stands there that has one.
        p.ask("timeless-first", at=0)["startAt"] = None
    for _ in range(8):
        place = p.at(p.day + rng.randrange(7), rng.choice(HOURS))
        if rng.random() < 0.6:
            other = rng.choice([lambda: p.spoke(place, outcome="busy"), lambda: p.ask("timeless-before", at=place),
                                lambda: p.ask("timeless-day", day=contact.local(place, "UTC")[0])])
            other()
        request = p.ask("timeless", at=place + 1, loanIds=p.debts())
        del request["startAt"]


def details(file):
    """Contacts by what is dialled or written to, spelt in many ways."""
    rng, p = file.rng, Person(file, style="one")
    phone, email, address = p.record["contacts"]
    phone["value"], phone["consentAutodialedCall"] = f"+1 (555) 010-{rng.randrange(10**4):04}", rng.random() < 0.7
    address["value"] = "12  Élan Street,   Springfield"
    if rng.random() < 0.5:
        address["place"] = "work"
        p.case(kind="workplace")
    phone["optedOut"] = rng.choice([[], [], ["text"]])
    digits = "".join(c for c in phone["value"] if c.isdigit())
    spellings = {
        "phone": [phone["value"], "+" + digits, digits, f"+{digits[:1]}.{digits[1:4]}/{digits[4:]}", f"+{digits}0",
                  f"+{digits[1:]}", f"00{digits}", f"+ {digits[:4]} - {digits[4:]}"],
        "email": [email["value"], email["value"].upper(), email["value"].lower(), "x" + email["value"]],
        "address": [address["value"], "12 élan street, springfield", "12 ÉLAN Street,  Springfield",
                    "12 Élan Street,Springfield", "12 Elan Street, Springfield"],
        "pager": ["1"],
    }
    for _ in range(10):
        channel = rng.choice(["voice", "voice", "text", "fax", "email", "email", "mail", "chat"])
        kind = TAKES.get(channel, "phone") if rng.random() < 0.85 else rng.choice(list(spellings))
        if kind == "address" and rng.random() < 0.6:
            # By mail there is nothing that one contact has agreed to and another has not.
            channel = "chat"
        request = p.ask("details", at=p.calm(p.day + rng.randrange(4)), channel=channel, isAutodialed=rng.random() < 0.6,
                        theme=rng.choice(["opsCollDebt", "opsServicing"]),
                        contactDetails={"kind": kind, "value": rng.choice(spellings[kind])})
        if rng.random() < 0.1:
            request["contactDetails"] = None


def inbound(file):
    rng, p = file.rng, Person(file, style=file.rng.choice(["one", "none"]))
    p.case(kind="own", channels=["all"])
    for _ in range(5):
        said = rng.choice([{"theme": rng.choice([t for t in THEMES if t.startswith("inb")])}] * 2 + [
            {"theme": "inbBug", "subject": rng.choice(NEEDS_THEME)}, {"theme": "inbRequest", "subject": "statement"},
            {"theme": "inbOther", "subject": "oneTimeCode"}, {"theme": "inbBug", "loanIds": ["L-other"]}])
        p.ask("inbound", at=p.at(p.day, rng.choice(HOURS)), **said)


def repeats(file):
    """Six or seven calls and a line that is one of them once more, or says that it is."""
    rng, p = file.rng, Person(file, style=rng_style(file))
    day = p.day
    first = p.spoke(p.at(day - 3, 15 * HOUR), outcome="no-answer", idempotencyKey="key-1")
    for n in range(4 + rng.randrange(2)):
        p.spoke(p.at(day - 3, 16 * HOUR) + n * MINUTE, outcome="busy", **({"idempotencyKey": f"key-{n + 2}"} if n % 2 else {}))
    at, how = moments.parse(first["occurredAt"]), rng.randrange(5)
    if how == 0:
        file.interactions.append((at, dict(first)))
    elif how == 1:
        file.interactions.append((at, first | {"eventId": file.event_id()}))
    elif how == 2:
        p.spoke(at + HOUR, outcome="left-message", eventId=first["eventId"])
    elif how == 3:
        p.spoke(at + HOUR, outcome="left-message", idempotencyKey="key-1")
    else:
        # Of another person the same id and key are others.
        other = Person(file, style="one")
        other.spoke(at - HOUR, outcome="busy", eventId=first["eventId"], idempotencyKey="key-1")
    p.spoke(p.at(day - 1, 15 * HOUR), outcome="busy")
    for _ in range(4):
        p.ask("repeats", at=p.calm(day + rng.choice([0, 1, 2, 3, 4])), loanIds=[p.named(0)])


def forgotten(file):
    """Six calls and one whose id or key is 35 days old, to the microsecond, or not as old, or older."""
    rng, p = file.rng, Person(file, style=rng_style(file))
    at = p.at(p.day - 3, 15 * HOUR)
    before = at - 35 * DAY + rng.choice([0, 0, 0, -1, -1, 1, DAY, -DAY])
    first = p.spoke(before, outcome="busy", idempotencyKey="key-1")
    p.spoke(before + rng.choice([DAY, 34 * DAY]), outcome="busy", purpose="servicing")
    p.spoke(at, outcome="busy", **rng.choice([{"eventId": first["eventId"]}, {"idempotencyKey": "key-1"}]))
    for n in range(6):
        p.spoke(p.at(p.day - 2, 16 * HOUR) + n * MINUTE, outcome="busy")
    for _ in range(3):
        p.ask("forgotten", at=p.calm(p.day + rng.randint(-1, 3)), loanIds=[p.named(0)])


def unknown(file):
    """People of whom only facts are known, nothing, or no more."""
    rng, p = file.rng, Person(file, style="none", loans=1)
    record, loan = p.record, p.loans[0][0]
    p.record, p.accounts = None, {loan: []} if rng.random() < 0.6 else {}
    if not p.accounts and rng.random() < 0.5:
        file.extra += [{"partyId": p.id, "account": loan, "statuses": []}, {"partyId": p.id, "account": loan, "withdrawn": True}]
    for _ in range(4):
        fields = rng.choice([{"contactId": record["contacts"][0]["contactId"]}, {"contactDetails": {"kind": "phone", "value": "+1"}},
                             {"contactDetails": {"kind": "phone", "value": "+1"}}])
        p.ask("unknown", at=p.calm(p.day), loanIds=rng.choice([[], [loan], ["L-other"]]), isAutodialed=rng.random() < 0.3, **fields)


def jurisdictions(file):
    rng, p = file.rng, Person(file, style="one", jurisdiction=file.rng.choice(
        ["US-NY", "NO", None, "USA", "US-", "US-NY-NYC", "NO-US"]))
    for _ in range(7):
        p.spoke(p.at(p.day - rng.randrange(3), 15 * HOUR), outcome="busy")
    for _ in range(5):
        p.ask("jurisdiction", at=p.at(p.day, rng.choice(HOURS)), theme=rng.choice(["opsCollDebt", "opsCollDebt", "opsServicing"]))


def mixed(file):
    """Anything at once."""
    rng, p = file.rng, Person(file, jurisdiction=file.rng.choice(["US", "US", "US-TX", "NO", None]))
    for _ in range(rng.randrange(14)):
        at = p.near_midnight(p.day - rng.randrange(9))
        if rng.random() < 0.25:
            not_counted(p, at)
        else:
            p.spoke(at, kind=rng.choice(["outbound-call"] * 4 + ["inbound-call", "consent"]), debt=rng.choice([0, 0, 0, -1, False]),
                    outcome=rng.choice(UNANSWERED * 2 + SPOKEN + ["consent-given", "third-party"]),
                    purpose=rng.choice(COLLECTS * 3 + SERVES))
    for c in p.record["contacts"]:
        c["place"], c["optedOut"] = rng.choice(["home", "work"]), rng.choice([[], [], ["email", "text"]])
        c["consentAutodialedCall"] = rng.random() < 0.7
    if rng.random() < 0.4:
        p.case(until=date.fromordinal(p.day + 3).isoformat(), channels=rng.choice([[], ["text"]]), loanIds=rng.choice([[], [p.named(0)]]))
    if rng.random() < 0.4:
        first, last = rng.choice(TIMES)
        p.record["inconvenientTimes"] = [{"from": first, "to": last, "days": rng.choice([[], ["mon", "sun"]])}]
        p.record["inconvenientPlaces"] = rng.choice([[], ["work"]])
    for account in p.accounts:
        p.accounts[account] = rng.choice([[], [], [rng.choice(STATUSES)]])
    for _ in range(8):
        day = p.day + rng.randint(-1, 8)
        said = rng.choice([{}, {}, {"theme": "opsServicing"}, {"subject": rng.choice(SUBJECTS)},
                          {"theme": rng.choice(THEMES), "subject": rng.choice(SUBJECTS)}])
        said = said | {"loanIds": p.debts(), "channel": rng.choice(["voice"] * 4 + list(CHANNELS)), "isAutodialed": rng.random() < 0.2}
        if rng.random() < 0.25:
            p.ask("mixed-day", day=day, late=late(p, day), **said)
        else:
            p.ask("mixed", at=rng.choice([p.calm(day), p.calm(day), p.at(day, rng.choice(HOURS))]), **said)


# How often each is drawn.
SCENARIOS = sum(([scenario] * often for scenario, often in (
    (calls, 4), (calls_around, 2), (calls_of_several, 2), (conversations, 3), (consents, 3), (hours, 4), (inconvenient, 4),
    (clock_changes, 3), (scattered, 1), (places, 1), (cases, 5), (agreed, 2), (accounts, 2), (faults, 2), (timeless, 2), (details, 2),
    (inbound, 1), (repeats, 2), (forgotten, 2), (unknown, 1), (jurisdictions, 2), (mixed, 3))), [])


def main():
    seed, folder = int(sys.argv[1]), Path(sys.argv[2])
    folder.mkdir(parents=True, exist_ok=True)
    for name, lines in File(seed).lines().items():
        (folder / f"{name}.jsonl").write_text("".join(line + "\n" for line in lines), encoding="utf-8")


if __name__ == "__main__":
    main()
