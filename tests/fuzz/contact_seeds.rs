//! What fuzzing of contact decisions begins with: a record of each kind with all that it can have, days of a person as a
//! partition reads them, and the decisions that come of these.

use super::mutate::Choices;
use super::support::contacts::{Published, TOPICS, empty, event_id, settings};
use tillgate::contact::{CONTACT_REQUESTS, INTERACTIONS, PARTIES, PARTY_RECORDS};
use tillgate::domain::record::RecordTime;
use tillgate::pipeline::InputRecord;

const PARTY: &str = r#"{"partyId":"P-1","jurisdiction":"US-NY","timeZones":["America/New_York","Asia/Kathmandu"],"places":["US-TX"],"contacts":[{"contactId":"c-1","externalId":"x-1","kind":"phone","value":"+1 (555) 010-9999","place":"work","timeZones":["Pacific/Apia"],"consentAutodialedCall":true,"optedOut":["text"]},{"contactId":"c-2","kind":"email","value":"Jo@Example.org"}],"loans":[{"loanId":"A-1","externalId":"L-1","statuses":["frozen"]},{"loanId":"A-2"}],"cases":[{"caseId":"k-1","kind":"attorney","from":"2026-01-01","until":"2026-06-30","channels":["voice"],"themes":["all"],"loanIds":["A-1"]}],"inconvenientTimes":[{"days":["mon","sun"],"from":"22:00","to":"09:30:15"},{"from":"12:00","to":"24:00"}],"inconvenientPlaces":["work"]}"#;

fn request(more: &str) -> String {
    format!(r#"{{"requestId":"r-1","personId":"P-1","channel":"voice","theme":"opsCollDebt"{more}}}"#)
}

fn interaction(number: u64, more: &str) -> String {
    format!(
        r#"{{"eventId":"{}","partyId":"P-1","channel":"contact-center","type":"outbound-call","occurredAt":"2026-02-2{}T15:00:00Z"{more}}}"#,
        event_id(number),
        number % 9
    )
}

/// Records and their inputs, in an order in which they may come.
fn all() -> Vec<(usize, String)> {
    let mut found = vec![
        (PARTY_RECORDS, r#"{"partyId":"P-1"}"#.to_owned()),
        (PARTY_RECORDS, PARTY.to_owned()),
        (PARTIES, r#"{"partyId":"P-1","account":"A-1","statuses":["charged_off","closed"]}"#.to_owned()),
        (PARTIES, r#"{"partyId":"P-1","account":"A-9"}"#.to_owned()),
        (PARTIES, r#"{"partyId":"P-1","account":"A-9","withdrawn":true}"#.to_owned()),
        (CONTACT_REQUESTS, request(r#","contactId":"c-1""#)),
        (
            CONTACT_REQUESTS,
            request(r#","loanIds":["A-1","L-1"],"contactExternalId":"x-1","startAt":"2026-03-02T09:00:00Z""#),
        ),
        (
            CONTACT_REQUESTS,
            request(
                r#","subject":"freeForm","startDate":"2026-03-02","isAutodialed":true,"contactDetails":{"kind":"phone","value":"+15550109999"}"#,
            ),
        ),
        (
            CONTACT_REQUESTS,
            request(r#","loanIds":null,"contactDetails":{"kind":"email","value":"b@c.example"}"#),
        ),
    ];
    let loan = r#","linkedResourceType":"loan","linkedResourceId":"A-2","outcome":"#;
    for number in 0..9 {
        let outcome = ["no-answer", "conversation", "consent-given", "x"][number as usize % 4];
        let more = [format!(r#"{loan}"{outcome}""#), r#","purpose":"servicing","agentId":"a""#.to_owned()];
        found.push((INTERACTIONS, interaction(number, &more[usize::from(number > 7)])));
    }
    found.push((INTERACTIONS, interaction(1, r#","idempotencyKey":"k-1","outcome":"busy""#)));
    found.extend([
        (CONTACT_REQUESTS, request(r#","loanIds":["A-2"],"contactId":"c-1""#)),
        (PARTY_RECORDS, String::new()),
    ]);
    found
}

/// Each record alone.
pub fn records() -> Vec<Vec<u8>> {
    all().into_iter().map(|(_, value)| value.into_bytes()).collect()
}

/// All in a partition, in several ways.
pub fn partitions() -> Vec<Vec<u8>> {
    let way = |seed: u64| {
        let mut choices = Choices::new(seed);
        let mut bytes = Vec::new();
        for (input, value) in all() {
            let ends = [0, 0, 0x10, 0x20][choices.below(4)];
            let gone = if value.is_empty() { 0x80 } else { 0 };
            bytes.push(input as u8 | 0x08 | ends | gone | (choices.below(2) as u8) << 6);
            bytes.push([0, 0, 0, 2, 3, 4, 0x10, 0x18][choices.below(8)]);
            bytes.extend_from_slice(&(value.len() as u16).to_le_bytes());
            bytes.extend_from_slice(value.as_bytes());
        }
        bytes
    };
    (0..12).map(way).collect()
}

/// The decisions on the requests.
pub fn decisions() -> Vec<Vec<u8>> {
    let mut partition = empty(0, settings(1, 1 << 20));
    let mut published = Published::default();
    for (input, value) in all() {
        let millis = 1_772_400_000_000;
        let record = InputRecord {
            input,
            partition: 0.into(),
            offset: partition.positions()[input].unwrap_or(0),
            timestamp_millis: millis,
            time: RecordTime::of_millis(millis),
            key: Some(b"P-1"),
            value: Some(value.as_bytes()).filter(|value| !value.is_empty()),
            schema_guid: None,
            request_id: None,
        };
        partition.on_record((), &record, &mut published).unwrap_or_else(|why| panic!("{why}"));
    }
    assert!(TOPICS.len() == 4 && published.decisions.len() > 3, "{published:?}");
    published.decisions.into_iter().map(|(_, value)| value.into_bytes()).collect()
}

/// Words of the records.
pub fn words() -> Vec<Vec<u8>> {
    let words = [
        "null",
        "true",
        "[]",
        "{}",
        "[",
        "]",
        "{",
        "}",
        ",",
        ":",
        "P-1",
        "A-2",
        "c-1",
        "voice",
        "email",
        "mail",
        "all",
        "opsCollDebt",
        "opsServicing",
        "opsAccountCredentials",
        "inbBug",
        "freeForm",
        "statement",
        "US-AK",
        "US-NY",
        "NO",
        "bankruptcy",
        "workplace",
        "own",
        "consent",
        "inbound-call",
        "conversation",
        "consent-given",
        "third-party",
        "Pacific/Kiritimati",
        "America/St_Johns",
        "Etc/GMT+12",
        "\"Mars/Base\",",
        "0000-01-01",
        "9999-12-31",
        "2026-02-30",
        "24:00",
        "00:00:00",
        "23:59:60",
        "\"startAt\":",
        "\"startDate\":",
        "\"loanIds\":[\"A-2\"],",
        "\"contactDetails\":{\"kind\":\"phone\",\"value\":\"1\"},",
        "\"contactId\":\"c-2\",",
        "\"withdrawn\":true,",
        "\"partyId\":\"P-1\",",
        "\"personId\":\"P-1\",",
        "\"notBefore\":null",
        "\"reasons\":[],",
        "\"result\":true,",
    ];
    words.iter().map(|word| word.as_bytes().to_vec()).collect()
}
