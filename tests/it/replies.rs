//! What the sender of an account event is told that asks for it: applied, repeat, conflict or refused, once for each event,
//! and by what its account's events say alone.

use crate::support::stream::{Fed, SCHEMAS, engine, options};
use tillgate::codec::json::{ReadReply, read_reply};
use tillgate::domain::outcome::Outcome;
use tillgate::domain::reply::{Fate, REQUEST_ID_CHARS_MAX};
use tillgate::pipeline::{DecisionSink, InputRecord, Outbound};
use tillgate::pos::{ACCOUNT_RESULTS, Input, Outside, Partition, Pos};

/// The replies, with the account that each is for.
#[derive(Default)]
struct Replies(Vec<(String, String)>);

impl DecisionSink<Pos> for Replies {
    fn send(&mut self, _outcome: &Outcome<'_>, _outbound: &Outbound<'_>) {}

    fn reply(&mut self, outbound: &Outbound<'_>) {
        assert_eq!((outbound.output, outbound.partition), (ACCOUNT_RESULTS, Some(0.into())));
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("text");
        self.0.push((text(outbound.key), text(outbound.value.expect("a value"))));
    }

    fn dead_letter(&mut self, _record: &InputRecord<'_>, _code: &'static str, _message: &str) {}
}

/// A partition that is asked.
struct Asked {
    partition: Partition,
    replies: Replies,
    offset: i64,
}

impl Asked {
    fn new() -> Self {
        let partition = Partition::new(engine::<&str>(&[]), 0.into(), options());
        Self { partition, replies: Replies::default(), offset: 0 }
    }

    /// Takes in an account event of account A whose sender asks by `request_id`; how many replies came of it.
    fn take(&mut self, request_id: &[u8], value: &str) -> usize {
        let before = self.replies.0.len();
        let fed = Fed { input: Input::AccountEvents, ..Fed::pos(self.offset, "A", value) };
        let record = InputRecord { request_id: Some(request_id), ..fed.record() };
        let outside = Outside { schemas: &*SCHEMAS, profiles: None };
        self.partition.on_record(outside, &record, &mut self.replies).expect("it is taken in");
        self.offset += 1;
        self.replies.0.len() - before
    }

    /// The reply to one whose members besides id, account and createdAt are `rest`.
    fn reply(&mut self, id: &str, created: &str, rest: &str) -> ReadReply<'_> {
        let value = format!(r#"{{"id":"{id}","account":"A","createdAt":"2026-03-02T{created}Z",{rest}}}"#);
        let request = format!("r{}", self.offset);
        assert_eq!(self.take(request.as_bytes(), &value), 1, "{value}");
        let (account, reply) = self.replies.0.last().expect("a reply");
        let read = read_reply(reply.as_bytes()).expect("a reply that can be read");
        assert_eq!((&**account, &*read.request_id), ("A", &*request));
        assert_eq!(read.source, (0.into(), self.offset - 1));
        read
    }
}

const LIMIT_5: &str = r#""eventType":"limit","limit":{"amount":500}"#;
const LIMIT_9: &str = r#""eventType":"limit","limit":{"amount":900}"#;

#[test]
fn says_of_each_what_became_of_it() {
    let mut asked = Asked::new();
    let reply = asked.reply("e1", "09:00:00", LIMIT_5);
    assert_eq!((reply.fate, reply.id.as_deref(), reply.code), (Fate::Applied, Some("e1"), None));

    let keyed = |rest: &str| format!(r#""idempotencyKey":"k",{rest}"#);
    let first = asked.reply("e2", "09:01:00", &keyed(LIMIT_9)).created_at;
    assert_eq!(asked.reply("e2", "09:02:00", &keyed(LIMIT_9)).created_at, first, "the first answer again");
    let reply = asked.reply("e3", "09:03:00", &keyed(LIMIT_9));
    assert_eq!((reply.fate, reply.id, reply.created_at), (Fate::Repeat, None, first), "under another id");

    for (id, rest) in [("e2", keyed(LIMIT_5)), ("e4", keyed(LIMIT_5)), ("e1", LIMIT_9.to_owned())] {
        let reply = asked.reply(id, "09:04:00", &rest);
        assert_eq!((reply.fate, reply.code.as_deref()), (Fate::Conflict, Some("400.100")), "{id} {rest}");
    }

    let reply =
        asked.reply("e5", "09:05:00", r#""eventType":"payment","payment":{"amount":0,"status":"success"}"#);
    assert_eq!((reply.fate, reply.code.as_deref()), (Fate::Refused, Some("400.003")));
    assert_eq!(reply.message.as_deref(), Some("payment.amount 0 must be above 0"));
    let reply = asked.reply("e6", "09:06:00", r#""eventType":"payment""#);
    assert_eq!((reply.fate, reply.code.as_deref(), reply.id), (Fate::Refused, Some("400.002"), None));
}

#[test]
fn what_came_later_counts_though_another_gateways_clock_is_behind() {
    let mut asked = Asked::new();
    assert_eq!(asked.reply("e1", "09:00:05", LIMIT_5).fate, Fate::Applied);
    assert_eq!(asked.reply("e2", "09:00:00", LIMIT_9).fate, Fate::Applied);
    let limit =
        |asked: &Asked| asked.partition.state().accounts().get("A").expect("the account").limit.to_string();
    assert_eq!(limit(&asked), "9.00");
    // Who does not ask goes by the times that it says: these are what was applied last.
    let stale = format!(r#"{{"id":"e3","account":"A","createdAt":"2026-03-02T09:00:04Z",{LIMIT_5}}}"#);
    assert_eq!(asked.take(b"", &stale), 0);
    assert_eq!(limit(&asked), "9.00");
}

#[test]
fn an_update_applies_whole_or_not_at_all() {
    let mut asked = Asked::new();
    let resolve = r#""eventType":"update","update":{"ssnKnown":true,"resolve":{"transactionId":"txn_none","granted":true}}"#;
    asked.reply("e1", "09:00:00", LIMIT_5);
    let before = asked.partition.state().accounts().get("A").cloned();
    let reply = asked.reply("e2", "09:00:01", resolve);
    assert_eq!((reply.fate, reply.code.as_deref()), (Fate::Refused, Some("400.003")));
    assert_eq!(asked.partition.state().accounts().get("A").cloned(), before);
}

#[test]
fn whoever_asks_by_no_text_or_one_that_is_too_long_is_told_nothing() {
    let mut asked = Asked::new();
    let long = "x".repeat(REQUEST_ID_CHARS_MAX);
    for (number, (request, replies)) in
        [(&b""[..], 0), (b"\xff", 0), (long.as_bytes(), 1), (format!("{long}x").as_bytes(), 0)]
            .into_iter()
            .enumerate()
    {
        let value = format!(r#"{{"id":"e{number}","account":"A",{LIMIT_5}}}"#);
        assert_eq!(asked.take(request, &value), replies, "{request:?}");
    }
}

#[test]
fn what_cannot_be_read_or_belongs_elsewhere_is_refused() {
    let mut asked = Asked::new();
    assert_eq!(asked.take(b"r", "no JSON"), 1);
    let text = &asked.replies.0[0].1;
    assert!(text.contains(r#""result":"refused","code":"400.001""#), "{text}");

    let elsewhere = tillgate::pos::PartitionOptions { input_partitions: 64, ..options() };
    asked.partition = Partition::new(engine::<&str>(&[]), 0.into(), elsewhere);
    assert_eq!(asked.take(b"r", &format!(r#"{{"id":"e","account":"A",{LIMIT_5}}}"#)), 1);
    let text = &asked.replies.0[1].1;
    assert!(text.contains(r#""result":"refused","code":"pos.state.unavailable""#), "{text}");
}
