"""What was compared, and what of it was not as expected."""

import threading


class Report:
    """Counts; any thread may."""

    def __init__(self):
        self.passed, self.faults, self.lock = 0, [], threading.Lock()

    def that(self, true, what, said=""):
        with self.lock:
            if true:
                self.passed += 1
            else:
                self.faults.append(f"{what}: {said}")

    def equal(self, found, wanted, what):
        self.that(found == wanted, what, f"is {found!r}, not {wanted!r}")
