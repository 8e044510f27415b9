"""Sense, standing, limit, identity, chips and velocity (checks 13-18, 23-36, 39-42)."""
import moments
import profiles
from account import ZERO
from messages import CONFIRM, IDENTIFY, NOTHING, SECURE, SSN, message, note

CAP_REACH = 25 * moments.HOUR
OBSOLETE = {"SE": "SV", "DK": "DA"}
OWN_FLAGS = {"stopped", "dunning", "chargeback"}


def sense(e, account, s):
    found = []
    usual = s.category_usual.get(e.type)
    if s.category.on and e.category is not None and usual is not None and e.category not in usual:
        found.append(message(13, s.category.outcome, "pos.category.odd", NOTHING, "categoryType"))
    if s.currency_country.on and s.currency_usual.get(e.country, e.currency) != e.currency:
        if e.currency in s.currency_tolerated.get(e.country, ()):
            found.append(note(14, "pos.currency.country", NOTHING, "currency"))
        else:
            found.append(message(14, s.currency_country.outcome, "pos.currency.country", SECURE, "currency"))
    if s.currency_account.on and account is not None and account.currency not in (None, e.currency):
        found.append(message(15, s.currency_account.outcome, "pos.currency.account", SECURE, "currency"))
    if s.language.on:
        spoken = OBSOLETE.get(e.language, e.language)
        if e.country in s.language_usual and spoken not in s.language_usual[e.country]:
            found.append(message(16, s.language.outcome, "pos.language.odd", NOTHING, "conversationLanguage"))
        if e.language in OBSOLETE:
            found.append(message(16, s.language.outcome, "pos.language.obsolete", NOTHING, "conversationLanguage"))
    return found


def late(e, now, s):
    age = now - e.time
    if e.bookkeeping:
        old = age > s.originals
    else:
        old = s.late.on and age > s.older_than or age > s.remember
    return [message(18, s.late.outcome, "pos.time.late", CONFIRM, "time")] if old else []


def standing(account, s, blocking_only=False):
    """24-28, and 30."""
    found = []
    for check, on, code, holds in (
            (24, s.stopped, "pos.account.stopped", "stopped" in account.flags),
            (25, s.dunning, "pos.account.dunning", "dunning" in account.flags),
            (26, s.closed, "pos.account.closed", account.closed),
            (27, s.default, "pos.account.default", account.default)):
        if on.on and holds:
            found.append(message(check, on.outcome, code, SECURE, "accountNumber"))
    for name in sorted(account.flags - OWN_FLAGS) if s.flag.on else ():
        does = s.flag_names.get(name, s.flag_unlisted)
        if does == "block":
            found.append(message(28, "reject", "pos.account.flag", SECURE, "accountNumber"))
        elif does == "review" and not blocking_only:
            found.append(message(28, "pending", "pos.account.flag", IDENTIFY, "accountNumber"))
        elif does == "note" and not blocking_only:
            found.append(note(28, "pos.account.flag", NOTHING, "accountNumber"))
    if s.chargeback.on and "chargeback" in account.flags:
        found.append(message(30, s.chargeback.outcome, "200.912", SECURE, "accountNumber"))
    return found


def limit(account, currency, amount, s, own_hold=ZERO):
    if s.limit.on and amount and account.used() + account.held() - own_hold + amount > account.limit_of(currency, s):
        return [message(29, s.limit.outcome, "200.903", SECURE, "totalAmount")]
    return []


def first_purchase(account, e, s):
    cap = s.first_cap.get(e.currency)
    if s.first.on and e.type in ("Purchase", "Correction") and not account.bought and cap is not None and e.amount > cap:
        return [message(31, s.first.outcome, "pos.first.amount", IDENTIFY, "totalAmount")]
    return []


def holds(account, found, s):
    """32: only for an event that would itself be Pending."""
    pending = any(m.effect == "P" for m in found) and not any(m.effect == "R" for m in found)
    if s.holds.on and pending and len(account.holds()) >= s.holds_max:
        return [message(32, s.holds.outcome, "pos.holds", SECURE, "accountNumber")]
    return []


def ssn(account, e, s):
    above = s.ssn_above.get(e.currency)
    if s.ssn.on and e.country in s.ssn_countries and not account.ssn_known and above is not None and e.amount > above:
        return [message(33, s.ssn.outcome, "pos.identity.ssn", SSN, "totalAmount")]
    return []


def chips(account, e, s, facts):
    """34-38 and 46; account is None where it is unknown."""
    return [] if e.bookkeeping else own_chips(account, e, s) + facts.judge()


def own_chips(account, e, s):
    """34-36 by what the account knows."""
    if e.chip is None:
        missing = s.chip_missing.on and e.type in ("Purchase", "Withdrawal") and e.terminal is not None
        return [message(34, s.chip_missing.outcome, "pos.nfc.missing", IDENTIFY, "nfcId")] if missing else []
    found = []
    if s.chip_unknown.on and account is not None and account.chips and e.chip not in account.chips:
        found.append(message(35, s.chip_unknown.outcome, "pos.nfc.unknown", IDENTIFY, "nfcId"))
    return found + blocked_chip(account, e, s)


def blocked_chip(account, e, s):
    """36, for a grant too."""
    if s.chip_blocked.on and account is not None and e.chip is not None and e.chip in account.blocked_chips:
        return [message(36, s.chip_blocked.outcome, "pos.nfc.blocked", SECURE, "nfcId")]
    return []


def judged_by_sca(e, amount, s):
    return s.sca.on and e.charges and amount > 0 and (e.currency in s.sca_single or e.currency in s.sca_sum)


def sca(account, e, s):
    """40."""
    found, amount = [], e.amount
    if not judged_by_sca(e, amount, s):
        return found
    before, _ = account.counters.get((e.chip, e.currency), (ZERO, 0))
    times = sum(number for (chip, _), (_, number) in account.counters.items() if chip == e.chip)
    single, most = s.sca_single.get(e.currency), s.sca_sum.get(e.currency)
    if single is not None and amount > single:
        found.append("totalAmount")
    if s.sca_counter in ("sum", "both") and most is not None and before + amount > most:
        found.append("totalAmount")
    if s.sca_counter in ("number", "both") and times + 1 > s.sca_number:
        found.append("nfcId")
    return [message(40, s.sca.outcome, "pos.sca", IDENTIFY if s.sca.outcome != "note" else NOTHING, field) for field in found]


def count(account, e, amount, s):
    """A charge that was let through without identification."""
    if judged_by_sca(e, amount, s):
        total, number = account.counters.get((e.chip, e.currency), (ZERO, 0))
        account.counters[e.chip, e.currency] = total + amount, number + 1


def identified(account, e, s):
    if s.sca.on:
        account.counters = {key: counter for key, counter in account.counters.items() if key[0] != e.chip}


def travel(account, e, now, s, facts):
    """39: from one terminal to another on one chip in less time than that takes."""
    if not s.travel.on or e.bookkeeping or e.chip is None or e.terminal is None:
        return []
    uses = [a for a in (account.attempts if account is not None else ())
            if a.counts("accepted") and a.event.chip == e.chip and a.event.terminal not in (None, e.terminal)
            and abs(a.time - e.time) < s.travel_within and a.time >= now - s.older_than - s.travel_within]
    if any(profiles.unreachable(facts, use, s) for use in uses + facts.elsewhere()[:1]):
        return [profiles.said(39, s.travel.outcome, "pos.travel", IDENTIFY, "posId")]
    return []


class Attempt:
    """A charge as the windows remember it; entry is its entry where it was accepted or pending at first."""

    def __init__(self, e, entry):
        self.event, self.time, self.entry = e, e.time, entry

    def amount(self, of):
        return self.event.amount if of == "attempts" else self.entry.counted

    def counts(self, of):
        return of == "attempts" or self.entry is not None and self.entry.outcome in ("Accepted", "Pending")


def velocity(account, e, now, s):
    found = []
    for w in s.windows:
        place = {"account": "", "chip": e.chip, "terminal": e.terminal}[w.scope]
        if place is None or not w.takes(e):
            continue
        near = [a for a in account.attempts
                if e.time - w.span < a.time < e.time + w.span and a.time >= now - s.older_than - w.span and a.counts(w.of)
                and w.takes(a.event) and (w.scope == "account" or place == getattr(a.event, w.scope))]
        if exceeds(e, near, w):
            found.append(message(41, w.outcome, "pos.velocity", SECURE if w.outcome == "reject" else IDENTIFY))
    return found


def exceeds(e, near, w):
    """Does any window of the span that contains the event hold too much? It is open at its old end."""
    most = w.sums.get(e.currency)
    for end in {e.time} | {a.time for a in near if a.time > e.time}:
        inside = [a for a in near if end - w.span < a.time <= end]
        counted = [e] + [a.event for a in inside]
        if w.distinct != "none":
            counted = {getattr(one, w.distinct) for one in counted} - {None}
        if w.count and len(counted) > w.count:
            return True
        if most is not None and e.amount + sum(a.amount(w.of) for a in inside if a.event.currency == e.currency) > most:
            return True
    return False


def withdrawals(account, e, now, s):
    if not s.cap.on or e.type != "Withdrawal":
        return []
    found = []
    each, day = s.cap_each.get(e.currency), s.cap_day.get(e.currency)
    if each is not None and e.amount > each:
        found.append(message(42, s.cap.outcome, "pos.withdrawal.cap", SECURE, "totalAmount"))
    if day is not None:
        today = moments.local_day(e.time, e.country)
        taken = sum((a.entry.counted for a in account.attempts
                     if a.event.type == "Withdrawal" and a.event.currency == e.currency and a.counts("accepted")
                     and a.time >= now - s.older_than - CAP_REACH and moments.local_day(a.time, e.country) == today), ZERO)
        if taken + e.amount > day:
            found.append(message(42, s.cap.outcome, "pos.withdrawal.cap", SECURE, "totalAmount"))
    return found
