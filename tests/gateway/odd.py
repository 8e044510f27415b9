"""Requests that are hardly any: accounts of every spelling, odd paths, bodies that are no event, headers, and bytes that two
readers could understand differently.
"""

import re
import socket
import time
from urllib.parse import quote

from talk import JSON, call, event_path, limit, person_path, purchase, question, text

PROBLEM = "application/problem+json"
DEEP = 100_000
BROKEN_BODIES = {
    "nothing": b"",
    "space": b"  ",
    "broken off": b'{"a":',
    "a list": b"[]",
    "null": b"null",
    "a text": b'"x"',
    "a number": b"5",
    "two": b"{} {}",
    "Latin-1": b'{"posName":"\xe9"}',
    "UTF-16": '{"a":1}'.encode("utf-16"),
    "a schema's id": b"\0\0\0\0\1x",
    "single-object Avro": b"\xc3\x01abcdefgh",
    "a byte order mark": b"\xef\xbb\xbf{",
    "a deep list": b"[" * DEEP,
    "a deep object": b'{"a":' * DEEP,
    "a deep list within": b'{"x":' + b"[" * DEEP + b"]" * DEEP + b"}",
    "half a surrogate": b'{"posName":"\\ud800"}',
    "a control character": b'{"posName":"\x01"}',
    "a comment": b'{"a":1/*x*/}',
    "a comma too many": b'{"a":1,}',
    "single quotes": b"{'a':1}",
    "a member twice": b'{"currency":"EUR","currency":"NOK"}',
    "many digits": b'{"totalAmount":' + b"9" * 50_000 + b"}",
    "a large exponent": b'{"totalAmount":1e999999999}',
}
OTHER_MEDIA = (None, "text/plain", "application/xml", "application/jsonx", "application/x-www-form-urlencoded", "json", "")
NO_TRANSACTIONS = (
    "x",
    "txn_",
    "txn_8" + "0" * 25,
    "TXN_00000000000000000000000000",
    "txn_0000000000000000000000000",
    "%00",
    "é",
)


def accounts_of_every_spelling(report, talk, document):
    """The account is that of the path, decoded once, and any that the document allows."""
    schema = document["components"]["parameters"]["accountNumber"]["schema"]
    for account in (
        "A" * 100,
        "é" * 100,
        "😀" * 100,
        "a/b",
        "a%2Fb",
        "a b",
        " a",
        "a ",
        "ä",
        "日本",
        "..",
        ".",
        "a?b#c",
        "a;b=c",
        "+",
        "a\nb",
        "%",
        '"}',
        "'",
        "\\",
        "-",
        "\u202e",
        "\u200b",
        "\u00ad",
        "A" * 101,
        "é" * 101,
        " ",
        "\t",
        "\u0000",
        "\u0019",
        "\u00a0",
        "\u3000",
    ):
        name = f"account {account[:20]!r} of {len(account)}"
        good = len(account) <= schema["maxLength"] and re.search(schema["pattern"], account)
        opened = talk.account_event(limit(account))
        answer = talk.event(account, purchase("1.00"))
        if good:
            report.that(opened.status == 200, f"{name} opens", opened)
            report.that(answer.status == 200 and answer.json()["outcome"] == "Accepted", name, answer)
            again = talk.latest(account, answer.json().get("transactionId")) if answer.status == 200 else answer
            report.that(again.status == 200, f"{name}: GET", again)
        else:
            report.that(opened.status == 400 and opened.media == "application/problem+json", f"{name} opens", opened)
            report.that(answer.status == 400 and "json" in answer.media, name, answer)
            again = talk.latest(account, "txn_00000000000000000000000000")
            report.that(again.status in (400, 404) and again.media == "application/problem+json", f"{name}: GET", again)
    # The body's own account is passed over, whatever it is.
    talk.account_event(limit("of-the-path"))
    for other in ("another", None, 5, {}, ["x"], ""):
        answer = talk.event("of-the-path", purchase(f"{1 + len(str(other))}.00", accountNumber=other))
        report.that(
            answer.status == 200 and answer.json()["outcome"] != "NotEvaluated" and "pos.account.unknown" not in answer.codes(),
            f"accountNumber {other!r} in the body",
            answer,
        )


def odd_paths(report, talk):
    """Paths that are not UTF-8, not normal, not there, or too long."""
    base = "/api/v3/customer-account"
    for path, statuses in [
        (f"{base}/%ff/event", (400,)),
        (f"{base}/%C3%28/event", (400,)),
        (f"{base}/%/event", (200, 400)),
        (f"{base}/%zz/event", (200, 400)),
        (f"{base}//event", (400, 404)),
        (f"{base}/a/event/", (404, 405)),
        (f"{base}/a/event/x", (405,)),
        (f"{base}/a/../b/event", (404,)),
        (f"{base}/a/./event", (404,)),
        (f"{base}/a/event?x=1", (200,)),
        (f"{base}/a/EVENT", (404,)),
        (f"{base}/a%2Fevent", (404, 405)),
        ("/API/v3/customer-account/a/event", (404,)),
        (f"/{base}/a/event", (404,)),
        ("*", (400, 404)),
        (f"{base}/a\\b/event", (200, 400)),
        ("/v1/account_events/", (404,)),
        ("/v1//account_events", (404,)),
        ("/..%2f..%2fetc/passwd", (404,)),
        (f"{base}/" + "a" * 20_000 + "/event", (400, 414, 431)),
    ]:
        try:
            answer = talk.ask("POST", path, purchase("1.00"), JSON)
        except (ConnectionError, OSError) as error:
            report.that(len(path) > 16_000, f"path {path[:60]}", error)
            continue
        problem = answer.status < 400 or "json" in answer.media or len(path) > 16_000
        report.that(answer.status in statuses and problem, f"path {path[:60]}", answer)


def bodies_and_headers(report, talk):
    """What is no event at all, and headers; of every operation that takes a body."""
    for place, path, body, own, good in (
        ("addEvent", event_path("bodies"), purchase("1.00"), {}, 200),
        ("createAccountEvent", "/v1/account_events", limit("bodies"), {}, 200),
        ("createInteraction", "/v1/interactions", call("bodies"), {"Idempotency-Key": "bodies"}, 201),
        ("canInteract", person_path("ext-bodies"), question(), {}, 200),
    ):

        def send(body, headers, method="POST", path=path, own=own):
            return talk.ask(method, path, body, {**own, **headers})

        odd_bodies(report, place, send, body, good)
        request_ids(report, place, send, body, good)
        for method in ("GET", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"):
            answer = send(None, {}, method)
            good = answer.status == 405 and "POST" in answer.headers.get("Allow", "") and answer.headers["X-Request-Id"]
            report.that(good, f"{place}: {method}", answer)
    for value in ("", "a" * 81, "é"):
        for answer in (
            talk.account_event(limit("bodies"), headers={"Idempotency-Key": value.encode("latin-1")}),
            talk.interaction(call("bodies"), value.encode("latin-1")),
        ):
            report.that(answer.status == 400 and answer.media == PROBLEM, f"Idempotency-Key {value[:9]!r}", answer)
    for transaction in NO_TRANSACTIONS:
        answer = talk.latest("bodies", quote(transaction, safe="%"))
        report.that(answer.status in (400, 404) and answer.media == PROBLEM, f"GET of {transaction}", answer)


def odd_bodies(report, place, send, body, good):
    for media in OTHER_MEDIA:
        answer = send(body, {"Content-Type": media} if media is not None else {})
        report.that(answer.status == 415 and answer.media == PROBLEM, f"{place}: type {media}", answer)
    for media in ("application/json; charset=utf-8", "APPLICATION/JSON", "application/json ;x=y"):
        report.that(send(body, {"Content-Type": media}).status == good, f"{place}: type {media}")
    for encoding in ("gzip", "br", "deflate, gzip"):
        answer = send(body, {**JSON, "Content-Encoding": encoding})
        report.that(answer.status == 415 and answer.media == PROBLEM, f"{place}: encoding {encoding}", answer)
    for name, raw in BROKEN_BODIES.items():
        answer = send(raw, JSON)
        report.that(answer.status == 400 and answer.media in ("application/json", PROBLEM), f"{place}: {name}", answer)
    answer = send(b'{"posName":"' + b"x" * (1 << 20) + b'"}', JSON)
    report.that(answer.status == 413 and answer.media == PROBLEM, f"{place}: more than gateway.body_bytes_max", answer)


def request_ids(report, place, send, body, status):
    for value in ("a", "a" * 80, "till 17", "!~"):
        answer = send(body, {**JSON, "X-Request-Id": value})
        good = answer.status == status and answer.headers["X-Request-Id"] == value
        report.that(good, f"{place}: X-Request-Id {value[:9]}", answer)
    for value in ("a" * 81, "é", ""):
        answer = send(body, {**JSON, "X-Request-Id": value.encode("latin-1")})
        good = answer.status == 400 and answer.headers["X-Request-Id"] not in (value, "")
        report.that(good, f"{place}: X-Request-Id {value[:9]}", answer)
    made = {send(body, JSON).headers["X-Request-Id"] for _ in range(3)}
    report.that(len(made) == 3 and all(made), f"{place}: X-Request-Id is made where there is none", made)


def raw_requests(report, talk):
    """Requests that two readers could understand differently, byte by byte."""
    path = event_path("raw").encode()
    for name, head, body in [
        ("two lengths", b"Content-Length: 2\r\nContent-Length: 3\r\n", b"{} "),
        ("length and chunks", b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n", b"2\r\n{}\r\n0\r\n\r\n"),
        ("no host", None, b"{}"),
        ("two hosts", b"Host: a\r\nContent-Length: 2\r\n", b"{}"),
        ("length below 0", b"Content-Length: -1\r\n", b"{}"),
        ("a space before the colon", b"Content-Length : 2\r\n", b"{}"),
        ("bare line feeds in a header", b"X-A: b\nX-C: d\r\nContent-Length: 2\r\n", b"{}"),
    ]:
        with socket.create_connection(("127.0.0.1", talk.port), 20) as connection:
            host = b"" if head is None else b"Host: x\r\n"
            head = head or b"Content-Length: 2\r\n"
            key = f"X-Api-Key: {talk.key}\r\n".encode() if talk.key else b""
            connection.sendall(
                b"POST " + path + b" HTTP/1.1\r\n" + host + key + b"Content-Type: application/json\r\n" + head + b"\r\n" + body
            )
            first = connection.recv(65536).split(b"\r\n")[0]
            report.that(first in (b"", b"HTTP/1.1 400 Bad Request"), name, first)
    bodies_in_pieces(report, talk)


def bodies_in_pieces(report, talk):
    """Bodies in chunks, bodies that wait to be asked for, and bodies that nobody reads."""
    path = event_path("pieces").encode()
    head = b" HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    with socket.create_connection(("127.0.0.1", talk.port), 20) as connection:
        body = text(purchase("1.00")).encode()
        connection.sendall(b"POST " + path + head + b"Transfer-Encoding: chunked\r\n\r\n")
        for piece in (body[:10], body[10:11], body[11:]):
            connection.sendall(b"%x\r\n%b\r\n" % (len(piece), piece))
        connection.sendall(b"0\r\n\r\n")
        first = connection.recv(65536).split(b"\r\n")[0]
        report.equal(first, b"HTTP/1.1 200 OK", "a body in chunks")
        connection.sendall(b"POST " + path + head + b"Expect: 100-continue\r\nContent-Length: %d\r\n\r\n" % len(body))
        first = connection.recv(65536).split(b"\r\n")[0]
        report.equal(first, b"HTTP/1.1 100 Continue", "a body that waits to be asked for")
        connection.sendall(body)
        first = connection.recv(65536).split(b"\r\n")[0]
        report.equal(first, b"HTTP/1.1 200 OK", "and that comes then")
    # Who is answered before the body was read is told that the connection ends, or may go on with it.
    for _ in range(10):
        with socket.create_connection(("127.0.0.1", talk.port), 20) as connection:
            connection.sendall(b"POST /nothing" + head + b"Content-Length: 2\r\n\r\n")
            time.sleep(0.002)
            connection.sendall(b"{}")
            answer = connection.recv(65536).lower()
            if b"connection: close" not in answer:
                connection.sendall(b"GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n")
                report.that(connection.recv(65536).startswith(b"HTTP/1.1 200"), "a connection after a body that nobody read")
            else:
                report.that(True, "")
