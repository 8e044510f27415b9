//! What becomes of each record of contact decisions' inputs: applied once, answered once, or a dead letter, and nothing of what
//! its writer can send grows a person without bound. How a request is judged is another matter.

use crate::support::contacts::{Fed, Published, RULES, all, call, empty, event_id, settings};
use crate::support::stream::{self, SCHEMAS};
use tillgate::codec::json::read_reply;
use tillgate::contact::{
    CONTACT_REQUESTS, INTERACTIONS, PARTIES, PARTY_RECORDS, Partition, PartyView, read_decision,
};
use tillgate::domain::partitioner::Partitioner;
use tillgate::domain::record::RecordTime;
use tillgate::domain::reply::Fate;
use tillgate::domain::{Micros, limits};
use tillgate::pipeline::{Division, InputRecord};
use tillgate::pos::{self, Input, Outside, PartitionOptions};

const SECOND: Micros = Micros(1_000_000);
const LOAN: &str = r#","linkedResourceType":"loan","linkedResourceId":"A-1""#;

fn now() -> Micros {
    Micros::parse_rfc3339("2026-03-02T15:00:00Z").expect("a time")
}

/// A partition that is asked, and what it said.
struct Asked {
    partition: Partition,
    said: Published,
}

impl Asked {
    fn new() -> Self {
        Self { partition: empty(0, settings(1, 400 << 10)), said: Published::default() }
    }

    fn take(&mut self, fed: &Fed) {
        fed.take(&mut self.partition, &mut self.said);
    }

    fn list(&mut self, party: &str, more: &str) {
        let record = format!(r#"{{"partyId":"{party}","timeZones":["America/New_York"]{more}}}"#);
        self.take(&Fed::new(PARTY_RECORDS, party, record, now()));
    }

    /// What an interaction's sender is told who asks: fate, id, code.
    fn tell(&mut self, key: &str, value: &str, written: Micros) -> (Fate, Option<String>, Option<String>) {
        let before = (self.said.replies.len(), self.said.letters.len());
        self.take(&Fed::new(INTERACTIONS, key, value, written).asking("q"));
        assert_eq!(self.said.replies.len(), before.0 + 1, "{value}");
        let (of, reply) = self.said.replies.last().expect("a reply");
        let reply = read_reply(reply.as_bytes()).expect("a reply that can be read");
        assert_eq!((&**of, &*reply.request_id), (key, "q"));
        let offset = self.partition.positions()[INTERACTIONS].expect("it was read") - 1;
        assert_eq!(reply.source, (0.into(), offset));
        let letters = u64::from(reply.code.is_some()) as usize;
        assert_eq!(
            self.said.letters.len(),
            before.1 + letters,
            "a dead letter where it was not applied: {value}"
        );
        (reply.fate, reply.id.map(Into::into), reply.code.map(Into::into))
    }

    /// The codes of the decision on a request about P-1.
    fn ask(&mut self, more: &str) -> Vec<String> {
        let before = self.said.decisions.len();
        let request = format!(r#"{{"requestId":"r-{before}","personId":"P-1"{more}}}"#);
        self.take(&Fed::new(CONTACT_REQUESTS, "P-1", request, now()));
        assert_eq!(self.said.decisions.len(), before + 1);
        let (person, decision) = &self.said.decisions[before];
        let decision = read_decision(decision.as_bytes()).expect("a decision that can be read");
        assert_eq!((&**person, decision.request_id), ("P-1", format!("r-{before}")));
        decision.reasons.into_iter().map(|reason| reason.code.into_owned()).collect()
    }

    fn seen(&self, party: &str) -> serde_json::Value {
        let party = self.partition.state().get(party).expect("somebody who is known");
        serde_json::to_value(PartyView::of(party, &RULES)).expect("JSON")
    }
}

fn fate(fate: Fate, id: u64, code: Option<&str>) -> (Fate, Option<String>, Option<String>) {
    (fate, Some(event_id(id)), code.map(str::to_owned))
}

#[test]
fn an_interaction_applies_once_by_its_id_and_by_its_key() {
    let mut asked = Asked::new();
    let at = now();
    let keyed = |key: &str| format!(r#"{LOAN},"idempotencyKey":"{key}""#);
    let first = call(1, "P-1", at, &keyed("k"));
    assert_eq!(asked.tell("P-1", &first, at), fate(Fate::Applied, 1, None));
    assert_eq!(asked.tell("P-1", &first, at), fate(Fate::Repeat, 1, None));
    let under_another_key = call(1, "P-1", at, &keyed("l"));
    assert_eq!(asked.tell("P-1", &under_another_key, at), fate(Fate::Repeat, 1, None), "the id is enough");
    let under_another_id = call(2, "P-1", at, &keyed("k"));
    assert_eq!(asked.tell("P-1", &under_another_id, at), fate(Fate::Repeat, 1, None), "the key is enough");

    for (id, more) in [(1, keyed("k")), (1, keyed("m")), (3, keyed("k"))] {
        let other = call(id, "P-1", at.plus(SECOND), &more);
        let said = asked.tell("P-1", &other, at.plus(SECOND));
        assert_eq!(said, fate(Fate::Conflict, id, Some("400.100")), "{other}");
    }
    // Ids are the person's own, and calls without a key are many.
    assert_eq!(asked.tell("P-2", &call(1, "P-2", at, &keyed("k")), at), fate(Fate::Applied, 1, None));
    for id in 4..6 {
        assert_eq!(asked.tell("P-1", &call(id, "P-1", at, LOAN), at), fate(Fate::Applied, id, None));
    }
    assert_eq!(asked.seen("P-1")["interactions"].as_array().map(Vec::len), Some(3));
}

#[test]
fn each_interaction_counts_once_among_the_calls() {
    let mut asked = Asked::new();
    asked.list(
        "P-1",
        r#","contacts":[{"contactId":"c","kind":"phone","value":"1"}],"loans":[{"loanId":"A-1"}]"#,
    );
    let question = r#","channel":"voice","theme":"opsCollDebt","loanIds":["A-1"],"contactId":"c""#;
    for id in 1..7 {
        for _ in 0..3 {
            asked.take(&Fed::new(INTERACTIONS, "P-1", call(id, "P-1", now(), LOAN), now()));
        }
    }
    assert_eq!(asked.ask(question), [""; 0], "six calls");
    asked.take(&Fed::new(INTERACTIONS, "P-1", call(7, "P-1", now(), LOAN), now()));
    assert_eq!(asked.ask(question), ["contact.frequency.calls"]);
}

#[test]
fn interactions_are_told_apart_for_35_days_of_their_own_records() {
    let mut asked = Asked::new();
    let (first, last) = (now(), now().plus(limits::INTERACTION_MEMORY));
    let said = call(1, "P-1", first, LOAN);
    asked.list("P-1", "");
    asked.tell("P-1", &said, first);
    // What others tell, and what is asked, says nothing of this person's days.
    asked.tell("P-2", &call(2, "P-2", last, LOAN), last.plus(SECOND));
    let request = r#"{"requestId":"r","personId":"P-1","channel":"voice","theme":"opsCollDebt"}"#;
    asked.take(&Fed::new(CONTACT_REQUESTS, "P-1", request, last.plus(SECOND)));
    assert_eq!(asked.tell("P-1", &said, last), fate(Fate::Repeat, 1, None));
    assert_eq!(asked.tell("P-1", &said, last.plus(SECOND)), fate(Fate::Applied, 1, None));
}

#[test]
fn an_interaction_that_cannot_be_used_is_refused() {
    let mut asked = Asked::new();
    let ahead = limits::INTERACTION_AHEAD;
    let fits = call(1, "P-1", now().plus(ahead), LOAN);
    assert_eq!(asked.tell("P-1", &fits, now()), fate(Fate::Applied, 1, None));
    let early = call(2, "P-1", now().plus(ahead).plus(SECOND), LOAN);
    assert_eq!(asked.tell("P-1", &early, now()), fate(Fate::Refused, 2, Some("400.003")));
    let of_another = call(3, "P-2", now(), LOAN);
    assert_eq!(asked.tell("P-1", &of_another, now()), fate(Fate::Refused, 3, Some("400.003")));
    let untimed = asked.tell("P-1", &call(4, "P-1", now(), LOAN), Micros(-1_000));
    assert_eq!(untimed, fate(Fate::Refused, 4, Some("400.003")));
    assert_eq!(asked.tell("P-1", "{", now()), (Fate::Refused, None, Some("400.001".to_owned())));
    assert_eq!(asked.seen("P-1")["interactions"].as_array().map(Vec::len), Some(1));

    let before = asked.said.replies.len();
    asked.take(&Fed::new(INTERACTIONS, "P-1", fits, now()));
    assert_eq!(asked.said.replies.len(), before, "nobody asked");
}

#[test]
fn bad_records_of_each_input_are_dead_letters_and_change_nothing() {
    let mut asked = Asked::new();
    asked.list("P-1", "");
    let before = all(&asked.partition);
    let long = "n".repeat(limits::ID_CHARS_MAX + 1);
    let many = vec![r#""A""#; limits::LOANS_MAX + 1].join(",");
    let of_inputs = [
        (CONTACT_REQUESTS, "400.001", "{".to_owned()),
        (CONTACT_REQUESTS, "400.001", r#"{"requestId":"r","personId":"P-1"}"#.to_owned()),
        (CONTACT_REQUESTS, "400.002", r#"{"requestId":" ","personId":"P-1","channel":"voice"}"#.to_owned()),
        (CONTACT_REQUESTS, "400.003", r#"{"requestId":"r","personId":"P-2","channel":"voice"}"#.to_owned()),
        (
            CONTACT_REQUESTS,
            "400.005",
            format!(r#"{{"requestId":"{long}","personId":"P-1","channel":"voice"}}"#),
        ),
        (
            CONTACT_REQUESTS,
            "400.005",
            format!(r#"{{"requestId":"r","personId":"P-1","channel":"voice","loanIds":[{many}]}}"#),
        ),
        (INTERACTIONS, "400.001", r#"{"eventId":"evt_1"}"#.to_owned()),
        (INTERACTIONS, "400.004", call(1, "P-1", now(), "").replace("evt_", "evt-")),
        (INTERACTIONS, "400.002", call(1, "P-1", now(), "").replace("outbound-call", "")),
        (INTERACTIONS, "400.003", call(1, "P-2", now(), "")),
        (PARTY_RECORDS, "400.001", r#"{"partyId":"P-1","contacts":[{}]}"#.to_owned()),
        (PARTY_RECORDS, "400.003", r#"{"partyId":"P-2"}"#.to_owned()),
        (PARTY_RECORDS, "400.005", format!(r#"{{"partyId":"P-1","places":["{}"]}}"#, "p".repeat(64 << 10))),
        (PARTIES, "400.001", "{}".to_owned()),
        (PARTIES, "400.003", r#"{"partyId":"P-2","account":"A-1"}"#.to_owned()),
    ];
    for (input, code, value) in of_inputs {
        let offset = asked.partition.positions()[input].unwrap_or(0);
        asked.take(&Fed::new(input, "P-1", value.as_str(), now()));
        assert_eq!(asked.said.letters, [(input, offset, code)], "{value}");
        asked.said.letters.clear();
    }
    for input in [CONTACT_REQUESTS, INTERACTIONS, PARTIES] {
        asked.take(&Fed { value: None, ..Fed::new(input, "P-1", "", now()) });
        asked.take(&Fed::new(input, " ", "{}", now()));
    }
    assert_eq!(asked.said.letters.iter().map(|(.., code)| *code).collect::<Vec<_>>(), ["400.001"; 6]);
    assert_eq!((&asked.said.decisions[..], &asked.said.replies[..]), (&[][..], &[][..]));
    assert_eq!(all(&asked.partition), before);
}

#[test]
fn each_request_that_can_be_read_has_one_decision() {
    let mut asked = Asked::new();
    let question = r#","channel":"voice","theme":"opsCollDebt""#;
    assert_eq!(asked.ask(question), ["contact.request.person"]);
    assert_eq!(asked.ask(question), ["contact.request.person"], "the same question again");
    asked.list("P-1", "");
    assert_eq!(
        asked.ask(r#","channel":"pigeon""#),
        ["contact.request.theme", "contact.request.channel", "contact.request.contact"]
    );
    assert_eq!(
        asked.ask(r#","channel":"gui","theme":"opsServicing","contactDetails":{"kind":"x","value":"y"}"#),
        [""; 0]
    );
    let last = read_decision(asked.said.decisions[3].1.as_bytes()).expect("a decision");
    assert!(last.result);
    assert_eq!((last.source.topic.as_str(), last.source.offset), ("contact.requests", 3));
    let positions: Vec<(&str, i64)> = last.positions.iter().map(|(topic, next)| (&**topic, *next)).collect();
    assert_eq!(positions, [("interactions", 0), ("party.records", 1), ("tillgate.parties", 0)]);
    assert_eq!(asked.said.letters, []);
}

#[test]
fn a_record_on_another_partition_than_its_key_belongs_on_changes_nothing() {
    let division = Division { partitioner: Partitioner::Murmur2, partitions: 2 };
    let astray = (0..).map(|number| format!("P-{number}"));
    let party = astray.into_iter().find(|party| division.misplaced(party.as_bytes(), 0.into()).is_some());
    let party = party.expect("somebody");
    let mut asked = Asked { partition: empty(0, settings(2, 400 << 10)), said: Published::default() };
    let said = asked.tell(&party, &call(1, &party, now(), LOAN), now());
    assert_eq!(said, (Fate::Refused, None, Some("pos.state.unavailable".to_owned())));
    for (input, value) in [
        (PARTY_RECORDS, format!(r#"{{"partyId":"{party}"}}"#)),
        (PARTIES, format!(r#"{{"partyId":"{party}","account":"A-1"}}"#)),
        (CONTACT_REQUESTS, format!(r#"{{"requestId":"r","personId":"{party}","channel":"voice"}}"#)),
    ] {
        asked.take(&Fed::new(input, &party, value, now()));
    }
    let of_inputs: Vec<usize> = asked.said.letters.iter().map(|(input, ..)| *input).collect();
    assert_eq!(of_inputs, [INTERACTIONS, PARTY_RECORDS, PARTIES]);
    let decision = read_decision(asked.said.decisions[0].1.as_bytes()).expect("a decision");
    let codes: Vec<&str> = decision.reasons.iter().map(|reason| &*reason.code).collect();
    assert_eq!((decision.result, codes), (false, vec!["pos.state.unavailable"]));
    assert_eq!((asked.said.misplaced, asked.partition.state().len()), (4, 0));
}

#[test]
fn what_fails_again_and_again_is_given_up_with_an_answer() {
    let mut asked = Asked::new();
    let mut fail = |input: usize, key: &str, value: &str| {
        let record = InputRecord {
            input,
            partition: 0.into(),
            offset: asked.partition.positions()[input].unwrap_or(0),
            timestamp_millis: 0,
            time: RecordTime::of_millis(0),
            key: Some(key.as_bytes()),
            value: Some(value.as_bytes()),
            schema_guid: None,
            request_id: Some(b"q"),
        };
        asked.partition.on_failed_record(&record, &mut asked.said);
    };
    let request = r#"{"requestId":"r","personId":"P-1","channel":"voice"}"#;
    fail(CONTACT_REQUESTS, "P-1", request);
    fail(CONTACT_REQUESTS, "P-2", request);
    fail(CONTACT_REQUESTS, "P-1", "{");
    fail(INTERACTIONS, "P-1", "{");
    fail(PARTY_RECORDS, "P-1", "{");
    fail(PARTIES, "P-1", "{");
    assert_eq!(asked.said.letters.iter().map(|(.., code)| *code).collect::<Vec<_>>(), ["500"; 6]);
    let [(person, decision)] = &asked.said.decisions[..] else { panic!("{:?}", asked.said.decisions) };
    let decision = read_decision(decision.as_bytes()).expect("a decision");
    assert_eq!((&**person, decision.result, &*decision.reasons[0].code), ("P-1", false, "500"));
    let [(_, reply)] = &asked.said.replies[..] else { panic!("{:?}", asked.said.replies) };
    assert_eq!(read_reply(reply.as_bytes()).expect("a reply").fate, Fate::Refused);
}

#[test]
fn a_contact_that_a_request_brings_along_is_remembered_until_it_is_listed() {
    let mut asked = Asked::new();
    let by = |value: &str| {
        format!(
            r#","channel":"voice","theme":"opsServicing","contactDetails":{{"kind":"phone","value":"{value}"}}"#
        )
    };
    asked.ask(&by("+1 555 0"));
    assert!(asked.partition.state().is_empty(), "of nobody");
    asked.list("P-1", r#","contacts":[{"contactId":"c","kind":"phone","value":"+1 555 1"}]"#);
    for value in ["+1 555 1", "+1 (555) 2", "+15552", "+1 555 3"] {
        assert_eq!(asked.ask(&by(value)), [""; 0]);
    }
    let found = |asked: &Asked| -> Vec<String> {
        let seen = asked.seen("P-1");
        let found = seen["newContacts"].as_array().expect("a list").iter();
        found.map(|contact| contact["value"].as_str().expect("a value").to_owned()).collect()
    };
    assert_eq!(found(&asked), ["+1 (555) 2", "+1 555 3"]);
    asked.list("P-1", r#","contacts":[{"contactId":"d","kind":"phone","value":"+1 55-52"}]"#);
    assert_eq!(found(&asked), ["+1 555 3"]);
    for number in 0..limits::FOUND_CONTACTS_MAX {
        asked.ask(&by(&format!("+1 666 {number}")));
    }
    let left = found(&asked);
    assert_eq!((left.len(), left.contains(&"+1 555 3".to_owned())), (limits::FOUND_CONTACTS_MAX, false));
}

#[test]
fn nobody_makes_a_person_grow_without_bound() {
    let mut asked = Asked::new();
    let long = |number: usize| format!("{number:0>width$}", width = limits::ID_CHARS_MAX);
    asked.list("P-1", "");
    for number in 0..2 * limits::PARTY_ACCOUNTS_MAX {
        let fact = format!(r#"{{"partyId":"P-1","account":"{}","statuses":["frozen"]}}"#, long(number));
        asked.take(&Fed::new(PARTIES, "P-1", fact, now()));
    }
    assert_eq!(asked.said.letters.len(), limits::PARTY_ACCOUNTS_MAX, "what has no place is told");
    // One that has its place keeps it.
    let gone = format!(r#"{{"partyId":"P-1","account":"{}","withdrawn":true}}"#, long(0));
    asked.take(&Fed::new(PARTIES, "P-1", gone, now()));
    assert_eq!(asked.said.letters.len(), limits::PARTY_ACCOUNTS_MAX);
    for number in 0..2 * limits::INTERACTIONS_MAX as u64 {
        let more =
            format!(r#","idempotencyKey":"{}","agentId":"{}""#, long(number as usize), "a".repeat(4_000));
        asked.take(&Fed::new(INTERACTIONS, "P-1", call(number, "P-1", now(), &more), now()));
    }
    // What is no kind of contact is none that could be listed.
    let no_kind = "\u{1d11e}".repeat(limits::TEXT_CHARS_MAX);
    for number in 0..4 * limits::FOUND_CONTACTS_MAX {
        let kind = if number < 2 * limits::FOUND_CONTACTS_MAX { "phone" } else { &no_kind };
        asked.ask(&format!(
            r#","channel":"chat","theme":"opsServicing","contactDetails":{{"kind":"{kind}","value":"{}"}}"#,
            long(number)
        ));
    }
    let bytes = all(&asked.partition).1["P-1"].len() + limits::PARTY_RECORD_BYTES_MAX;
    assert!(bytes < limits::JOURNAL_RECORD_BYTES_MIN / 2, "{bytes} bytes in one record of the journal");
}

/// Facts that a partition of POS events sends for account events of A-1, in order.
fn facts(pos: &mut pos::Partition, events: &[&str]) -> Vec<(String, String)> {
    for rest in events {
        let offset = pos.positions()[Input::AccountEvents as usize].unwrap_or(0);
        let value = format!(r#"{{"id":"e-{offset}","account":"A-1","createdAt":"{}",{rest}}}"#, now());
        let fed = stream::Fed { input: Input::AccountEvents, ..stream::Fed::pos(offset, "A-1", value) };
        let outside = Outside { schemas: &*SCHEMAS, profiles: None };
        pos.on_record(outside, &fed.record(), &mut stream::Published::default()).expect("it is taken in");
    }
    let mut sent = Vec::new();
    pos.end_batch(&mut |outbound| {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("text");
        sent.push((text(outbound.key), text(outbound.value.expect("a fact"))));
    });
    sent
}

#[test]
fn an_account_is_its_persons_until_it_is_anothers() {
    let parties = Some(Division { partitioner: Partitioner::Murmur2, partitions: 1 });
    let options = PartitionOptions { parties, ..stream::options() };
    let mut pos = pos::Partition::new(stream::engine::<&str>(&[]), 0.into(), options);
    let mut asked = Asked::new();
    let of = |party: &str| format!(r#""eventType":"update","update":{{"partyId":"{party}"}}"#);
    let flag =
        |name: &str, set: bool| format!(r#""eventType":"flag","flag":{{"name":"{name}","set":{set}}}"#);
    let limit = r#""eventType":"limit","limit":{"amount":500}"#;
    let (of_1, of_2, freeze, thaw) = (of("P-1"), of("P-2"), flag("frozen", true), flag("frozen", false));
    let tell = |pos: &mut pos::Partition, asked: &mut Asked, events: &[&str]| {
        let sent = facts(pos, events);
        for (party, fact) in &sent {
            asked.take(&Fed::new(PARTIES, party, fact.as_str(), now()));
        }
        pos.committed();
        sent.len()
    };
    assert_eq!(tell(&mut pos, &mut asked, &[limit, &freeze]), 0, "nobody's yet");
    assert_eq!(tell(&mut pos, &mut asked, &[&of_1, limit]), 1);
    assert_eq!(asked.seen("P-1")["accounts"][0]["statuses"][0], "frozen");

    assert_eq!(facts(&mut pos, &[&of_2]).len(), 2);
    pos.aborted();
    assert_eq!(facts(&mut pos, &[]), [], "an abort leaves nothing to tell");

    assert_eq!(tell(&mut pos, &mut asked, &[&thaw, &of_2, &freeze]), 4, "in one batch");
    assert_eq!(asked.seen("P-1")["accounts"].as_array().map(Vec::len), Some(0));
    assert_eq!(asked.seen("P-2")["accounts"][0]["statuses"].as_array().map(Vec::len), Some(1));
    assert_eq!(tell(&mut pos, &mut asked, &[r#""eventType":"close","close":{}"#, &thaw]), 2);
    assert_eq!(asked.seen("P-2")["accounts"][0]["statuses"], serde_json::json!(["closed"]));
    assert_eq!(asked.said.letters, []);
}
