"""What the document says of the fields of interactions and of questions whether a person may be contacted, as tables of
requests: see tables.py. Besides what JSON Schema has no word for: members twice, members that nobody knows, odd text.
"""

import itertools
import re

from odd import PROBLEM
from tables import changed, run_all, variants, within, written
from talk import call, question, text

EVENT = re.compile(r"^evt_[0-7][0-9A-HJKMNP-TV-Z]{25}$")
OWN = re.compile(r"^[0-9a-hjkmnp-tv-z]{24}$")
TIME = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$")
# The contract lists so many.
CHANNELS, THEMES, SUBJECTS = 8, 19, 120
TIMES = {
    "2025-01-06T06:02:13Z": True,
    "2025-01-06T06:02:13.123456+01:00": True,
    "2025-01-06t06:02:13z": True,
    "2024-02-29T00:00:00-00:00": True,
    "2025-01-06T06:02:13": False,
    "2025-01-06T06:02Z": False,
    "2025-01-06 06:02:13Z": False,
    "2025-02-30T06:02:13Z": False,
    "2025-01-06T24:02:13Z": False,
    "2025-01-06T06:02:13+25:00": False,
    "06.01.2025": False,
    "now": False,
    "": False,
    " ": False,
}
DAYS = {
    "2025-01-06": True,
    "2024-02-29": True,
    "2025-02-29": False,
    "2025-1-6": False,
    "20250106": False,
    "2025-W02-1": False,
    "2025-01": False,
    "2025-01-06Z": False,
    " 2025-01-06": False,
}
NO_TEXT = (1736143333, 1.5, True, [], ["2025-01-06"], {})
# Members that nobody knows are passed over, whatever is in them and however often they come.
PASSED_OVER = ('"unheardOf":{"of":[1,null]}', '"unheardOf":1,"unheardOf":"x"', '"":1e999', '"unheardOf":"\\u0000"')
NO_JSON = (b'"unheardOf":"\xe9"', b'"unheardOf":"\x01"', b'"unheardOf":01', b'"unheardOf":', b"unheardOf:1", b'"unheardOf"')


def interaction_table(report, talk, document):
    """Every field of an interaction, and every way to spoil it."""
    schema = document["components"]["schemas"]["Interaction"]
    base = call("ext-table", agentId="agt_1048")
    numbers = itertools.count()

    def send(body):
        return talk.interaction(body, f"table {next(numbers)}")

    def of(case):
        path, what, value, good = case
        interaction = changed(base, path, value)
        answer = send(interaction)
        said = f"interaction: {written(path)} {what} {str(value)[:60]!r}"
        if good:
            is_created(report, answer, interaction, said)
        else:
            is_refused(report, answer, said)

    run_all(of, within(schema, base))
    run_all(of, ((("occurredAt",), "time", value, good) for value, good in TIMES.items()))
    run_all(of, ((("occurredAt",), "type", value, False) for value in (*NO_TEXT, "2025-01-06")))
    for name, example in examples(document, "/v1/interactions").items():
        is_created(report, send(example), example, f"example {name}")
    odd_members(report, send, base, 201)
    # An id or a key of the body's own is a member like any other that nobody knows.
    for own in ("evt_01JQ9MVH9K1MSA6D0H8N7ZQ5RQ", None, 5, {}):
        answer = send({**base, "eventId": own, "idempotencyKey": own})
        is_created(report, answer, base, f"eventId {own!r} in the body")
        report.that(answer.status != 201 or answer.json()["eventId"] != own, f"eventId {own!r} in the body", answer)


def question_table(report, talk, document):
    """Every field of a question, and every way to spoil it."""
    schema = document["components"]["schemas"]["CanInteract"]
    # With everything in it, no single field is needed but the channel.
    base = question(
        subject="loanOverdueFirstNotice",
        loanIds=["L-2", "L-3"],
        isAutodialed=False,
        contactExternalId="x",
        contactDetails={"kind": "phone", "value": "+1 555 0100"},
    )

    def send(body):
        return talk.may_contact("4711", body)

    def of(case):
        path, what, value, good = case
        answer = send(changed(base, path, value))
        said = f"question: {written(path)} {what} {str(value)[:60]!r}"
        if good:
            is_decision(report, answer, said)
        else:
            is_refused(report, answer, said)

    properties = dict(schema["properties"])
    for field, count in (("channel", CHANNELS), ("theme", THEMES), ("subject", SUBJECTS)):
        report.equal(len(set(properties[field]["enum"]) - {None}), count, f"symbols of {field}")
    del properties["startAt"]
    run_all(of, within({**schema, "properties": properties}, base))
    ids = variants(properties["loanIds"]["items"], "L-1", ("loanIds", 1))
    run_all(of, (case for case in ids if case[2] is not ...))
    begins = {**TIMES, **DAYS, None: True, ...: True}
    run_all(of, ((("startAt",), "time", value, good) for value, good in begins.items()))
    run_all(of, ((("startAt",), "type", value, False) for value in NO_TEXT))
    run_all(of, ((("isAutodialed",), "is", value, True) for value in (True, False)))
    for name, example in examples(document, "/people/{personId}/can-interact").items():
        is_decision(report, send(example), f"example {name}")
    odd_members(report, send, base, 200)
    one_of(report, send, base)
    loans(report, send, base, properties["loanIds"]["maxItems"])


def one_of(report, send, base):
    """A theme or a subject; a contact in one of three ways: each by itself, none, and as null."""
    for fields in (("theme", "subject"), ("contactId", "contactExternalId", "contactDetails")):
        others = {name: value for name, value in base.items() if name not in fields}
        for name in fields:
            is_decision(report, send({**others, name: base[name]}), f"{name} alone")
            is_refused(report, send({**others, name: None}), f"null as {name} alone")
        is_refused(report, send(others), f"none of {fields}")
        is_decision(report, send({**others, **{name: base[name] for name in fields}}), f"all of {fields}")


def loans(report, send, base, most):
    """As many as the document says, different ones or not, and one more by loanId."""
    for count, kind, good in [
        (most, "different", True),
        (most + 1, "different", False),
        (most + 1, "the same", False),
        (500, "different", False),
    ]:
        ids = [f"L-{number if kind == 'different' else 1}" for number in range(count)]
        for own in ("L-own", None):
            answer = send({**base, "loanIds": ids, "loanId": own})
            said = f"{count} {kind} loanIds with loanId {own}"
            if good:
                is_decision(report, answer, said)
            else:
                is_refused(report, answer, said)


def odd_members(report, send, base, good):
    """Members that nobody knows, members twice, and what is no JSON in a place that nobody looks at."""
    whole = text(base)
    for more in PASSED_OVER:
        answer = send(f"{whole[:-1]},{more}}}".encode())
        report.that(answer.status == good, f"{good} with {more}", answer)
    for more in NO_JSON:
        is_refused(report, send(whole[:-1].encode() + b"," + more + b"}"), f"with {more}")
    for name, value in base.items():
        is_refused(report, send(f"{whole[:-1]},{text({name: value})[1:]}".encode()), f"{name} twice")


def examples(document, path):
    listed = document["paths"][path]["post"]["requestBody"]["content"]["application/json"]["examples"]
    return {name: example["value"] for name, example in listed.items()}


def is_refused(report, answer, what, status=400):
    """As RFC 9457 has it."""
    good = answer.status == status and answer.media == PROBLEM and answer.json()["detail"]
    report.that(good, f"{what} is answered {status}", answer)


def is_created(report, answer, sent, what):
    """All that was sent comes back, and an id with it; the time perhaps in another spelling."""
    if answer.status != 201 or answer.media != "application/json":
        return report.that(False, f"{what} is answered 201", answer)
    body = answer.json()
    wanted = {name: value for name, value in sent.items() if value not in (None, ...) and name != "occurredAt"}
    found = {name: value for name, value in body.items() if name not in ("eventId", "occurredAt")}
    good = found == wanted and EVENT.match(body["eventId"]) and TIME.match(body["occurredAt"])
    return report.that(good and answer.headers["X-Request-Id"], f"{what}: shape", answer)


def is_decision(report, answer, what):
    """The answer of the contract: `data` says whether, and why not."""
    if answer.status != 200 or answer.media != "application/json":
        return report.that(False, f"{what} is answered 200", answer)
    body = answer.json()
    data = body["data"]
    good = (
        set(body) == {"status", "message", "data"}
        and (body["status"], body["message"]) == ("200", "OK")
        and set(data) == {"result", "reasons", "requestId"}
        and data["result"] is (not data["reasons"])
        and OWN.match(data["requestId"])
        and all(is_reason(reason) for reason in data["reasons"])
    )
    return report.that(good, f"{what}: shape", answer)


def is_reason(reason):
    return (
        {"code", "message"} <= set(reason) <= {"code", "message", "notBefore"}
        and re.match(r"^contact\.[a-z.]+$", reason["code"])
        and reason["message"]
        and TIME.match(reason.get("notBefore", "2025-01-06T00:00:00Z"))
    )
