"""Money back: of which event it is, and how much may be taken (check 44)."""
from account import ZERO
from messages import NOTHING, message


def takes(e):
    """Kinds of the account's sum that the event takes, in the order in which it takes them."""
    if e.type == "Correction":
        return ("purchase", "withdrawal", "fee")
    return ("purchase",) if e.type == "Purchase" else ("withdrawal",)


def may_take(e, o):
    if o.event.currency != e.currency:
        return False
    if e.type == "Correction":
        return True
    return o.event.type == ("Purchase" if e.type == "Purchase" else "Withdrawal")


def originals(account, now, s):
    """Newest first, by time, then by when they were decided."""
    known = [o for o in account.entries
             if not o.event.takes_back and o.event.type != "Info" and (o.pending or now - o.anchor <= s.originals)]
    return sorted(reversed(known), key=lambda o: -o.time)


class Finding:
    """The original, if any, and the messages."""

    def __init__(self, original, messages):
        self.original, self.messages = original, messages


def refuse(original, s):
    return Finding(original, [message(44, s.original.outcome, "pos.correction", NOTHING, "totalAmount")])


def judge(account, e, now, s):
    if not s.original.on or not e.takes_back or not e.amount:
        return Finding(None, [])
    if account is None:
        return refuse(None, s)
    known = originals(account, now, s)
    of_number = [o for o in known if o.event.number == (e.corrects or e.number)] if e.corrects or e.number else []
    fitting = [o for o in of_number if e.corrects and may_take(e, o)]
    by_number = next(iter(fitting + of_number), None)
    if by_number or e.corrects:
        return named(account, e, by_number, s)
    enough = [o for o in known if e.terminal and o.event.terminal == e.terminal and may_take(e, o) and o.left >= e.amount]
    found = next((o for o in enough if e.amount in (o.amount, o.left)), enough[0] if enough else None)
    if found:
        return named(account, e, found, s)
    if e.amount > whole(account, e):
        return refuse(None, s)
    return Finding(None, [message(44, s.unlinked, "pos.correction.unlinked", NOTHING, "correctsTransactionId")])


def named(account, e, o, s):
    if o is None or not may_take(e, o) or e.amount > o.left:
        return refuse(o, s)
    if not o.pending and e.amount > whole(account, e):
        return refuse(o, s)
    return Finding(o, [])


def whole(account, e):
    if account.currency != e.currency:
        return ZERO
    return sum(account.correctable[kind] for kind in takes(e))


def reserve(account, entry, original):
    """Take it of the original and of the account's sum. Of a Pending original nothing is in the sum yet."""
    e, split = entry.event, {}
    if original is not None:
        original.left -= e.amount
    if original is None or not original.pending:
        split = account.take(e.amount, order(e, original))
    entry.reserved = [original, split]


def order(e, original):
    kinds = takes(e)
    return kinds if original is None else (original.kind,) + tuple(k for k in kinds if k != original.kind)


def release(account, entry):
    original, split = entry.reserved
    if original is not None and original.outcome != "Rejected":
        original.left += entry.amount
    account.give_back(split)
    entry.reserved = None


def original_booked(account, original):
    """A Pending original was booked: what waiting corrections reserved of it now counts in the account's sum."""
    account.correctable[original.kind] += original.counted
    for entry in account.entries:
        if entry.pending and entry.reserved and entry.reserved[0] is original:
            entry.reserved[1] = account.take(entry.amount, order(entry.event, original))


def book(account, entry):
    """Take back what was reserved. Says what was booked, and the original whose hold came to its end by it."""
    original, split = entry.reserved
    entry.reserved = None
    if original is not None and original.pending:
        original.counted -= entry.amount
        return ZERO, original if not original.counted else None
    of_fees = entry.amount if original is not None and original.kind == "fee" else (
        split.get("fee", ZERO) if original is None else ZERO)
    account.book(-entry.amount, -min(of_fees, account.fees))
    return -entry.amount, None
