"""Files have no record times: how their lines are merged, and which of them may move stream time (Time)."""


class Lines:
    """Lines of one file: time (None where it cannot be read) and whose it is; None is nobody's."""

    def __init__(self, times, owners, s):
        self.times, self.owners = times, owners
        self.ahead, self.lines = s.ahead, s.ahead_lines
        self.next = 0

    def __len__(self):
        return len(self.times)

    def done(self):
        return self.next >= len(self.times)

    def far(self, now):
        at = self.times[self.next]
        return at is not None and at > now + self.ahead

    def following(self):
        last = self.next + 1 + self.lines
        return [(t, o) for t, o in zip(self.times[self.next + 1:last], self.owners[self.next + 1:last]) if t is not None]

    def moves(self, now):
        """May the next line move stream time to its own?"""
        if not self.far(now):
            return True
        at, owner = self.times[self.next], self.owners[self.next]
        return any(t >= at - self.ahead and (o is None or o != owner) for t, o in self.following())

    def turn(self, now):
        """The time at which the next line is merged: stream time, where the next ones deny it and none confirms it."""
        at = self.times[self.next]
        if at is None or not self.moves(now) and any(t < at - self.ahead for t, _ in self.following()):
            return now
        return at


def start(events, accounts, s):
    for lines in events, accounts:
        known = [t for t in lines.times[:s.ahead_lines + 1] if t is not None]
        if known:
            return min(known)
    return 0


def merged(events, accounts, clock):
    """Yields the file whose line is next; account events first where the times are equal."""
    while not (events.done() and accounts.done()):
        if accounts.done() or not events.done() and events.turn(clock.now) < accounts.turn(clock.now):
            yield events
        else:
            yield accounts
