"""Whether a person may be contacted, as a back office asks: persons of every spelling, every symbol, keys of interactions,
calls and conversations that count, contacts that are new, and a gateway where contact decisions are switched off.

Interactions and questions name times of a week in March 2026: New York sets its clocks forward in the night to the 8th.
"""

import http.client
import json
import re
from collections import Counter
from datetime import datetime, timedelta, timezone

from contact_table import is_created, is_decision, is_refused
from odd import PROBLEM
from tables import AT_ONCE, at_once
from talk import JSON, Talk, call, flag, limit, person_path, purchase, question, records, text

# The contract's, literally; `$` is the end of the text.
PERSON = re.compile(r"^ext-|^[A-Z]{2}-[A-Z0-9]+-[A-Z0-9]+|^\d+\Z", re.ASCII)
PERSON_CHARS_MAX = 100
PERSONS = (
    *("ext-", "ext-1", "ext-x y", "ext-a/b", "ext-ä", "ext-日本", "ext-\n", "ext-\0", "ext-?#", "ext-%2F", "ext-..", "ext-+"),
    *("US-A1-B2", "US-A1-B2-anything", "US-A1-B2 and more", "NO-1-2x", "AA-B-C", "US-1-2\n", "0", "0" * 100),
    *("ext-" + "é" * 96, "0" * 101, "ext-" + "é" * 97, "Ext-1", "EXT-1", "ext", "ext_1", " ext-1", "x-ext-1", "\next-1", "P-1", "p", "\0", " "),
    *("us-A1-B2", "Us-A1-B2", "US-a1-B2", "US-A1-b2", "US-A1", "US-A1-", "US--B2", "US-Ä-B", "USA-1-2", "U-1-2", "U1-1-2"),
    *("ÄB-1-2", "4711x", "x4711", "4711 ", "4711\n", "-4711", "47.11", "٣", "४", "½"),
)
# A path as it is sent, and the person that it is about, or its status where it is about none.
PATHS = {
    "/people/%34%37%31%31/can-interact": "4711",
    "/people/ext%2D1/can-interact": "ext-1",
    "/people/ext-%252F/can-interact": "ext-%2F",
    "/people/ext-%c3%a4/can-interact": "ext-ä",
    "/people/ext-+/can-interact": "ext-+",
    "/people/ext-a;b=c/can-interact": "ext-a;b=c",
    "/people/4711/can-interact?x=1": "4711",
    "/people/%45xt-1/can-interact": 400,
    "/people/ext-%ff/can-interact": 400,
    "/people/ext-%C3%28/can-interact": 400,
    "/people/4711%0a/can-interact": 400,
    "/people/ext-a/b/can-interact": 404,
    "/people/4711/can-interact/": 404,
    "/people/4711/can-interact/x": 404,
    "/people/4711/Can-Interact": 404,
    "/People/4711/can-interact": 404,
    "/people/4711%2Fcan-interact": 404,
    "/people//can-interact": 400,
    "/people/can-interact": 404,
    "/v1/people/4711/can-interact": 404,
}
# Subjects that say nothing of why: docs/contact.md.
NEED_A_THEME = {"freeForm", "freeFormBranded", *(f"custom{number}" for number in range(1, 21))}
CONTACTS_OF_ALL = [
    {
        "contactId": "home",
        "externalId": "lender-1",
        "kind": "phone",
        "value": "+1 (555) 010-9999",
        "consentAutodialedCall": True,
    },
    {"contactId": "mail", "kind": "email", "value": "jo@example.org"},
    {"contactId": "post", "kind": "address", "value": "1 Main St, Albany"},
]
USABLE = {"home": {"voice", "text", "fax"}, "mail": {"email"}, "post": {"mail"}}
LOANS = [{"loanId": "L-1", "externalId": "lender-L-1"}, {"loanId": "L-2"}, {"loanId": "L-3"}]
NEW_YORK = {"jurisdiction": "US-NY", "timeZones": ["America/New_York"]}
CALLS, CONVERSATION, HOURS = "contact.frequency.calls", "contact.frequency.conversation", "contact.hours"
# What took place on the 2nd is a week ago from the beginning of the 9th on, in New York.
A_WEEK_LATER = "2026-03-09T04:00:00Z"


def put(stack, party, **record):
    """Writes a party record."""
    whole = {"partyId": party, "contacts": CONTACTS_OF_ALL, "loans": LOANS, **record}
    written = stack.tillgate("parties", "put", json.dumps(whole))
    if written.returncode:
        raise RuntimeError(written.stderr)


def known(stack, party):
    """What `tillgate parties get` prints; None where nothing is known."""
    printed = stack.tillgate("parties", "get", party)
    return json.loads(printed.stdout) if printed.returncode == 0 else None


def codes(answer):
    return [reason["code"] for reason in answer.json()["data"]["reasons"]]


def ends(answer):
    """Each reason, and when it ends."""
    return {reason["code"]: reason.get("notBefore") for reason in answer.json()["data"]["reasons"]}


def persons(report, talk, stack):
    """The person is that of the path, decoded once, and any whom the contract's pattern finds."""
    asked = {}

    def wants(person, answer, what):
        is_decision(report, answer, what)
        if answer.status == 200:
            asked[answer.json()["data"]["requestId"]] = person

    for person in PERSONS:
        answer = talk.may_contact(person, question())
        what = f"person {person[:20]!r} of {len(person)}"
        if PERSON.search(person) and len(person) <= PERSON_CHARS_MAX:
            wants(person, answer, what)
        else:
            is_refused(report, answer, what)
    for path, person in PATHS.items():
        answer = talk.ask("POST", path, question(), JSON)
        if isinstance(person, str):
            wants(person, answer, path)
        else:
            is_refused(report, answer, path, person)
    # A body's own person is a member like any other that nobody knows.
    answer = talk.may_contact("ext-of-the-path", question(personId="4711", requestId=5))
    wants("ext-of-the-path", answer, "personId in the body")
    decided = {
        decision["requestId"]: (key, decision["personId"]) for key, decision in records(stack, "contact_decisions")
    }
    for own, person in asked.items():
        report.equal(decided.get(own), (person, person), f"the decision on {person[:20]!r}")


def symbols(report, talk, stack):
    """Every channel, theme and subject is judged as what it is, of a person whom no policy is about."""
    put(stack, "4711")
    document = json.loads(talk.ask("GET", "/openapi.json").body)
    listed = document["components"]["schemas"]["CanInteract"]["properties"]
    channels, themes, subjects = ([one for one in listed[name]["enum"] if one] for name in ("channel", "theme", "subject"))
    for theme in themes:
        report.equal(codes(talk.may_contact("4711", question(theme=theme))), [], f"theme {theme}")
    for subject in subjects:
        wanted = ["contact.request.theme"] if subject in NEED_A_THEME else []
        answer = talk.may_contact("4711", question(theme=..., subject=subject))
        report.equal(codes(answer), wanted, f"subject {subject}")
        if wanted:
            report.equal(codes(talk.may_contact("4711", question(subject=subject))), [], f"subject {subject} and a theme")
    for channel in channels:
        for contact, usable in USABLE.items():
            answer = talk.may_contact("4711", question(channel=channel, contactId=contact))
            good = channel in usable or channel in ("chat", "gui", "document")
            report.equal(codes(answer), [] if good else ["contact.request.contact"], f"{channel} to {contact}")
    for field, value, code in [
        ("contactId", "another", "contact.request.contact"),
        ("contactExternalId", "another", "contact.request.contact"),
        ("loanId", "L-4", "contact.request.loan"),
        ("loanIds", ["L-2", "L-4"], "contact.request.loan"),
    ]:
        report.equal(codes(talk.may_contact("4711", question(**{field: value}))), [code], f"{field} {value}")
    for changes in (
        {"contactId": ..., "contactExternalId": "lender-1"},
        {"contactExternalId": "lender-1"},
        {"loanId": "lender-L-1"},
        {"loanId": "L-1", "loanIds": ["L-1", "L-2", "lender-L-1"]},
        {"loanId": ..., "loanIds": ["L-3", "L-2"]},
        {"loanId": ..., "loanIds": []},
        {"loanId": ..., "startAt": ...},
    ):
        report.equal(codes(talk.may_contact("4711", question(**changes))), [], f"with {changes}")
    # Who is not known cannot be judged.
    report.equal(codes(talk.may_contact("4712", question())), ["contact.request.person"], "somebody of whom nothing is known")


def in_minutes(minutes):
    time = datetime.now(timezone.utc) + timedelta(minutes=minutes)
    return time.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def with_headers(talk, path, body, headers):
    """The status of a request whose headers may come twice."""
    connection = http.client.HTTPConnection("127.0.0.1", talk.port, timeout=talk.within)
    try:
        sent = text(body).encode()
        connection.putrequest("POST", path)
        for name, value in [*JSON.items(), ("Content-Length", str(len(sent))), *headers]:
            connection.putheader(name, value)
        connection.endheaders(sent)
        return connection.getresponse().status
    finally:
        connection.close()


def keys(report, talk, stack):
    """An Idempotency-Key counts once for its party, one after the other and at the same time."""
    one = call("ext-keys", agentId="agt_1")
    first = talk.interaction(one, "key 1")
    is_created(report, first, one, "the first")
    event = first.json()["eventId"]
    for what, same in {
        "again": one,
        "null as missing": {**one, "unheardOf": None},
        "members in another order": dict(reversed(one.items())),
        "the time of another offset": {**one, "occurredAt": "2026-03-02T16:04:05+01:00"},
    }.items():
        again = talk.interaction(same, "key 1")
        report.equal((again.status, again.body), (201, first.body), f"the same key, {what}")
    for name, value in one.items():
        if name != "partyId":
            other = {"channel": "email", "occurredAt": "2026-03-02T15:04:06Z"}.get(name, value + "x")
            is_refused(report, talk.interaction({**one, name: other}, "key 1"), f"the same key, another {name}", 409)
    is_refused(report, talk.interaction(call("ext-keys"), "key 1"), "the same key without agentId", 409)
    others = {
        "the same key of another party": talk.interaction({**one, "partyId": "ext-keys-2"}, "key 1"),
        "another key": talk.interaction(one, "key 2"),
        "a key of 80 characters": talk.interaction(one, "k" * 80),
        "a key of other letters' case": talk.interaction(one, "KEY 1"),
    }
    for what, answer in others.items():
        report.that(answer.status == 201 and answer.json()["eventId"] != event, what, answer)
    again = talk.interaction(one, "k" * 80)
    report.equal(again.body, others["a key of 80 characters"].body, "a key of 80 characters again")
    for what, key in {"no key": None, "an empty key": "", "a blank key": "  ", "81 characters": "k" * 81}.items():
        is_refused(report, talk.interaction(one, key), what)
    twice = [("Idempotency-Key", "key 3"), ("Idempotency-Key", "key 3")]
    report.equal(with_headers(talk, "/v1/interactions", one, twice), 400, "a key twice")

    # What lies ahead is refused, and its key is not used up.
    is_refused(report, talk.interaction(call("ext-keys", in_minutes(7)), "key 4"), "occurredAt in 7 minutes", 422)
    report.equal(talk.interaction(call("ext-keys", in_minutes(3)), "key 4").status, 201, "occurredAt in 3 minutes")

    same = at_once(lambda: talk.interaction(call("ext-at-once"), "key"))
    report.equal({answer.status for answer in same}, {201}, "20 at the same time")
    report.equal(len({answer.json()["eventId"] for answer in same}), 1, "20 at the same time: eventId")
    mixed = at_once(
        lambda number: talk.interaction(call("ext-at-once", outcome=("busy", "voicemail")[number % 2]), "mixed"), numbered=True
    )
    half = AT_ONCE // 2
    statuses = sorted(answer.status for answer in mixed)
    report.equal(statuses, [201] * half + [409] * half, "20 with one key, half of other content")
    kept = {json.loads(answer.body)["eventId"] for answer in (*same, *mixed) if answer.status == 201}
    found = [interaction["eventId"] for interaction in known(stack, "ext-at-once")["interactions"]]
    report.equal((sorted(found), len(found)), (sorted(kept), 2), "what is known of both keys")
    found = [interaction["eventId"] for interaction in known(stack, "ext-keys")["interactions"]]
    report.equal((len(found), found.count(event)), (5, 1), "what is known of the party")
    results = Counter(
        (result.get("id"), result["result"]) for key, result in records(stack, "interaction_results") if key == "ext-at-once"
    )
    report.equal(
        sorted(count for (event, result), count in results.items() if event in kept and result in ("applied", "repeat")),
        sorted([1, 1, AT_ONCE - 1, half - 1]),
        "each key applied once on the topic",
    )


def calls(report, talk, stack):
    """After seven calls within a week there is no eighth, until they are a week ago; unless the person agreed to it."""
    put(stack, "ext-calls", **NEW_YORK)

    def of(start="2026-03-05T15:00:00Z", **changes):
        answer = talk.may_contact("ext-calls", question(start, **changes))
        is_decision(report, answer, f"question of {start} with {changes}")
        return answer

    def told(number, **changes):
        one = call("ext-calls", f"2026-03-02T15:0{number}:00Z", **changes)
        is_created(report, talk.interaction(one, f"call {number} {changes}"), one, f"call {number} with {changes}")

    report.equal(codes(of()), [], "nobody called")
    for changes in (
        {"outcome": "no-connection"},
        {"outcome": "attorney"},
        {"purpose": "servicing"},
        {"type": "letter", "channel": "email"},
        {"linkedResourceId": "L-2"},
        {"linkedResourceType": "card"},
    ):
        told(0, **changes)
    for number in range(1, 8):
        report.equal(codes(of()), [], f"{number - 1} calls")
        # Under any name of the loan, and of any case; whoever else took the call.
        others = {3: {"outcome": "third-party"}, 5: {"linkedResourceId": "lender-L-1", "type": "Outbound-Call"}}
        told(number, **others.get(number, {}))
    report.equal(ends(of()), {CALLS: A_WEEK_LATER}, "7 calls")
    for changes, wanted in [
        ({"loanId": "lender-L-1"}, {CALLS: A_WEEK_LATER}),
        ({"loanId": "L-2", "loanIds": ["L-3", "L-1"]}, {CALLS: A_WEEK_LATER}),
        ({"loanId": ...}, {CALLS: A_WEEK_LATER}),
        ({"subject": "loanOverdueFirstNotice", "theme": ...}, {CALLS: A_WEEK_LATER}),
        ({"subject": "settlementOffer", "theme": "opsServicing"}, {CALLS: A_WEEK_LATER}),
        ({"loanId": "L-2"}, {}),
        ({"theme": "opsServicing"}, {}),
        ({"channel": "text"}, {}),
        ({"channel": "email", "contactId": "mail"}, {}),
    ]:
        report.equal(ends(of(**changes)), wanted, f"7 calls, {changes}")
    for start, wanted in [
        ("2026-02-23T15:00:00Z", {}),
        ("2026-02-24T15:00:00Z", {CALLS: A_WEEK_LATER}),
        ("2026-03-08", {CALLS: A_WEEK_LATER}),
        ("2026-03-08T13:00:00Z", {CALLS: A_WEEK_LATER}),
        ("2026-03-09T03:59:59Z", {CALLS: A_WEEK_LATER, HOURS: "2026-03-09T12:00:00Z"}),
        ("2026-03-09T04:00:00Z", {HOURS: "2026-03-09T12:00:00Z"}),
        ("2026-03-09", {}),
        ("2026-03-09T12:00:00Z", {}),
        ("2026-03-10T01:00:00Z", {}),
        ("2026-03-10T01:00:00.000001Z", {HOURS: "2026-03-10T12:00:00Z"}),
    ]:
        report.equal(ends(of(start)), wanted, f"7 calls, {start}")
    told(8, type="consent", outcome="consent-given")
    report.equal(ends(of()), {}, "7 calls, and consent")
    report.equal(ends(of(loanIds=["L-2"])), {CALLS: A_WEEK_LATER}, "7 calls, and consent to calls about one of two loans")


def conversations(report, talk, stack):
    """After a conversation there is no call for a week, whoever called."""
    person = "US-NY1-TALK"
    put(stack, person, **NEW_YORK)
    for loan, changes in {
        "L-1": {"type": "outbound-call", "outcome": "promise-to-pay"},
        "L-2": {"type": "inbound-call", "outcome": "information-provided"},
        "L-3": {"type": "inbound-call", "outcome": "an outcome of our own"},
    }.items():

        def asked(start, loan=loan):
            return ends(talk.may_contact(person, question(start, loanId=loan)))

        report.equal(asked("2026-03-05T15:00:00Z"), {}, f"{changes} before")
        one = call(person, "2026-03-03T04:59:59Z", linkedResourceId=loan, **changes)
        is_created(report, talk.interaction(one, f"talk about {loan}"), one, f"{changes}")
        for start, wanted in [
            ("2026-03-02T15:00:00Z", {CONVERSATION: A_WEEK_LATER}),
            ("2026-03-05T15:00:00Z", {CONVERSATION: A_WEEK_LATER}),
            ("2026-03-05T12:59:59Z", {CONVERSATION: A_WEEK_LATER, HOURS: "2026-03-05T13:00:00Z"}),
            ("2026-03-08", {CONVERSATION: A_WEEK_LATER}),
            ("2026-03-09T12:00:00Z", {}),
            ("2026-03-01T15:00:00Z", {}),
        ]:
            report.equal(asked(start), wanted, f"{changes}, {start}")


def details(report, talk, stack):
    """Contacts that are spelled out: one of the person's, or a new one that has agreed to nothing."""
    put(stack, "ext-details")

    def asked(channel, kind, value, **changes):
        spelled = {"channel": channel, "contactId": ..., "contactDetails": {"kind": kind, "value": value}}
        return codes(talk.may_contact("ext-details", question(**{**spelled, **changes})))

    autodialed, electronic, contact = "contact.consent.autodialed", "contact.consent.electronic", "contact.request.contact"
    new = "+1 555 0100"
    for channel, kind, value, changes, wanted in [
        # One of the person's.
        ("voice", "phone", "+15550109999", {"isAutodialed": True}, []),
        ("text", "phone", " +1-555-010-9999", {}, []),
        ("email", "email", "JO@example.org ", {}, []),
        ("mail", "address", "1  main st, ALBANY", {}, []),
        ("voice", "phone", "+15550109999", {"contactId": "home"}, []),
        ("voice", "phone", "+15550109999", {"contactExternalId": "lender-1"}, []),
        # A new one.
        ("voice", "phone", new, {}, []),
        ("voice", "phone", new, {"isAutodialed": None}, []),
        ("voice", "phone", "+1 (555) 0100", {"isAutodialed": False}, []),
        ("voice", "phone", new, {"isAutodialed": True}, [autodialed]),
        ("text", "phone", new, {"isAutodialed": True}, [electronic]),
        ("fax", "phone", new, {}, [electronic]),
        ("email", "email", "jo@example.com", {}, [electronic]),
        ("mail", "address", "2 Main St, Albany", {}, []),
        # One that cannot be, or is another.
        ("voice", "email", "jo@example.org", {}, [contact]),
        ("email", "phone", new, {}, [contact]),
        ("voice", "phone", new, {"contactId": "home"}, [contact]),
        ("email", "email", "jo@example.org", {"contactId": "home"}, [contact]),
    ]:
        report.equal(asked(channel, kind, value, **changes), wanted, f"{channel} to {kind} {value!r} with {changes}")
    found = [(one["kind"], one["value"]) for one in known(stack, "ext-details")["newContacts"]]
    report.equal(
        found,
        [("phone", new), ("email", "jo@example.com"), ("address", "2 Main St, Albany")],
        "new contacts, each once",
    )
    report.equal(known(stack, "ext-nobody"), None, "nobody was asked about")
    asked_of_nobody = talk.may_contact("ext-nobody", question(contactId=..., contactDetails={"kind": "phone", "value": new}))
    report.equal(codes(asked_of_nobody), ["contact.request.person"], "a new contact of nobody")
    report.equal(known(stack, "ext-nobody"), None, "a contact of nobody is not remembered")
    # Once the record has it, it is as the record says.
    agreed = {"contactId": "new", "kind": "phone", "value": "+1-555-01-00", "consentAutodialedCall": True, "optedOut": ["fax"]}
    put(stack, "ext-details", contacts=[*CONTACTS_OF_ALL, agreed])
    for channel, wanted in {"voice": [], "text": [], "fax": [electronic]}.items():
        report.equal(asked(channel, "phone", new, isAutodialed=True), wanted, f"{channel} to {new}, listed by now")
    found = [one["value"] for one in known(stack, "ext-details")["newContacts"]]
    report.equal(found, ["jo@example.com", "2 Main St, Albany"], "new contacts without that which is listed")


def accounts(report, talk, _stack):
    """A person is known by an account, and judged by its standing, as soon as the account event is answered."""
    asked = question(loanId="contacts", contactId=..., contactDetails={"kind": "phone", "value": "+1 555 0100"})
    owned = {"account": "contacts", "eventType": "update", "update": {"partyId": "ext-owner"}}
    for event, wanted in [
        (limit("contacts"), ["contact.request.person"]),
        (owned, []),
        (flag("contacts", "frozen"), ["contact.status.account"]),
    ]:
        answer = talk.account_event(event)
        report.equal(answer.status, 200, f"{event}")
        report.equal(codes(talk.may_contact("ext-owner", asked)), wanted, f"after {event}")


def switched_off(report, talk, stack):
    """Where contact decisions are not made, the rest is answered as ever."""
    gateway = stack.gateway("contact.enabled=false")
    stack.await_ready()
    off = Talk(gateway.port)
    is_refused(report, off.interaction(call("ext-off"), "off"), "an interaction, switched off", 404)
    is_refused(report, off.may_contact("4711", question()), "a question, switched off", 404)
    answer = off.ask("GET", person_path("4711"))
    report.that(answer.status in (404, 405) and answer.media == PROBLEM, "GET, switched off", answer)
    talk.account_event(limit("off"))
    report.equal(off.event("off", purchase("1.00")).json()["outcome"], "Accepted", "an event, contacts switched off")


CONTACTS = {
    "persons": persons,
    "symbols of contacts": symbols,
    "keys of interactions": keys,
    "calls": calls,
    "conversations": conversations,
    "contact details": details,
    "accounts of persons": accounts,
    "contacts switched off": switched_off,
}
