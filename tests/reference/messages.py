"""Messages of the checks, and how they make an outcome."""
from typing import NamedTuple

MAX = 20
CONFIRM, REENTER, SECURE, SSN, IDENTIFY, NOTHING = (
    "AskConsumerToConfirm", "AskConsumerToReEnterData", "OfferSecurePaymentMethods", "RequiresSsn",
    "AskConsumerToIdentify", "Unavailable")
EFFECT = {"reject": "R", "pending": "P", "note": "A"}


class Message(NamedTuple):
    check: int
    effect: str
    type: str
    code: str
    action: str
    field: str | None


def message(check, outcome, code, action, field=None):
    """One of a check whose parameter says reject, pending or note."""
    effect = EFFECT[outcome]
    kind = "NotificationMessage" if effect == "A" else "BusinessError"
    return Message(check, effect, kind, code, action, field)


def fault(check, code, field, action=NOTHING):
    return Message(check, "N", "BusinessError", code, action, field)


def note(check, code, action=NOTHING, field=None):
    return Message(check, "A", "NotificationMessage", code, action, field)


def reported(found):
    """In catalogue order, at most 20 of a check."""
    kept, counts = [], {}
    for m in sorted(found, key=lambda m: m.check):
        counts[m.check] = counts.get(m.check, 0) + 1
        if counts[m.check] <= MAX:
            kept.append(m)
    return kept


def outcome_of(found):
    effects = {m.effect for m in found}
    return ("NotEvaluated" if "N" in effects else "Rejected" if "R" in effects else "Pending" if "P" in effects
            else "Accepted")
