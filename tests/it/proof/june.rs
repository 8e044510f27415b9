//! June of the handbook as two files, one record a line, with what the handbook does not have: accounts with a past,
//! and now and then an event that is sent again, mistaken, or not whole.
//! Never random: the same files every time.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use jiff::Timestamp;

use crate::support::{Message, read_jsonl};

/// Events of June in the handbook.
pub const EVENTS: usize = 287_000;
/// One more event comes after each so many.
const EVERY: usize = 500;
const DAY: i64 = 86_400;
/// A payment's status that there is not.
const NO_STATUS: &str = "\"status\":\"lost\"";

/// The inputs, in the order of their times.
pub struct June {
    pub events: Vec<String>,
    pub account_events: Vec<String>,
    /// Account events that nothing can be made of.
    pub dead_letters: usize,
}

impl June {
    /// The first `most` events of June, and what happened to their accounts.
    pub fn read(shared: &Path, most: usize) -> Self {
        let path = shared.join("data/handbook/events_2018-06.jsonl.zst");
        let mut events = Vec::with_capacity(most + most / EVERY);
        for (number, line) in read_jsonl(path).take(most).enumerate() {
            let more = (number % EVERY == EVERY - 1).then(|| another(&line, number / EVERY));
            events.push(line);
            events.extend(more);
        }
        let accounts: BTreeSet<&str> = events.iter().map(|line| key(line)).collect();
        let (account_events, dead_letters) = past(accounts.into_iter());
        June { events, account_events, dead_letters }
    }

    /// Only what happened to the accounts up to the time of that event.
    pub fn accounts_until(&mut self, event: usize) {
        let until = time(&self.events[event]);
        self.account_events.retain(|line| time(line) <= until);
        self.dead_letters = self.account_events.iter().filter(|line| line.contains(NO_STATUS)).count();
    }

    pub fn write(&self, events: &Path, account_events: &Path) {
        for (path, lines) in [(events, &self.events), (account_events, &self.account_events)] {
            let mut file = BufWriter::new(File::create(path).expect("a file"));
            for line in lines {
                writeln!(file, "{line}").expect("written");
            }
            file.flush().expect("written");
        }
    }
}

/// A line as the record that it would be: by its account, at its time.
pub fn message(line: &str, value: impl Into<Vec<u8>>) -> Message {
    Message::new(key(line), value).at(time(line).as_millisecond())
}

fn time(line: &str) -> Timestamp {
    let time = text(line, "\"time\":\"").or_else(|| text(line, "\"createdAt\":\""));
    time.expect("a time").parse().expect("RFC 3339")
}

fn key(line: &str) -> &str {
    let account = text(line, "\"accountNumber\":\"").or_else(|| text(line, "\"account\":\""));
    account.expect("an account")
}

/// The text behind `start`, up to the next quote.
fn text<'l>(line: &'l str, start: &str) -> Option<&'l str> {
    line.split_once(start)?.1.split('"').next()
}

/// Another event of the same second: the same one, or one with something wrong.
fn another(line: &str, number: usize) -> String {
    let total = line.split_once("\"totalAmount\":").expect("a total").1.split(',').next().expect("a total");
    let other_id = line.replacen("\"HB-06", "\"XX-06", 1);
    let replaced = |part: &str, other: &str| {
        assert!(line.contains(part), "{part}: {line}");
        other_id.replacen(part, other, 1)
    };
    match number % 8 {
        0 => line.to_owned(),
        1 => line.replace(total, "77.77"),
        2 => other_id,
        3 => replaced("card transaction", " "),
        4 => replaced(&format!("\"totalAmount\":{total}"), "\"totalAmount\":0.01"),
        5 => replaced("\"totalTax\":0.00", "\"totalTax\":1.00"),
        6 => replaced("\"EUR\"", "\"SEK\""),
        _ => replaced("\"quantity\":1", "\"quantity\":3"),
    }
}

/// What happens to the accounts: most get a limit before June; within it there are payments, flags and the like.
fn past<'a>(accounts: impl Iterator<Item = &'a str>) -> (Vec<String>, usize) {
    let june: i64 = "2018-06-01T00:00:00Z".parse::<Timestamp>().expect("a time").as_second();
    let mut events: Vec<(i64, String)> = Vec::new();
    let mut dead_letters = 0;
    for (number, account) in accounts.enumerate() {
        // Days after the beginning of June, never at the same second.
        let mut add = |day: i64, kind: &str, payload: &str| {
            let second = june + day * DAY + number as i64;
            let time = Timestamp::from_second(second).expect("a time");
            let (id, member) = (events.len(), if kind == "cash_advance" { "cashAdvance" } else { kind });
            events.push((
                second,
                format!(
                    "{{\"id\":\"acc_evt_{id:024}\",\"account\":\"{account}\",\"eventType\":\"{kind}\",\
                     \"{member}\":{payload},\"createdAt\":\"{time}\"}}"
                ),
            ));
        };
        if number % 4 != 3 {
            let amount = [40_000, 150_000, 900_000][number % 3];
            add(-1, "limit", &format!("{{\"amount\":{amount}}}"));
        }
        match number % 10 {
            0 | 5 => {
                // What is reversed was paid before.
                let statuses = [
                    ["success", "failed", "reversed"],
                    ["success", "reversed", "success"],
                    ["success", "success", "reversed"],
                    ["failed", "success", "reversed"],
                ];
                for (day, status) in [7, 14, 21].into_iter().zip(statuses[number / 5 % 4]) {
                    add(day, "payment", &format!("{{\"amount\":30000,\"status\":\"{status}\"}}"));
                }
            }
            1 => {
                let names = ["review", "blocked", "stopped", "dunning", "chargeback"];
                let name = names[number / 10 % names.len()];
                add(4, "flag", &format!("{{\"name\":\"{name}\",\"set\":true}}"));
                add(11, "flag", &format!("{{\"name\":\"{name}\",\"set\":false}}"));
            }
            2 if number % 40 == 2 => add(19, "close", "{\"reason\":\"moved\"}"),
            3 if number % 20 == 3 => {
                add(9, "default", "{\"satisfied\":false}");
                add(16, "default", "{\"satisfied\":true}");
            }
            4 if number % 60 == 4 => add(12, "update", "{\"ssnKnown\":true}"),
            6 if number % 30 == 6 => add(5, "cash_advance", "{\"amount\":5000}"),
            7 if number % 500 == 7 => {
                add(6, "payment", &format!("{{\"amount\":100,{NO_STATUS}}}"));
                dead_letters += 1;
            }
            _ => {}
        }
    }
    events.sort();
    (events.into_iter().map(|(_, line)| line).collect(), dead_letters)
}
