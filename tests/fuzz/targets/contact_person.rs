//! A person as bad as a sender can make one, made of bytes within every bound: as many zones, times, loans, cases and calls as a
//! record takes, at dates from one end of the calendar to the other. Each request has its decision, and what is said of when it
//! may be asked again holds.

use jiff::tz::TimeZoneDatabase;
use serde_json::{Value, json};
use std::sync::LazyLock;
use tillgate::contact::{
    CONTACT_REQUESTS, EventId, INTERACTIONS, PARTIES, PARTY_RECORDS, Partition, ReadDecision,
};
use tillgate::domain::Micros;
use tillgate::domain::record::RecordTime;
use tillgate::pipeline::InputRecord;

use super::contact_judge::{Judge, new_partition};

/// Every name of the database.
pub static ZONES: LazyLock<Vec<String>> = LazyLock::new(|| {
    let database = TimeZoneDatabase::bundled();
    let mut names: Vec<String> = database.available().map(|name| name.as_str().to_owned()).collect();
    names.sort();
    names
});

/// Around what times are looked at: ends of the calendar, and clocks that were set in odd ways.
const AROUND: &[&str] = &[
    "0000-01-01T00:00:00Z",
    "1883-11-18T17:00:00Z",
    "2011-12-29T20:00:00Z",
    "2026-03-01T12:00:00Z",
    "2026-10-30T12:00:00Z",
    "2037-12-31T12:00:00Z",
    "9998-11-20T00:00:00Z",
    "9999-12-25T00:00:00Z",
];
const HOUR: i64 = 3_600_000_000;
const CHANNELS: &[&str] =
    &["voice", "voice", "voice", "text", "email", "fax", "chat", "mail", "gui", "document"];
const THEMES: &[&str] = &["opsCollDebt", "opsCollDebt", "opsServicing", "opsAccountCredentials", "inbBug"];
const KINDS: &[&str] = &["outbound-call", "outbound-call", "inbound-call", "consent", "letter"];
const OUTCOMES: &[&str] =
    &["no-answer", "conversation", "consent-given", "third-party", "no-connection", "x"];

/// Makes a person of the bytes and asks about them.
pub fn person(bytes: &[u8]) {
    let mut maker = Maker { rest: bytes, begin: 0 };
    let mut partition = new_partition();
    let begin = Micros::parse_rfc3339(maker.one_of(AROUND)).expect("a time of ours");
    maker.begin = begin.0 + maker.number(3) % (400 * 24) * HOUR;
    let seen = Micros(maker.begin);
    for _ in 0..maker.below(4) * maker.below(40) {
        let fact = maker.fact();
        take(&mut partition, PARTIES, seen, &fact);
    }
    let record = maker.record();
    take(&mut partition, PARTY_RECORDS, seen, &record);
    let most = [4, 40, 140, 520][maker.below(4)];
    for number in 0..maker.below(most) {
        let interaction = maker.interaction(number);
        take(&mut partition, INTERACTIONS, seen.plus(Micros(400 * 24 * HOUR)), &interaction);
    }
    for _ in 0..3 {
        let request = maker.request();
        let decision = ask(&mut partition, seen, &request);
        asked_again(&mut partition, seen, &request, &decision);
    }
    partition.journal("fuzz");
    partition.committed();
}

/// Lets the partition take a record of the person in.
pub fn take(partition: &mut Partition, input: usize, time: Micros, value: &Value) -> Judge {
    let millis = time.0.div_euclid(1_000);
    let value = value.to_string();
    let record = InputRecord {
        input,
        partition: 0.into(),
        offset: partition.positions()[input].unwrap_or(0),
        timestamp_millis: millis,
        // What lies before 1970 has no broker's time, but a line of a file may.
        time: if millis < 0 { RecordTime::Line } else { RecordTime::Written(time) },
        key: Some(b"P"),
        value: Some(value.as_bytes()),
        schema_guid: None,
        request_id: None,
    };
    Judge::feed(partition, &record)
}

fn ask(partition: &mut Partition, time: Micros, request: &Value) -> ReadDecision {
    let decisions = take(partition, CONTACT_REQUESTS, time, request).decisions;
    decisions.into_iter().next().unwrap_or_else(|| panic!("no decision on {request}"))
}

/// Of a request about one loan: at the time at which each rule of hours and calls stops holding, it does not hold. Of others
/// that is said of the debt that is refused longest alone.
fn asked_again(partition: &mut Partition, time: Micros, request: &Value, decision: &ReadDecision) {
    const UNTIL: [&str; 4] = [
        "contact.frequency.calls",
        "contact.frequency.conversation",
        "contact.hours",
        "contact.hours.inconvenient",
    ];
    let is_of_one = request["loanIds"].as_array().is_some_and(|loans| loans.len() == 1);
    for reason in &decision.reasons {
        let Some(not_before) = reason.not_before else { continue };
        let is_of_hours = reason.code.starts_with("contact.hours");
        if !UNTIL.contains(&&*reason.code) || !(is_of_one || is_of_hours) {
            continue;
        }
        let mut later = request.clone();
        later["startAt"] = json!(not_before);
        later.as_object_mut().expect("an object").remove("startDate");
        let again = ask(partition, time, &later);
        assert!(
            again.reasons.iter().all(|other| other.code != reason.code),
            "{} is said to hold until {}, and holds then: {:?}",
            reason.code,
            not_before,
            again.reasons
        );
    }
}

struct Maker<'b> {
    rest: &'b [u8],
    /// Around when everything is, in microseconds.
    begin: i64,
}

impl Maker<'_> {
    fn byte(&mut self) -> u8 {
        match self.rest {
            [byte, rest @ ..] => {
                self.rest = rest;
                *byte
            }
            // The same over and over would be no bad person.
            [] => {
                self.begin += 1;
                (self.begin.wrapping_mul(0x9e37_79b9_7f4a_7c15_u64 as i64) >> 40) as u8
            }
        }
    }

    fn number(&mut self, bytes: usize) -> i64 {
        (0..bytes).fold(0, |value, _| value << 8 | i64::from(self.byte()))
    }

    fn below(&mut self, count: usize) -> usize {
        self.number(2) as usize % count.max(1)
    }

    fn one_of<'c>(&mut self, choices: &[&'c str]) -> &'c str {
        choices[self.below(choices.len())]
    }

    /// Mostly few, now and then as many as there may be.
    fn many(&mut self, most: usize) -> usize {
        match self.below(4) {
            0 => most,
            1 => self.below(most + 1),
            _ => self.below(3),
        }
    }

    fn list(&mut self, most: usize, mut each: impl FnMut(&mut Self) -> Value) -> Value {
        let count = self.many(most);
        (0..count).map(|_| each(self)).collect()
    }

    fn zone(&mut self) -> Value {
        match self.below(20) {
            0 => json!(self.one_of(&["", "Mars/Base", "america/new_york", "UTC", "+01:00"])),
            _ => json!(ZONES[self.below(ZONES.len())]),
        }
    }

    fn loan_id(&mut self) -> String {
        format!("L-{}", self.below(70))
    }

    /// A time so many hours around the beginning.
    fn time(&mut self, hours: usize) -> Micros {
        let away = self.below(2 * hours) as i64 - hours as i64;
        let exact = if self.below(3) == 0 { self.number(4) } else { 0 };
        Micros(self.begin + away * HOUR + exact).clamp(Micros::FIRST, Micros::LAST)
    }

    fn day(&mut self) -> Value {
        match self.below(8) {
            0 => json!("0000-01-01"),
            1 => json!("9999-12-31"),
            _ => json!(self.time(24 * 40).to_string()[..10]),
        }
    }

    fn clock(&mut self) -> String {
        let seconds = match self.below(4) {
            0 => [0, 86_400, 86_399, 28_800][self.below(4)],
            1 => self.below(86_400),
            _ => self.below(96) * 900,
        };
        format!("{:02}:{:02}:{:02}", seconds / 3_600, seconds / 60 % 60, seconds % 60)
    }

    fn inconvenient_time(&mut self) -> Value {
        let days =
            self.list(7, |maker| json!(maker.one_of(&["mon", "tue", "wed", "thu", "fri", "sat", "sun"])));
        json!({ "days": days, "from": self.clock(), "to": self.clock() })
    }

    fn case(&mut self) -> Value {
        let kinds = ["attorney", "workplace", "own", "ceaseCommunication", "bankruptcy", "\u{1b}[2J"];
        let mut case = json!({
            "caseId": format!("C-{}\u{202e}", self.byte()), "kind": self.one_of(&kinds),
            "channels": self.list(3, |maker| json!(maker.one_of(CHANNELS))),
            "themes": self.list(3, |maker| json!(maker.one_of(THEMES))),
            "loanIds": self.list(32, |maker| json!(maker.loan_id())),
        });
        for bound in ["from", "until"] {
            if self.below(3) > 0 {
                case[bound] = self.day();
            }
        }
        case
    }

    fn record(&mut self) -> Value {
        let (zones, times) = ([2, 32][self.below(2)], [3, 64][self.below(2)]);
        let loan = |maker: &mut Self| {
            json!({
                "loanId": maker.loan_id(), "externalId": format!("E-{}", maker.below(8)),
                "statuses": maker.list(2, |maker| json!(maker.one_of(&["frozen", "closed", "x"]))),
            })
        };
        json!({
            "partyId": "P", "jurisdiction": self.one_of(&["US", "US", "US-NY", "NO"]),
            "timeZones": self.list(zones, Self::zone),
            "places": self.list(zones, |maker| json!(maker.one_of(&["US-TX", "US-AK", "US-GU", "US-ZZ", "US-HI"]))),
            "contacts": [
                { "contactId": "c", "kind": "phone", "value": "+1 555", "place": self.place(),
                  "timeZones": self.list(zones, Self::zone), "optedOut": ["text"] },
                { "contactId": "e", "kind": "email", "value": "a@b.example" },
            ],
            "loans": self.list(64, loan),
            "cases": self.list(6, Self::case),
            "inconvenientTimes": self.list(times, Self::inconvenient_time),
            "inconvenientPlaces": self.list(2, |maker| json!(maker.place())),
        })
    }

    fn place(&mut self) -> String {
        match self.below(6) {
            0 => "\u{202e}".repeat(1_000),
            1 => "home".to_owned(),
            _ => "work".to_owned(),
        }
    }

    fn fact(&mut self) -> Value {
        let statuses = self.list(2, |maker| json!(maker.one_of(&["frozen", "charged_off", "x"])));
        json!({ "partyId": "P", "account": self.loan_id(), "statuses": statuses, "withdrawn": self.below(5) == 0 })
    }

    fn interaction(&mut self, number: usize) -> Value {
        let id = EventId::new(1_700_000_000_000, number as u128);
        let mut interaction = json!({
            "eventId": id.to_string(), "partyId": "P", "channel": "contact-center", "type": self.one_of(KINDS),
            "occurredAt": self.time(24 * 60).to_string(), "outcome": self.one_of(OUTCOMES),
        });
        if self.below(3) > 0 {
            interaction["linkedResourceType"] = json!("loan");
            interaction["linkedResourceId"] = json!(self.loan_id());
        }
        interaction
    }

    fn request(&mut self) -> Value {
        let mut request = json!({
            "requestId": "r", "personId": "P", "channel": self.one_of(CHANNELS), "theme": self.one_of(THEMES),
            "loanIds": self.list(64, |maker| json!(maker.loan_id())),
            "contactId": self.one_of(&["c", "c", "c", "e"]), "isAutodialed": self.below(2) == 0,
        });
        match self.below(4) {
            0 => request["startDate"] = self.day(),
            1 => {}
            _ => request["startAt"] = json!(self.time(24 * 120).to_string()),
        }
        request
    }
}
