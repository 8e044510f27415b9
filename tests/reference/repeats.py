"""The same event again (checks 19-21)."""
import moments
from messages import CONFIRM, NOTHING, Message, message, note

KEPT_OF_REFUSED = 8


class Refused:
    def __init__(self, e, txn, anchor, key, messages):
        self.txn, self.key, self.anchor, self.time = txn, key, anchor, e.time
        self.content, self.outcome, self.corrects = e.content, "Rejected", None
        self.messages = messages[:KEPT_OF_REFUSED]


def key_of(e, s):
    """What a number counts for. Money back is remembered apart from sales, by its event type."""
    if e.number is None:
        return None
    place = (e.terminal, moments.local_day(e.time, e.country)) if s.terminal_day else ()
    return (e.number, e.type if e.takes_back else None) + place


def remembered(entry, now, s):
    if entry.event.bookkeeping:
        return entry.event.number is not None and now - entry.anchor <= s.originals
    return entry.pending or now - entry.anchor <= s.remember


def first(account, e, now, s):
    """The first event under the same number, where there is one."""
    key = key_of(e, s)
    if key is None:
        return None
    for entry in account.entries:
        if entry.key == key and remembered(entry, now, s):
            return entry
    for entry in account.refused:
        if entry.key == key and now - entry.anchor <= s.remember:
            return entry
    return None


def same(e, known, s):
    return e.content == known.content and abs(e.time - known.time) <= s.retry_within


def answer(known):
    """The messages of the outcome that stands, and that this is a repeat of it."""
    action = next((m.action for m in known.messages if m.effect in "RP"), NOTHING)
    return list(known.messages) + [note(19, "pos.idempotency.repeat", action, "accountTransactionId")]


def conflict(s):
    return message(20, s.conflict.outcome, "400.100", NOTHING, "accountTransactionId")


def near_duplicate(account, e, now, s):
    if not s.near.on or e.bookkeeping or e.terminal is None:
        return None
    for entry in account.entries:
        o = entry.event
        if (entry.outcome in ("Accepted", "Pending") and remembered(entry, now, s)
                and abs(o.time - e.time) <= s.near_within and o.terminal == e.terminal and o.chip == e.chip
                and o.currency == e.currency and o.total == e.total and o.lines == e.lines and o.type == e.type
                and o.takes_back == e.takes_back and (o.number is None or e.number is None or o.number != e.number)):
            return message(21, s.near.outcome, "pos.duplicate", CONFIRM, "items")
    return None
