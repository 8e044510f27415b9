//! The gateway's server and gate over real connections of this machine: what slow, broken, greedy and hostile clients get,
//! and that honest ones are answered meanwhile.

pub(crate) mod served;

use std::time::{Duration, Instant};

use served::{Peer, SOON, Served, get_of, post_of, settings};
use tillgate::config::{ApiKey, GatewaySettings, Scope, Secret};
use tillgate::gateway::ServerBounds;
use tillgate::gateway::auth::{hash_of_key, new_key};

const QUICK: Duration = Duration::from_millis(200);
const CHUNKED: &str = "POST /write HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n";

#[test]
fn answers_one_request_after_the_other_on_a_connection() {
    let served = Served::start(&settings());
    let mut peer = served.connect();
    for _ in 0..3 {
        peer.send(&post_of("", "{}"));
        let answer = peer.answer();
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(answer.body, "2", "{answer:?}");
    }
    peer.send(&get_of("/nowhere", ""));
    assert_eq!(peer.answer().status, 404);
    served.stop().join().expect("it ends");
}

#[test]
fn pipelined_requests_are_answered_in_their_order() {
    let served = Served::start(&settings());
    let mut peer = served.connect();
    let requests = [post_of("", "a"), get_of("/read/4711", ""), post_of("", "abc"), get_of("/nowhere", "")];
    peer.send(&requests.concat());
    let answers: Vec<_> = (0..4).map(|_| peer.answer()).collect();
    assert_eq!(answers.iter().map(|answer| answer.status).collect::<Vec<_>>(), [200, 200, 200, 404]);
    assert_eq!((&*answers[0].body, &*answers[2].body), ("1", "3"));
}

#[test]
#[allow(clippy::disallowed_methods, reason = "measures how long clients wait")]
fn headers_that_do_not_end_close_the_connection_however_they_trickle() {
    let served = Served::start(&GatewaySettings { header_timeout: QUICK, ..settings() });
    let mut silent = served.connect();
    silent.send("POST /write HTTP/1.1\r\nho");
    let mut trickling = served.connect();
    trickling.send("POST /write HTTP/1.1\r\nx: ");
    let begun = Instant::now();
    while !trickling.is_closed_by_now() {
        trickling.send("y");
        assert!(begun.elapsed() < SOON, "it trickles for ever");
        std::thread::yield_now();
    }
    assert!(silent.ends());
    assert_eq!(served.ask(&post_of("", "")).status, 200);
}

#[test]
fn a_connection_that_asks_nothing_is_closed_and_one_between_requests_is_kept_as_long() {
    let served = Served::start(&GatewaySettings { idle_timeout: QUICK, ..settings() });
    let mut silent = served.connect();
    let mut asking = served.connect();
    asking.send(&post_of("", ""));
    assert_eq!(asking.answer().status, 200);
    assert!(silent.ends() && asking.ends());
}

#[test]
fn a_client_that_is_half_gone_keeps_no_connection() {
    let served = Served::start(&settings());
    for begun in ["", "POST /wr", "POST /write HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\n\r\nab"] {
        let mut peer = served.connect();
        peer.send(begun);
        peer.half_close();
        while peer.next().is_some_and(|answer| answer.status == 400) {}
    }
}

#[test]
fn a_body_that_does_not_end_is_answered_with_408() {
    let served = Served::start(&GatewaySettings { body_timeout: QUICK, ..settings() });
    for request in [
        "POST /write HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{",
        &format!("{CHUNKED}\r\n5\r\nhello\r\n"),
    ] {
        let mut peer = served.connect();
        peer.send(request);
        assert_eq!(peer.answer().status, 408);
        assert!(peer.ends());
    }
}

#[test]
fn a_body_that_is_too_large_is_answered_with_413_however_it_is_sent() {
    let served = Served::start(&GatewaySettings { body_bytes_max: 2_000, ..settings() });
    assert_eq!(served.ask(&post_of("", &"x".repeat(2_000))).status, 200);
    assert_eq!(served.ask("POST /write HTTP/1.1\r\nhost: x\r\ncontent-length: 2001\r\n\r\n").status, 413);
    assert_eq!(
        served.ask("POST /write HTTP/1.1\r\nhost: x\r\ncontent-length: 99999999999\r\n\r\n").status,
        413
    );
    // Who sends all of it before reading has an answer too.
    assert_eq!(served.ask(&post_of("", &"x".repeat(1 << 20))).status, 413);
    let chunks = format!("{CHUNKED}\r\n{}0\r\n\r\n", format!("400\r\n{}\r\n", "x".repeat(1_024)).repeat(2));
    assert_eq!(served.ask(&chunks).status, 413);
    let chunks = format!("{CHUNKED}\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n");
    assert_eq!(served.ask(&chunks).body, "5");
}

#[test]
fn requests_that_two_readers_could_understand_differently_are_refused_and_end_the_connection() {
    let served = Served::start(&settings());
    let smuggled = get_of("/read/1", "");
    let post = "POST /write HTTP/1.1\r\nhost: x\r\n";
    for (what, head, status) in [
        ("a length, then chunks", format!("{post}content-length: 4\r\ntransfer-encoding: chunked\r\n"), 400),
        ("chunks, then a length", format!("{post}Transfer-Encoding: chunked\r\nContent-Length: 4\r\n"), 400),
        ("two lengths", format!("{post}content-length: 5\r\ncontent-length: 0\r\n"), 400),
        ("a list of lengths", format!("{post}content-length: 0, 5\r\n"), 400),
        ("a signed length", format!("{post}content-length: +5\r\n"), 400),
        ("a name with a space", format!("{post}content-length : 5\r\n"), 400),
        ("another coding", format!("{post}transfer-encoding: gzip, chunked\r\n"), 400),
        ("chunked twice", format!("{post}transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n"), 400),
        ("not chunked at the end", format!("{post}transfer-encoding: chunked, gzip\r\n"), 400),
        ("no coding", format!("{post}transfer-encoding: identity\r\n"), 400),
        ("two hosts", format!("{post}host: y\r\ncontent-length: 0\r\n"), 400),
        ("no host", "POST /write HTTP/1.1\r\ncontent-length: 0\r\n".to_owned(), 400),
        ("a folded line", format!("{post}x: a\r\n b: c\r\ncontent-length: 0\r\n"), 400),
        ("chunks in 1.0", "POST /write HTTP/1.0\r\ntransfer-encoding: chunked\r\n".to_owned(), 400),
    ] {
        let mut peer = served.connect();
        peer.send(&format!("{head}\r\n0\r\n\r\n{smuggled}"));
        assert_eq!(peer.answer().status, status, "{what}");
        assert!(peer.ends(), "{what}: what came behind was understood as a request");
    }
    // The same length twice says one thing alone.
    let twice = format!("{post}content-length: 2\r\ncontent-length: 2\r\n\r\n{{}}");
    assert_eq!(served.ask(&twice).status, 200);
}

#[test]
fn what_is_sent_before_the_request_ahead_of_it_is_answered_is_held_to_the_same() {
    let served = Served::start(&settings());
    let both =
        "POST /write HTTP/1.1\r\nhost: x\r\ncontent-length: 4\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n";
    let chunks = format!("{CHUNKED}\r\n2\r\n{{}}\r\n0\r\n\r\n");
    for first in [get_of("/read/1", ""), post_of("", "{}"), chunks] {
        let mut peer = served.connect();
        peer.send(&format!("{first}{both}{}", get_of("/read/1", "")));
        let statuses: Vec<u16> = std::iter::from_fn(|| peer.next()).map(|answer| answer.status).collect();
        assert_eq!(statuses.last(), Some(&400), "{first}: {statuses:?}");
        assert!(statuses.len() <= 2 && statuses[..statuses.len() - 1].iter().all(|status| *status == 200));
    }
}

#[test]
fn a_length_of_one_request_is_not_held_against_the_next() {
    let served = Served::start(&settings());
    let mut peer = served.connect();
    for _ in 0..3 {
        peer.send(&post_of("", "{}"));
        assert_eq!(peer.answer().status, 200);
        peer.send(&format!("{CHUNKED}\r\n2\r\n{{}}\r\n0\r\n\r\n"));
        assert_eq!(peer.answer().status, 200);
    }
}

#[test]
fn chunks_that_are_none_are_refused() {
    let served = Served::start(&settings());
    for chunks in ["zz\r\n", "-1\r\nx\r\n", "fffffffffffffffff\r\n", "1\r\nxy\r\n0\r\n\r\n", "1;\n\nx\r\n"] {
        let mut peer = served.connect();
        peer.send(&format!("{CHUNKED}\r\n{chunks}"));
        assert_eq!(peer.answer().status, 400, "{chunks:?}");
        assert!(peer.ends(), "{chunks:?}");
    }
}

#[test]
fn compressed_bodies_are_refused_before_they_are_read() {
    let served = Served::start(&settings());
    for coding in ["gzip", "br", "identity, gzip", "x"] {
        let answer = served.ask(&post_of(&format!("content-encoding: {coding}\r\n"), "{}"));
        assert_eq!((answer.status, answer.header("accept-encoding")), (415, Some("identity")), "{coding}");
    }
    assert_eq!(served.ask(&post_of("content-encoding: identity\r\n", "{}")).status, 200);
}

#[test]
fn headers_that_are_too_long_or_too_many_are_refused() {
    let served = Served::start(&settings());
    assert_eq!(served.ask(&post_of(&format!("x: {}\r\n", "y".repeat(17 << 10)), "")).status, 431);
    assert_eq!(served.ask(&post_of(&"x: y\r\n".repeat(70), "")).status, 431);
    assert_eq!(served.ask(&post_of(&"x: y\r\n".repeat(50), "")).status, 200);
}

#[test]
fn no_http_is_refused() {
    let served = Served::start(&settings());
    for text in [
        "\u{16}\u{3}\u{1}\u{2}\r\n\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "GET / HTTP/3\r\n\r\n",
        "GET\r\n\r\n",
    ] {
        let mut peer = served.connect();
        peer.send(text);
        while let Some(answer) = peer.next() {
            assert!(answer.status >= 400, "{text:?}: {answer:?}");
        }
    }
}

#[test]
#[allow(clippy::disallowed_methods, reason = "measures how long clients wait")]
fn thousands_of_idle_connections_lock_nobody_out() {
    const BOUND: usize = 500;
    let served = Served::start(&GatewaySettings { connections_max: BOUND, ..settings() });
    let mut idle: Vec<Peer> = Vec::new();
    let mut slowest = Duration::ZERO;
    for number in 0..4_000 {
        let mut peer = served.connect();
        // Every other one has begun a request.
        if number % 2 == 0 {
            peer.send("POST /write HTTP/1.1\r\nho");
        }
        idle.push(peer);
        if number % 100 == 0 {
            let begun = Instant::now();
            assert_eq!(served.ask(&post_of("", "{}")).status, 200, "after {number} connections");
            slowest = slowest.max(begun.elapsed());
        }
    }
    assert!(slowest < Duration::from_secs(2), "an honest client waited for {slowest:?}");
    // The first ones were closed for later ones.
    assert!(idle.drain(..3_000).all(|mut peer| peer.ends()));
    println!("slowest of 40 honest requests among 4,000 idle connections: {slowest:?}");
}

#[test]
fn a_request_under_way_is_never_closed_for_another_connection() {
    let mut served = Served::start(&GatewaySettings { connections_max: 2, ..settings() });
    let mut busy = [served.connect(), served.connect()];
    for peer in &mut busy {
        peer.send(&get_of("/hold", ""));
        served.held.blocking_recv().expect("it has come");
    }
    assert!(served.connect().ends(), "there is no place, and nobody to be closed");
    for _ in 0..2 {
        served.release.notify_one();
    }
    for peer in &mut busy {
        assert_eq!(peer.answer().body, "released");
    }
    // Now there is.
    assert_eq!(served.ask(&post_of("", "")).status, 200);
}

#[test]
fn more_requests_than_places_are_told_to_come_again() {
    let mut served = Served::start(&GatewaySettings { requests_max: 1, ..settings() });
    let mut first = served.connect();
    first.send(&get_of("/hold", ""));
    served.held.blocking_recv().expect("it has come");
    let mut second = served.connect();
    second.send(&post_of("", "{}"));
    let answer = second.answer();
    assert_eq!((answer.status, answer.header("retry-after")), (503, Some("1")));
    // A slow body takes no place.
    let mut slow = served.connect();
    slow.send("POST /write HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n{");
    served.release.notify_one();
    assert_eq!(first.answer().status, 200);
    second.send(&post_of("", "{}"));
    assert_eq!(second.answer().status, 200);
    slow.send("}");
    assert_eq!(slow.answer().status, 200);
}

#[test]
fn a_client_that_does_not_read_its_answer_is_closed() {
    let settings = settings();
    let bounds = ServerBounds { exchange_within: QUICK, ..ServerBounds::of(&settings) };
    let served = Served::start_within(&settings, bounds);
    let mut peer = served.connect();
    peer.send(&get_of("/large", ""));
    crate::support::eventually(SOON, "the connection to be closed", || {
        // Writing to it fails once it is closed; nothing is read meanwhile.
        peer.stream.set_nonblocking(true).expect("not blocking");
        let written = std::io::Write::write(&mut peer.stream, b"\r\n");
        written.is_err_and(|error| error.kind() != std::io::ErrorKind::WouldBlock).then_some(())
    });
    assert_eq!(served.ask(&post_of("", "")).status, 200);
}

#[test]
fn an_answer_under_way_outlives_the_end_and_nothing_else_does() {
    let mut served = Served::start(&settings());
    let mut idle = served.connect();
    idle.send(&post_of("", ""));
    assert_eq!(idle.answer().status, 200);
    let mut busy = served.connect();
    busy.send(&get_of("/hold", ""));
    served.held.blocking_recv().expect("it has come");
    let (address, release) = (served.address, std::sync::Arc::clone(&served.release));
    let thread = served.stop();
    assert!(idle.ends(), "a connection without a request stays");
    release.notify_one();
    let answer = busy.answer();
    assert_eq!((answer.status, answer.header("connection")), (200, Some("close")));
    thread.join().expect("it ends");
    assert!(std::net::TcpStream::connect(address).is_err(), "it listens on");
}

#[test]
fn an_answer_that_takes_longer_than_the_grace_does_not_hold_up_the_end() {
    let settings = settings();
    let bounds = ServerBounds { grace: QUICK, ..ServerBounds::of(&settings) };
    let mut served = Served::start_within(&settings, bounds);
    let mut busy = served.connect();
    busy.send(&get_of("/hold", ""));
    served.held.blocking_recv().expect("it has come");
    served.stop().join().expect("it ends");
    assert!(busy.ends());
}

#[test]
fn a_handler_that_hangs_is_given_up() {
    let answer_within = Duration::from_millis(10);
    let mut served = Served::start(&GatewaySettings { answer_within, ..settings() });
    let mut peer = served.connect();
    peer.send(&get_of("/hold", ""));
    served.held.blocking_recv().expect("it has come");
    assert_eq!(peer.answer().status, 504);
}

#[test]
fn a_client_has_a_rate_and_others_have_their_own() {
    let keys = [new_key().expect("a key"), new_key().expect("a key")];
    let mut settings = GatewaySettings { rate_per_client: 1, rate_burst: 3, ..settings() };
    settings.auth.api_keys = keys
        .iter()
        .enumerate()
        .map(|(number, key)| ApiKey {
            client: format!("till-{number}"),
            scopes: vec![Scope::EventsWrite],
            hash: Secret::new(hash_of_key(key)),
        })
        .collect();
    let served = Served::start(&settings);
    let ask = |key: &str| served.ask(&post_of(&format!("x-api-key: {key}\r\n"), ""));
    for _ in 0..3 {
        assert_eq!(ask(&keys[0]).status, 200);
    }
    let answer = ask(&keys[0]);
    assert_eq!((answer.status, answer.header("retry-after")), (429, Some("1")));
    assert_eq!(ask(&keys[1]).status, 200);
    // Who is unknown is counted by address, whatever name it would have.
    let statuses: Vec<u16> = (0..4).map(|number| ask(&format!("guess-{number}")).status).collect();
    assert_eq!(statuses, [401, 401, 401, 429]);
}

#[test]
fn who_is_unknown_or_may_not_is_told_nothing_more_and_before_its_body() {
    let key = new_key().expect("a key");
    let mut settings = settings();
    settings.auth.api_keys = vec![ApiKey {
        client: "reader".to_owned(),
        scopes: vec![Scope::EventsRead],
        hash: Secret::new(hash_of_key(&key)),
    }];
    let served = Served::start(&settings);
    let waiting = |header: &str| {
        let mut peer = served.connect();
        peer.send(&format!("POST /write HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n{header}\r\n"));
        peer.answer()
    };
    let near = format!("{}x", &key[..key.len() - 1]);
    let bodies: Vec<String> =
        ["".to_owned(), format!("x-api-key: {near}\r\n"), "authorization: Bearer a.b.c\r\n".to_owned()]
            .iter()
            .map(|header| {
                let answer = waiting(header);
                assert_eq!(answer.status, 401, "{header}");
                assert_eq!(answer.header("www-authenticate"), Some("Bearer realm=\"tillgate\""));
                assert_eq!(answer.header("content-type"), Some("application/problem+json"));
                answer.body
            })
            .collect();
    assert!(bodies.iter().all(|body| *body == bodies[0]), "{bodies:?}");
    let answer = waiting(&format!("x-api-key: {key}\r\n"));
    assert_eq!(answer.status, 403);
    assert!(answer.header("www-authenticate").is_some_and(|text| text.contains("insufficient_scope")));
    assert_eq!(served.ask(&get_of("/read/1", &format!("authorization: Bearer {key}\r\n"))).status, 200);
    assert_eq!(served.ask(&get_of("/open", "")).status, 200, "a route that needs no scope is for everybody");
}

#[test]
fn every_answer_has_its_id_and_what_keeps_browsers_in_bounds() {
    let served = Served::start(&settings());
    let answer = served.ask(&post_of("x-request-id: till-7/0815 ~\r\n", ""));
    assert_eq!((answer.status, answer.header("x-request-id")), (200, Some("till-7/0815 ~")));
    let longest = "x".repeat(80);
    for good in ["a", "0af7651916cd43dd-b7ad", "with space ~", &longest] {
        let answer = served.ask(&post_of(&format!("x-request-id: {good}\r\n"), ""));
        assert_eq!((answer.status, answer.header("x-request-id")), (200, Some(good)));
    }
    for bad in ["é", "a\tb", &format!("{longest}x"), "a\r\nx-request-id: a", ""] {
        let answer = served.ask(&post_of(&format!("x-request-id: {bad}\r\n"), ""));
        assert_eq!(answer.status, 400, "{bad}");
        assert!(answer.header("x-request-id").is_some_and(|id| id.len() == 32), "{answer:?}");
    }
    for request in [get_of("/open", ""), get_of("/nowhere", ""), post_of("content-encoding: br\r\n", "")] {
        let answer = served.ask(&request);
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        assert_eq!(answer.header("x-frame-options"), Some("DENY"));
        assert_eq!(
            answer.header("strict-transport-security"),
            None,
            "without TLS it would lock browsers out"
        );
        assert!(
            answer.header("x-request-id").is_some() && answer.header("content-security-policy").is_some()
        );
    }
}
