"""HTTP as a plain client speaks it, numbers as they are written, and records of topics."""

import http.client
import json
import threading
from datetime import datetime, timezone
from urllib.parse import quote

JSON = {"Content-Type": "application/json"}


class Raw(str):
    """JSON text that is sent as it stands, such as a number that no float can hold."""


def text(value):
    """JSON, with Raw as it stands."""
    if isinstance(value, Raw):
        return str(value)
    if isinstance(value, dict):
        return "{" + ",".join(f"{json.dumps(name)}:{text(member)}" for name, member in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(text, value)) + "]"
    return json.dumps(value)


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def media(self):
        return self.headers.get("Content-Type", "").split(";")[0]

    def json(self):
        return json.loads(self.body, parse_float=Raw, parse_int=Raw)

    def codes(self):
        answered = self.json()
        messages = answered if isinstance(answered, list) else answered["riskCheckMessages"]
        return [message["code"] for message in messages]

    def __repr__(self):
        return f"{self.status} {self.media} {self.body[:400]!r}"


class Talk:
    """A client of one gateway, with a connection for each thread. Keeps every answer."""

    def __init__(self, port, key=None, within=30):
        self.port, self.key, self.within = port, key, within
        self.local = threading.local()
        self.answers = []

    def ask(self, method, path, body=None, headers=()):
        """`path` as it is sent; `body`: bytes, or what becomes JSON. An idle connection that was closed is made anew."""
        if body is not None and not isinstance(body, bytes):
            body = text(body).encode()
        headers = dict(headers)
        if self.key:
            headers.setdefault("X-Api-Key", self.key)
        connection = getattr(self.local, "connection", None)
        if connection is None:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=self.within)
            self.local.connection = connection
        try:
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            answer = Answer(response.status, response.headers, response.read())
        except BaseException:
            self.local.connection = None
            connection.close()
            raise
        self.answers.append(answer)
        return answer

    def event(self, account, body, headers=()):
        return self.ask("POST", event_path(account), body, {**JSON, **dict(headers)})

    def latest(self, account, transaction, headers=()):
        return self.ask("GET", f"{event_path(account)}/{transaction}", None, headers)

    def account_event(self, body, key=None, headers=()):
        keyed = {"Idempotency-Key": key} if key else {}
        return self.ask("POST", "/v1/account_events", body, {**JSON, **keyed, **dict(headers)})

    def interaction(self, body, key=None, headers=()):
        keyed = {} if key is None else {"Idempotency-Key": key}
        return self.ask("POST", "/v1/interactions", body, {**JSON, **keyed, **dict(headers)})

    def may_contact(self, person, body, headers=()):
        return self.ask("POST", person_path(person), body, {**JSON, **dict(headers)})


def event_path(account):
    return f"/api/v3/customer-account/{quote(account, safe='')}/event"


def person_path(person):
    return f"/people/{quote(person, safe='')}/can-interact"


def now():
    return datetime.now(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def records(stack, topic):
    """All committed records of a topic up to now, as (key, value)."""
    from confluent_kafka import Consumer, TopicPartition

    name = stack.topics[topic]
    consumer = Consumer(
        {
            "bootstrap.servers": stack.bootstrap,
            "group.id": "none",
            "isolation.level": "read_committed",
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
            "enable.partition.eof": True,
        }
    )
    try:
        partitions = consumer.list_topics(name, timeout=30).topics[name].partitions
        consumer.assign([TopicPartition(name, number, 0) for number in partitions])
        left, found = len(partitions), []
        while left:
            message = consumer.poll(30)
            if message is None:
                raise TimeoutError(f"{name} does not end")
            if message.error():
                left -= 1
                continue
            found.append((message.key().decode(), json.loads(message.value(), parse_float=Raw)))
        return found
    finally:
        consumer.close()


def purchase(amount="12.34", **changes):
    event = {
        "eventType": "Purchase",
        "time": now(),
        "posId": "POS-1",
        "totalAmount": Raw(amount),
        "items": [
            {
                "itemId": "1",
                "itemDescription": "Bread",
                "unitCode": "C62",
                "quantity": 1,
                "unitPrice": Raw(amount),
                "grossAmount": Raw(amount),
            }
        ],
        "currency": "EUR",
        "countryCode": "DE",
        "conversationLanguage": "DE",
    }
    return {name: value for name, value in {**event, **changes}.items() if value is not ...}


def limit(account, amount=9_000_000):
    return {"account": account, "eventType": "limit", "limit": {"amount": amount}}


def flag(account, name):
    return {"account": account, "eventType": "flag", "flag": {"name": name, "set": True}}


def call(party, occurred="2026-03-02T15:04:05Z", **changes):
    """A call about L-1 that nobody answered."""
    interaction = {
        "partyId": party,
        "channel": "contact-center",
        "type": "outbound-call",
        "occurredAt": occurred,
        "purpose": "collection",
        "outcome": "no-answer",
        "linkedResourceType": "loan",
        "linkedResourceId": "L-1",
    }
    return {name: value for name, value in {**interaction, **changes}.items() if value is not ...}


def question(start="2026-03-05T15:00:00Z", **changes):
    """May we call about L-1?"""
    asked = {"channel": "voice", "theme": "opsCollDebt", "loanId": "L-1", "contactId": "home", "startAt": start}
    return {name: value for name, value in {**asked, **changes}.items() if value is not ...}
