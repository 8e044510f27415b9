//! The records of contact decisions: alone as lines of a file, and one after another in a partition.

use std::fmt::Debug;
use std::sync::Arc;

use serde_json::Value;
use tillgate::contact::{
    CONTACT_REQUESTS, ContactRequest, EventId, INPUTS, INTERACTIONS, Interaction, OfflineContacts,
    PARTY_RECORDS, PartyFact, PartyRecord, ReadDecision, RecordFault, read_decision,
};
use tillgate::domain::hashing::Seed;
use tillgate::domain::limits::{ID_CHARS_MAX, MESSAGE_CHARS_MAX};
use tillgate::domain::record::RecordTime;
use tillgate::domain::visible::is_visible;
use tillgate::explain::{contact::contact as explained, paint::Paint};
use tillgate::pipeline::{InputRecord, Restore};

use super::contact_judge::{Judge, RULES, TOPICS, commit, known, new_partition};
use super::judge::assert_text;

/// Records that one input is cut into, at most.
const RECORDS_MAX: usize = 200;
const HOUR: i64 = 3_600_000;

/// A value as each of the four records: what is read is written and read alike; as a line of a file each is taken or refused,
/// and a request that is read has one decision.
pub fn record(bytes: &[u8]) {
    let request = again(bytes, ContactRequest::read, serde_json::to_vec);
    let interaction = again(bytes, Interaction::read, serde_json::to_vec);
    let party = again(bytes, PartyRecord::read, serde_json::to_vec);
    let fact = again(bytes, PartyFact::read, serde_json::to_vec);
    if let Some(interaction) = &interaction {
        let id = EventId::parse(&interaction.event_id).expect("it was read");
        assert_eq!(EventId::parse(&id.to_string()), Some(id));
    }
    let keys = [
        request.as_ref().map(|record| record.person_id.clone()),
        interaction.map(|record| record.party_id),
        party.map(|record| record.party_id),
        fact.map(|record| record.party_id),
    ];
    let mut contacts = OfflineContacts::new(Arc::clone(&RULES), TOPICS.map(str::to_owned), Seed([1, 2]));
    // The request comes last, when all that can be known is.
    for input in (0..INPUTS).rev() {
        let key = keys[input].as_deref().unwrap_or("P");
        let came = contacts.take(input, key, bytes).unwrap_or_else(|why| panic!("{why}"));
        let is_decided = came.decision.is_some();
        assert_eq!(is_decided, input == CONTACT_REQUESTS && keys[input].is_some());
        assert!(!(is_decided && came.dead_letter.is_some()), "both decided and refused");
        assert!(keys[input].is_some() || came.dead_letter.is_some(), "what cannot be read is refused");
        if let (Some(value), Some(request)) = (&came.decision, &request) {
            let decision = read_decision(value).expect("a decision reads again");
            shown(request, &decision);
        }
    }
}

/// What was read, which must be written and read alike, and from then on to the same bytes.
fn again<T: PartialEq + Debug>(
    bytes: &[u8],
    reader: fn(&[u8]) -> Result<T, RecordFault>,
    writer: fn(&T) -> serde_json::Result<Vec<u8>>,
) -> Option<T> {
    match reader(bytes) {
        Ok(read) => {
            let written = writer(&read).expect("into memory nothing fails");
            let twice = reader(&written).expect("what was written reads");
            assert_eq!(read, twice);
            assert_eq!(writer(&twice).expect("into memory nothing fails"), written);
            Some(read)
        }
        Err(fault) => {
            assert!(matches!(fault.code, "400.001" | "400.002" | "400.004" | "400.005"), "{}", fault.code);
            assert_text(&fault.message, MESSAGE_CHARS_MAX);
            None
        }
    }
}

/// What people are shown of a decision has nothing in it that a terminal obeys.
fn shown(request: &ContactRequest, decision: &ReadDecision) {
    for line in explained(request, decision, Paint(false)) {
        assert!(line.chars().all(is_visible), "a character that a terminal obeys in {line:?}");
    }
}

/// The value of a decision's record, as a gateway and `explain` read it.
pub fn decision(bytes: &[u8]) {
    match read_decision(bytes) {
        Ok(decision) => shown(&ContactRequest::default(), &decision),
        Err(why) => assert!(!why.is_empty()),
    }
}

/// A record among others: two bytes of what is done with it, the length of its value in two more, its value.
///
/// Each is answered as its input owes; an aborted batch never was; the journal folds to the state.
pub fn partition(bytes: &[u8]) {
    let mut rest = bytes;
    let mut partition = new_partition();
    let (mut journal, mut committed, mut time) = (Vec::new(), known(&partition), 1_772_000_000_000_i64);
    for _ in 0..RECORDS_MAX {
        let Some(([does, when], value)) = next(&mut rest) else { break };
        let input = usize::from(does) % INPUTS;
        let steps = [1_000, 0, HOUR, 24 * HOUR, 40 * 24 * HOUR, -60_000, -72 * HOUR, 366 * 24 * HOUR];
        time = (time + steps[usize::from(when & 7)]).clamp(0, 253_402_300_799_999);
        let person = person_of(value);
        let key = match does >> 2 & 3 {
            0 => value.get(..8).unwrap_or(b"P"),
            1 => b"P",
            _ => person.as_deref().unwrap_or("P").as_bytes(),
        };
        let offset = partition.positions()[input].unwrap_or(0);
        let (millis, known_time) = match when >> 3 & 3 {
            0 | 1 => (time, RecordTime::of_millis(time)),
            2 => (-1, RecordTime::Line),
            _ => (-1, RecordTime::None),
        };
        let record = InputRecord {
            input,
            partition: 0.into(),
            offset,
            timestamp_millis: millis,
            time: known_time,
            key: Some(key).filter(|_| when & 0xe0 != 0xe0),
            value: Some(value).filter(|_| does & 0x80 == 0 || input != PARTY_RECORDS),
            schema_guid: None,
            request_id: Some(&b"r"[..]).filter(|_| does & 0x40 != 0 && input == INTERACTIONS),
        };
        Judge::feed(&mut partition, &record);
        match does >> 4 & 3 {
            1 => {
                journal.extend(commit(&mut partition));
                committed = known(&partition);
            }
            2 => {
                partition.aborted();
                assert_eq!(known(&partition), committed, "an aborted batch never was");
            }
            _ => {}
        }
    }
    journal.extend(commit(&mut partition));
    let mut restore = Restore::new(new_partition());
    for record in &journal {
        restore.on_record(record).expect("a journal of ours");
    }
    assert_eq!(known(&restore.finish().expect("a journal of ours")), known(&partition));
}

/// The person whom a record names.
fn person_of(value: &[u8]) -> Option<String> {
    let json: Value = serde_json::from_slice(value).ok()?;
    let id = json.get("personId").or_else(|| json.get("partyId"))?.as_str()?;
    (!id.trim().is_empty() && id.chars().count() <= ID_CHARS_MAX).then(|| id.to_owned())
}

fn next<'b>(rest: &mut &'b [u8]) -> Option<([u8; 2], &'b [u8])> {
    let [does, when, low, high, bytes @ ..] = *rest else { return None };
    let length = usize::from(u16::from_le_bytes([*low, *high])).min(bytes.len());
    let (value, after) = bytes.split_at(length);
    *rest = after;
    Some(([*does, *when], value))
}
