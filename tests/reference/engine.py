"""Decides events and account events one after another."""
from decimal import Decimal

import basket
import corrections
import profiles
import repeats
import standing
from account import ZERO, Account, Entry
from account_event import Dead, plan, remember, repeated
from event import form, undecodable
from messages import IDENTIFY, Message, note, outcome_of, reported

NOTHING = "Unavailable"
# Holds that one input may end.
AT_ONCE = 64


class Outcome:
    def __init__(self, line, txn, e, outcome, messages):
        self.line, self.txn, self.event, self.outcome, self.messages = line, txn, e, outcome, messages
        self.posted = self.balance = self.available = None
        self.supersedes = self.corrects = self.repeats = None
        # What of shared profiles the decision may have known.
        self.facts = None


class Engine:
    def __init__(self, s, emit, shared):
        self.s, self.emit, self.profiles = s, emit, shared
        self.now, self.accounts, self.open, self.second = 0, {}, [], 0

    # Time

    def advance(self, to):
        if to > self.now:
            self.now = to
        ended = [(a, h) for a, h in self.open if h.deadline <= self.now]
        for account, entry in sorted(ended, key=lambda pair: pair[1].deadline)[:AT_ONCE]:
            self.end(account, entry, [note(100, "pos.pending.expired")])

    # POS events

    def event(self, line, e, may_move):
        if e.fault:
            self.emit(Outcome(line, self.txn(line), e, "NotEvaluated", [undecodable()]))
            return
        found = form(e, self.s)
        if found:
            self.emit(Outcome(line, self.txn(line), e, "NotEvaluated", reported(found)))
            return
        e.settle(self.s)
        if e.key not in self.accounts and self.s.open and len(self.accounts) >= self.s.open_max:
            unavailable = Message(22, "N", "TechnicalError", "pos.state.unavailable", NOTHING, "accountNumber")
            self.emit(Outcome(line, self.txn(line), e, "NotEvaluated", [unavailable]))
            return
        self.advance(e.time if may_move else self.now)
        account = self.accounts.get(e.key)
        if account is None and self.s.open:
            account = self.accounts[e.key] = Account(e.key)
            account.opens_itself = True
        self.decide(line, e, account)

    def txn(self, line):
        return f"txn_{line:012}"

    def decide(self, line, e, account):
        s, txn = self.s, self.txn(line)
        known = repeats.first(account, e, self.now, s) if account is not None else None
        if known and s.same.on and repeats.same(e, known, s):
            o = Outcome(line, txn, e, known.outcome, reported(repeats.answer(known)))
            o.repeats, o.corrects = known.txn, known.corrects
            if isinstance(known, Entry):
                known.repeats.add(txn)
            self.balances(o, account)
            self.emit(o)
            return
        facts = self.profiles.facts(e, e.key, s)
        found, original = self.checks(e, account, known, facts)
        outcome, messages = outcome_of(found), reported(found)
        o = Outcome(line, txn, e, outcome, messages)
        o.facts = facts.told() if self.profiles.on else {}
        o.corrects = original.txn if original else None
        ended = self.apply(o, account, known, original) if account is not None else None
        self.balances(o, account)
        self.emit(o)
        if ended is not None:
            self.end(account, ended, [note(100, "pos.pending.corrected")])

    def checks(self, e, account, known, facts):
        s, now = self.s, self.now
        found = basket.judge(e, s) + standing.sense(e, account, s) + standing.late(e, now, s)
        if known and s.conflict.on:
            found.append(repeats.conflict(s))
        if account is None:
            found += standing.chips(None, e, s, facts) + standing.travel(None, e, now, s, facts)
            found.append(Message(23, "R", "BusinessError", "pos.account.unknown", NOTHING, "accountNumber"))
            return found + corrections.judge(None, e, now, s).messages, None
        duplicate = repeats.near_duplicate(account, e, now, s)
        if duplicate:
            found.append(duplicate)
        if e.charges:
            found += standing.standing(account, s) + standing.limit(account, e.currency, e.amount, s)
            found += standing.first_purchase(account, e, s) + standing.ssn(account, e, s)
            found += standing.sca(account, e, s)
            found += standing.velocity(account, e, now, s) + standing.withdrawals(account, e, now, s)
            found += facts.fanout()
        found += standing.chips(account, e, s, facts) + standing.travel(account, e, now, s, facts)
        finding = corrections.judge(account, e, now, s)
        found += finding.messages
        if not e.bookkeeping:
            found += standing.holds(account, found, s)
        return found, finding.original

    def apply(self, o, account, known, original):
        """What the outcome changes. Says which Pending event has nothing left by it."""
        e, s = o.event, self.s
        entry = None
        if o.outcome in ("Accepted", "Pending"):
            entry = Entry(e, o.txn, self.now, repeats.key_of(e, s), o.outcome, o.messages, o.corrects)
            entry.line = o.line
            entry.asks = s.sca.on and any(m.action == IDENTIFY for m in o.messages)
            account.entries.append(entry)
            if e.takes_back:
                corrections.reserve(account, entry, original)
            if e.amount:
                account.currency = account.currency or e.currency
        elif not known and e.number is not None:
            anchor = max(e.time, self.now)
            account.refused.append(repeats.Refused(e, o.txn, anchor, repeats.key_of(e, s), o.messages))
            account.refused = account.refused[-s.refused_max:] if s.refused_max else []
        if e.charges:
            account.attempts.append(standing.Attempt(e, entry))
            self.profiles.used(e, account.name, entry, self.now)
        if o.outcome == "Pending":
            entry.deadline = self.now + s.hold_time
            self.open.append((account, entry))
        elif o.outcome == "Accepted":
            standing.count(account, e, e.amount, s)
            o.posted, ended = self.book(account, entry)
            return ended
        return None

    def book(self, account, entry):
        e = entry.event
        if e.takes_back:
            return corrections.book(account, entry)
        account.book(entry.counted, entry.counted if entry.kind == "fee" else ZERO)
        if e.type != "Info":
            corrections.original_booked(account, entry)
        if e.charges and e.type != "Withdrawal" and entry.counted:
            account.bought = True
        return entry.counted, None

    # Second outcomes

    def end(self, account, entry, messages):
        """A Pending event comes to nothing."""
        self.close(account, entry, "Rejected", messages)
        if entry.reserved:
            corrections.release(account, entry)
        entry.left = ZERO
        account.free_currency()
        self.supersede(account, entry, None)

    def close(self, account, entry, outcome, messages):
        entry.outcome, entry.messages = outcome, messages
        self.open = [(a, h) for a, h in self.open if h is not entry]

    def supersede(self, account, entry, posted):
        self.second += 1
        o = Outcome(entry.line, f"txn_second_{self.second:06}", entry.event, entry.outcome, entry.messages)
        o.posted, o.supersedes, o.corrects = posted, entry.txn, entry.corrects
        self.balances(o, account)
        self.emit(o)

    def resolve(self, account, entry, granted):
        if not granted:
            self.end(account, entry, [note(100, "pos.pending.refused")])
            return
        if entry.asks:
            standing.identified(account, entry.event, self.s)
        reasons = self.judge_again(account, entry) if self.s.rejudge else self.closed(account, entry)
        if any(m.effect in "RP" for m in reasons):
            self.end(account, entry, reported(reasons))
            return
        self.close(account, entry, "Accepted", [note(100, "pos.pending.granted")])
        self.profiles.granted(entry.event, self.now)
        if not entry.asks:
            standing.count(account, entry.event, entry.counted, self.s)
        posted, ended = self.book(account, entry)
        if posted and not account.currency:
            account.currency = entry.event.currency
        self.supersede(account, entry, posted)
        if ended is not None:
            self.end(account, ended, [note(100, "pos.pending.corrected")])

    def closed(self, account, entry):
        if not entry.event.charges or not account.closed:
            return []
        return [m for m in standing.standing(account, self.s, blocking_only=True) if m.code == "pos.account.closed"]

    def judge_again(self, account, entry):
        e, s = entry.event, self.s
        chip = standing.blocked_chip(account, e, s) if not e.bookkeeping else []
        if e.charges:
            return standing.standing(account, s, blocking_only=True) + standing.limit(
                account, e.currency, entry.counted, s, own_hold=entry.counted) + chip
        original = entry.reserved and entry.reserved[0]
        if original and original.outcome == "Rejected" and s.original.on:
            return chip + corrections.refuse(original, s).messages
        return chip

    def balances(self, o, account):
        if account is not None:
            o.balance = account.balance
            o.available = account.available(o.event.currency, self.s)
        if o.posted is not None and not o.posted:
            o.posted = None

    # Account events

    def account_event(self, ae, may_move):
        """Raises Dead with what does not apply; the rest is applied all the same."""
        if ae.fault:
            raise Dead(ae.fault)
        if not may_move:
            raise Dead("further ahead than time may move")
        at = self.now if ae.time is None else max(self.now, ae.time)
        account = self.accounts.get(ae.account) or Account(ae.account)
        if repeated(account, ae, at, self.s):
            return
        changes, faults = plan(account, ae, at, self.s)
        resolve = ae.payload.get("resolve") if ae.type == "update" else None
        entry = None
        if resolve is not None:
            entry = next((h for h in account.holds() if resolve["transactionId"] in h.repeats), None)
            if entry is None or entry.deadline <= at:
                faults.append("resolve names nothing that waits")
                entry = None
        if changes or entry is not None:
            self.accounts[ae.account] = account
            self.advance(at)
            chips = account.chips
            for change in changes:
                change()
            self.tell_profiles(account, ae, at, chips)
            if entry is not None:
                self.resolve(account, entry, resolve["granted"])
            remember(account, ae, at)
        if faults:
            raise Dead("; ".join(faults))

    def tell_profiles(self, account, ae, at, chips_before):
        """An account event that applied, as far as other accounts are to know of it."""
        if ae.type == "update" and ae.payload.get("nfcIds") is not None:
            self.profiles.registered(account.name, chips_before, account.chips, self.now)
        elif ae.type == "flag" and ae.payload["name"].strip() == "fraud":
            for entry in account.entries:
                if entry.txn == ae.payload.get("transactionId") and (entry.pending or at - entry.anchor <= self.s.originals):
                    self.profiles.confirmed(entry, ae.payload["set"], self.now)
