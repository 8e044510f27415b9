#!/usr/bin/env python3
"""Clients that want every event booked once, while workers, gateways and the broker are killed and stopped under them.

    chaos.py BINARY [--seconds 60] [--clients 200] [--seed 1]

Clients send POS events, account events and interactions through two gateways to two `tillgate run`, with and without ids and
keys, ask whether persons may be called, and send again on a time-out, 503, 504 or a connection that broke, as the document
says. At the end it is held against the topics, as their readers see them, and against what is known of persons, that whatever was
answered is committed, and that nothing with an id or a key counts twice. Faults as well: a request that has no answer in time,
an answer that the document does not have, a connection that broke while its gateway lived, a process that ended by itself, a
person who may be called though seven calls were answered before.

Prints figures, and exits 1 where there is a fault.
"""

import argparse
import http.client
import json
import random
import signal
import sys
import threading
import time
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

from contacts import CALLS, CONTACTS_OF_ALL, LOANS, NEW_YORK, known
from stack import Stack, status_of
from talk import JSON, call, event_path, limit, person_path, purchase, question, records, text

ANSWER_WITHIN = 4
# answer_within, and what a gateway may take on top of it; a busy machine.
REQUEST_WITHIN = ANSWER_WITHIN + 5 + 6
# How far a gateway may be behind another, while it is there and so is the broker; the broker stands still for 7 s at most.
BEHIND = 12
LOOK_UPS = 500
PAUSE = 0.25
GIVE_UP_AFTER = 90
KINDS = {"id": 45, "no id": 15, "key": 25, "no key": 5, "look": 10, "told": 20, "may": 5}
# A person may not be called after so many calls.
CALLS_MAX = 7
# Persons that are looked up at the end: each takes a process of its own.
PERSONS_LOOKED_UP = 8
SETTINGS = [
    "checks.velocity.windows.enabled=false",
    "checks.repeat.near_duplicate.enabled=false",
    "checks.limit.first_amount.enabled=false",
    "kafka.workers=1",
]


class Gateway:
    """A gateway, and when it was killed."""

    def __init__(self, process):
        self.process, self.port, self.killed = process, process.port, []

    def kill(self):
        self.killed.append([time.monotonic(), None])
        self.process.kill()

    def start(self):
        self.process.start()

    def look(self):
        """Notes when it is back."""
        if self.killed and self.killed[-1][1] is None:
            try:
                if status_of(self.process.admin, "/readyz") == 200:
                    self.killed[-1][1] = time.monotonic()
            except OSError:
                pass

    def was_down(self, since):
        """Whether it was killed after that, or was not back yet."""
        return any(back is None or back >= since for _, back in self.killed)


class Client:
    """One client, in a thread of its own."""

    def __init__(self, run, number):
        self.run, self.random = run, random.Random(f"{run.seed} {number}")
        self.number, self.count = number, 0
        self.connections = {}
        self.gateways = run.gateways

    def ask(self, method, path, body, headers):
        """Status and body of an answer, or None where the connection broke with its gateway."""
        gateway = self.asked = self.random.choice(self.gateways)
        began = time.monotonic()
        connection, made = self.connections.pop(gateway.port, (None, began))
        if connection is None:
            connection = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=REQUEST_WITHIN)
        try:
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            answer = (response.status, response.read())
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            self.run.note("broke", time.monotonic() - began)
            time.sleep(0.05)
            if isinstance(error, TimeoutError):
                self.run.fault(f"no answer within {REQUEST_WITHIN} s: {method} {path}")
            elif not gateway.was_down(made):
                self.run.fault(f"connection to {gateway.process.name} broke while it lived: {error!r}")
            return None
        self.connections[gateway.port] = (connection, made)
        self.run.note(answer[0], time.monotonic() - began)
        return answer

    def until_answered(self, operation, method, path, body, headers=()):
        """The final answer, however often it takes; None where it is given up."""
        since = time.monotonic()
        while time.monotonic() - since < GIVE_UP_AFTER:
            answer = self.ask(method, path, body, {**JSON, **dict(headers)})
            if answer:
                self.run.is_documented(operation, answer)
                if answer[0] not in (503, 504):
                    return answer
            time.sleep(self.random.uniform(0.05, 0.5))
        self.run.fault(f"no final answer within {GIVE_UP_AFTER} s: {operation}")
        return None

    def live(self):
        while time.monotonic() < self.run.until:
            kind = self.random.choices(list(KINDS), KINDS.values())[0]
            account = f"chaos-{self.random.randrange(self.run.accounts)}"
            # Of an account no two amounts are the same, so that each says what it is of.
            self.count += 1
            amount = self.number * 10_000 + self.count
            getattr(self, kind.replace(" ", "_"))(account, amount)
            self.run.sent[kind] += 1
            time.sleep(self.random.expovariate(1 / PAUSE))

    def id(self, account, amount, given=True):
        price = f"{amount // 100}.{amount % 100:02}"
        event = purchase(
            price, accountTransactionId=f"{self.number}-{self.count}" if given else ..., posId=f"POS-{self.number}"
        )
        # The very bytes, each time.
        answer = self.until_answered("addEvent", "POST", event_path(account), text(event).encode())
        if answer:
            body = json.loads(answer[1])
            if answer[0] != 200 or body["outcome"] != "Accepted":
                self.run.fault(f"{account} {price}: {answer}")
            else:
                self.run.booked.append((account, amount, body["transactionId"], given))
                self.run.answered[body["transactionId"]] = time.monotonic()

    def no_id(self, account, amount):
        self.id(account, amount, given=False)

    def key(self, account, amount, given=True):
        event = {"account": account, "eventType": "payment", "payment": {"amount": amount, "status": "success"}}
        headers = {"Idempotency-Key": f"{self.number}-{self.count}"} if given else {}
        answer = self.until_answered("createAccountEvent", "POST", "/v1/account_events", text(event).encode(), headers)
        if answer and answer[0] != 200:
            self.run.fault(f"{account} {amount}: {answer}")
        elif answer:
            body = json.loads(answer[1])
            self.run.applied.append((account, amount, body["id"], given))

    def no_key(self, account, amount):
        self.key(account, amount, given=False)

    def told(self, _account, amount):
        """A call that took place, about a debt of one of the persons."""
        person = self.run.person(self.random)
        body = text(call(person, agentId=str(amount))).encode()
        key = f"{self.number}-{self.count}"
        answer = self.until_answered("createInteraction", "POST", "/v1/interactions", body, {"Idempotency-Key": key})
        if answer and answer[0] != 201:
            self.run.fault(f"{person} {key}: {answer}")
        elif answer:
            self.run.has_told(person, key, json.loads(answer[1])["eventId"])

    def may(self, _account, _amount):
        """What was answered is known to whoever asks next, of whichever gateway."""
        person = self.run.person(self.random)
        is_called = self.run.calls[person] >= CALLS_MAX
        answer = self.until_answered("canInteract", "POST", person_path(person), text(question()).encode())
        if not answer:
            return
        data = json.loads(answer[1]).get("data", {})
        codes = [reason["code"] for reason in data.get("reasons", [])]
        # Meanwhile there may be more calls.
        if answer[0] != 200 or codes != [CALLS] and (codes or is_called):
            self.run.fault(f"{person}, {'called' if is_called else 'not called'} before: {answer}")
        else:
            self.run.asked.append((person, data["requestId"]))

    def look(self, _account, _amount):
        """An event that was answered is found, by a gateway that has read as far."""
        if not self.run.booked:
            return
        account, _, transaction, _ = self.random.choice(self.run.booked[-500:])
        asked = time.monotonic()
        answer = self.ask("GET", f"{event_path(account)}/{transaction}", None, {})
        if answer:
            self.run.is_documented("latestOutcome", answer)
            # Another gateway than that which answered may be behind it for a moment.
            if answer[0] == 404 and asked - self.run.answered[transaction] > BEHIND:
                before = asked - self.run.answered[transaction]
                self.run.fault(f"GET {transaction} of {self.asked.process.name}, answered {before:.1f} s before: {answer}")
            if answer[0] == 200 and json.loads(answer[1])["outcome"] != "Accepted":
                self.run.fault(f"GET {transaction}: {answer}")


class Run:
    """What all clients share."""

    def __init__(self, stack, seed, seconds):
        self.stack, self.seed = stack, seed
        self.lock = threading.Lock()
        self.sent, self.statuses, self.took, self.done = Counter(), Counter(), [], Counter()
        self.booked, self.applied, self.faults, self.answered = [], [], [], {}
        self.interactions, self.asked, self.calls = [], [], Counter()
        self.gateways, self.workers = [], []
        self.seconds = seconds
        # An account remembers some hundred events: beyond, nothing with an id is judged.
        self.accounts = max(40, seconds)
        # So does a person.
        self.persons = max(15, seconds // 3)
        self.until = 0
        self.document = {}

    def note(self, status, took):
        with self.lock:
            self.statuses[status] += 1
            if status == 200:
                self.took.append(took)

    def fault(self, what):
        with self.lock:
            self.faults.append(f"{self.seconds - (self.until - time.monotonic()):.1f} s: {what}" if self.until else what)

    def is_documented(self, operation, answer):
        status = answer[0]
        if status not in self.document[operation] or status == 500:
            self.fault(f"{operation} is answered {answer}")

    def person(self, chance):
        return f"ext-chaos-{chance.randrange(self.persons)}"

    def has_told(self, person, key, event):
        with self.lock:
            self.interactions.append((person, key, event))
            self.calls[person] += 1

    def introduce(self):
        """Writes the records of all persons."""
        path = self.stack.folder / "persons.jsonl"
        lines = [
            json.dumps({"partyId": f"ext-chaos-{number}", "contacts": CONTACTS_OF_ALL, "loans": LOANS, **NEW_YORK})
            for number in range(self.persons)
        ]
        path.write_text("\n".join(lines))
        written = self.stack.tillgate("parties", "import", path)
        if written.returncode:
            raise RuntimeError(written.stderr)

    def begin(self):
        self.workers = [self.stack.worker(*SETTINGS) for _ in range(2)]
        given = [f"gateway.answer_within={ANSWER_WITHIN}s"]
        self.gateways = [Gateway(self.stack.gateway(*given)) for _ in range(2)]
        self.stack.await_ready()
        self.introduce()
        client = Client(self, "begin")
        document = json.loads(client.ask("GET", "/openapi.json", None, {})[1])
        self.document = {
            operation["operationId"]: {int(status) for status in operation["responses"]}
            for path in document["paths"].values()
            for operation in path.values()
        }
        for number in range(self.accounts):
            body = text(limit(f"chaos-{number}", 99_999_999_999_999)).encode()
            client.until_answered("createAccountEvent", "POST", "/v1/account_events", body)
        self.statuses.clear()
        self.took.clear()

    def go(self, clients):
        self.until = time.monotonic() + self.seconds
        threads = [threading.Thread(target=Client(self, number + 1).live, daemon=True) for number in range(clients)]
        over = threading.Event()
        looking = threading.Thread(target=self.look, args=(over,))
        for thread in [*threads, looking]:
            thread.start()
        self.harm()
        for thread in threads:
            thread.join()
        over.set()
        looking.join()

    def look(self, over):
        """Who ends without being killed is started again, as a supervisor would, and is a fault."""
        while not over.wait(0.1):
            for process in [*self.workers, *(gateway.process for gateway in self.gateways)]:
                if process.has_ended():
                    self.fault(f"{process.name} ended by itself: {process.log.read_text().strip().splitlines()[-1]}")
                    process.start()
            for gateway in self.gateways:
                gateway.look()

    def harm(self):
        """One harm after the other, in an order that the seed chooses, until the time is over. Ends with all of it running."""
        chance = random.Random(self.seed)
        harms = []
        time.sleep(3)
        while (left := self.until - time.monotonic()) > 14:
            if not harms:
                harms = [
                    self.kill_worker,
                    self.kill_gateway,
                    self.stop_broker,
                    self.kill_broker,
                    self.kill_broker_and_gateway,
                    self.kill_both_workers,
                ]
                chance.shuffle(harms)
            harm = harms.pop()
            print(f"{self.seconds - left:6.1f} s  {harm.__name__}", flush=True)
            self.done[harm.__name__] += 1
            harm(chance)
            time.sleep(chance.uniform(2, 4))
            for gateway in self.gateways:
                until = time.monotonic() + 30
                while gateway.was_down(time.monotonic()) and time.monotonic() < until:
                    time.sleep(0.1)
        time.sleep(max(0, self.until - time.monotonic()))

    def kill_worker(self, chance):
        worker = chance.choice(self.workers)
        worker.kill()
        time.sleep(chance.uniform(0, 3))
        worker.start()

    def kill_both_workers(self, chance):
        for worker in self.workers:
            worker.kill()
        time.sleep(chance.uniform(0, 2))
        for worker in self.workers:
            worker.start()

    def kill_gateway(self, chance):
        gateway = chance.choice(self.gateways)
        gateway.kill()
        time.sleep(chance.uniform(0, 2))
        gateway.start()

    def kill_broker_and_gateway(self, chance):
        gateway = chance.choice(self.gateways)
        gateway.kill()
        self.stack.kafka.ask("kill 1")
        self.stack.kafka.ask("start 1")
        time.sleep(chance.uniform(0, 3))
        gateway.start()

    def stop_broker(self, chance):
        self.stack.kafka.signal(signal.SIGSTOP)
        time.sleep(chance.uniform(1, 7))
        self.stack.kafka.signal(signal.SIGCONT)

    def kill_broker(self, chance):
        self.stack.kafka.ask("kill 1")
        time.sleep(chance.uniform(0, 2))
        self.stack.kafka.ask("start 1")

    def look_up(self):
        """Each gateway, whenever it was started, knows what was booked, first and last."""
        booked = random.Random(self.seed).sample(self.booked, min(len(self.booked), LOOK_UPS))
        for gateway in self.gateways:
            client, missing = Client(self, "at the end"), 0
            # Of one gateway alone.
            client.gateways = [gateway]
            for account, _, transaction, _ in booked:
                path = f"{event_path(account)}/{transaction}"
                answer = client.until_answered("latestOutcome", "GET", path, None)
                missing += not answer or answer[0] != 200 or json.loads(answer[1])["outcome"] != "Accepted"
            if missing:
                self.fault(f"{gateway.process.name} does not know {missing} of {len(booked)} transactions")

    def judge(self):
        """Holds the answers against the topics."""
        posted, transactions = defaultdict(Decimal), set()
        times = Counter()
        for account, outcome in records(self.stack, "pos_outcomes"):
            transactions.add((account, outcome["transactionId"], outcome["outcome"]))
            if outcome.get("postedAmount") is not None:
                amount = Decimal(outcome["postedAmount"])
                posted[account] += amount
                times[account, int(amount * 100)] += 1
        lost = twice = 0
        wanted, unsure = defaultdict(Decimal), defaultdict(Decimal)
        answers = Counter((account, amount) for account, amount, _, _ in self.booked)
        for account, amount, transaction, given in self.booked:
            if (account, transaction, "Accepted") not in transactions or times[account, amount] == 0:
                lost += 1
                self.fault(f"lost: {account} {amount} {transaction}")
            if given and times[account, amount] > 1:
                twice += 1
                self.fault(f"booked {times[account, amount]} times: {account} {amount}")
            # Without an id each sending is an event of its own, those without an answer too.
            wanted[account] += Decimal(amount) / 100
            if not given:
                unsure[account] += Decimal(amount) * (times[account, amount] - answers[account, amount]) / 100
        for account in set(posted) | set(wanted):
            if posted[account] != wanted[account] + unsure[account]:
                said = f"answers say {wanted[account]} and {unsure[account]} without an id"
                self.fault(f"{account}: {posted[account]} was posted, {said}")
        results = Counter()
        for _, result in records(self.stack, "account_results"):
            results[result.get("id"), result["result"]] += 1
            if result["result"] in ("conflict", "refused"):
                self.fault(f"account.results: {result}")
        for account, amount, event, _ in self.applied:
            if results[event, "applied"] != 1:
                lost += results[event, "applied"] == 0
                twice += results[event, "applied"] > 1
                self.fault(f"applied {results[event, 'applied']} times: {account} {amount} {event}")
        known = {event for _, _, event, _ in self.applied}
        over = sum(number for (event, result), number in results.items() if result == "applied" and event not in known)
        return {
            "lost": lost,
            "twice": twice,
            "repeats on pos.outcomes": len(transactions) - sum(times.values()),
            "repeats on account.results": sum(n for (_, result), n in results.items() if result == "repeat"),
            "applied without an answer (no key)": over - self.accounts,
            **self.judge_contacts(),
        }

    def judge_contacts(self):
        """Holds what was answered of interactions and questions against the topics, and against what is known of persons."""
        senders = {
            interaction["eventId"]: (person, interaction["idempotencyKey"])
            for person, interaction in records(self.stack, "interactions")
        }
        applied, repeats = defaultdict(list), 0
        for person, result in records(self.stack, "interaction_results"):
            if result["result"] == "applied":
                applied[senders.get(result["id"], (person, None))].append(result["id"])
            elif result["result"] == "repeat":
                repeats += 1
            else:
                self.fault(f"interaction.results: {result}")
        lost = twice = 0
        for person, key, event in self.interactions:
            if event not in applied[person, key]:
                lost += 1
                self.fault(f"lost: {event} of {person}, key {key}")
        # Those that were never answered too.
        for (person, key), events in applied.items():
            if len(events) > 1:
                twice += 1
                self.fault(f"applied {len(events)} times: key {key} of {person}: {events}")
        for person, letter in records(self.stack, "contact_dead_letters"):
            self.fault(f"contact.dead-letters: {person} {letter}")
        decisions = Counter((person, decision["requestId"]) for person, decision in records(self.stack, "contact_decisions"))
        for asked in self.asked:
            if decisions[asked] != 1:
                self.fault(f"{decisions[asked]} decisions on {asked}")
        wanted = defaultdict(list)
        for (person, _), events in applied.items():
            wanted[person] += events
        looked_up = sorted(wanted)[:PERSONS_LOOKED_UP]
        with ThreadPoolExecutor(2) as pool:
            for person, found in zip(looked_up, pool.map(lambda person: known(self.stack, person), looked_up)):
                events = [interaction["eventId"] for interaction in (found or {}).get("interactions", [])]
                if sorted(events) != sorted(wanted[person]):
                    differ = set(events) ^ set(wanted[person])
                    self.fault(f"{len(events)} of {len(wanted[person])} interactions are known of {person}: {differ}")
        return {"interactions lost": lost, "interactions twice": twice, "repeats on interaction.results": repeats}


def chaos(binary, seconds, clients, seed):
    """Whether nothing was lost, counted twice, or answered as it should not be."""
    with Stack(binary) as stack:
        run = Run(stack, seed, seconds)
        run.begin()
        began = time.monotonic()
        run.go(clients)
        lasted = time.monotonic() - began
        run.look_up()
        figures = run.judge()
        stack.kept = bool(run.faults)
    took = sorted(run.took)
    print(f"{clients} clients, {lasted:.0f} s, seed {seed}; harms: {dict(run.done)}")
    print(f"sent until answered: {dict(run.sent)}; requests by answer: {dict(sorted(run.statuses.items(), key=str))}")
    shares = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "max": 1}
    within = [f"{name} {took[min(len(took) - 1, int(len(took) * share))] * 1000:.0f}" for name, share in shares.items() if took]
    print("answered 200 within, ms: " + ", ".join(within))
    print(", ".join(f"{name} {number}" for name, number in figures.items()))
    print(f"{len(run.faults)} faults")
    for fault in run.faults[:20]:
        print(f"  {fault[:400]}")
    return not run.faults


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("binary")
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--clients", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    sys.exit(not chaos(given.binary, given.seconds, given.clients, given.seed))
