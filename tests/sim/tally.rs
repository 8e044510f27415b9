//! The second flow of a run: what is fed into it, and whether what it left keeps the promises. It has three inputs,
//! another key and other partitions than the first, in the same workers and transactions.

use tillgate::{
    domain::PartitionId,
    kafka::port::Unit,
    load::draw::Draw,
    pipeline::{DecisionSink, InputRecord, Outbound, Partition},
};

use super::{
    again::{Again, Letter, given_up, letters},
    checker::{Seen, changes_of, stored},
    input::{ASTRAY, Coming, Shape},
    log::{Record, Topic},
    world::World,
};
use crate::support::tally::{self, ECHOES, FLOW, SALES, TALLIES, Tally};
use tillgate::domain::promise::Promise;

/// All that comes of it.
pub fn coming(shape: &Shape) -> Vec<Coming> {
    let mut draw = Draw::of_slot(shape.seed, 9);
    let mut time = 1_790_000_000_000;
    (0..shape.events * 2)
        .map(|number| {
            let input = draw.below(3) as usize;
            time += i64::from(draw.below(3));
            let shop = format!("shop-{}", draw.below(5));
            let mut record = Record {
                key: Some(shop.into_bytes()),
                value: Some(format!("ok {number}").into_bytes()),
                // Now and then a sender's clock goes back.
                timestamp_millis: if draw.per_mille(50) { time - 20 } else { time },
                ..Record::default()
            };
            match draw.below(60) {
                0 => record.key = None,
                1 => record.value = None,
                2 => record.value = Some(b"no".to_vec()),
                3 => record.headers.push((ASTRAY, Vec::new())),
                4 => record.timestamp_millis = -1,
                _ => {}
            }
            (Topic::Input(&FLOW, input), record)
        })
        .collect()
}

/// A message that was sent: output, key, value, headers.
type Sent = (usize, Vec<u8>, Option<Vec<u8>>, Vec<(String, Vec<u8>)>);

/// What a unit sends when it is decided again.
#[derive(Default)]
struct Published {
    sent: Vec<Sent>,
    letters: Vec<Letter>,
}

impl DecisionSink<Tally> for Published {
    fn send(&mut self, _: &tally::Said, outbound: &Outbound<'_>) {
        let headers = outbound.headers.iter().map(|header| (header.name.to_owned(), header.value.to_vec()));
        let value = outbound.value.map(<[u8]>::to_vec);
        self.sent.push((outbound.output, outbound.key.to_vec(), value, headers.collect()));
    }

    fn dead_letter(&mut self, record: &InputRecord<'_>, code: &'static str, _message: &str) {
        self.letters.push((record.input, record.partition, record.offset, code.to_owned()));
    }
}

/// Checks every unit.
///
/// # Errors
/// The first promise that is broken.
pub fn check(world: &World, partitions: u32, seen: &mut Seen) -> Result<(), String> {
    let found = letters(world, &FLOW, FLOW.inputs, partitions)?;
    let given_up = given_up(&found);
    let settings = tally::settings(partitions);
    let mut expected = Vec::new();
    for partition in PartitionId::all(partitions) {
        let unit = Unit { flow: &FLOW, partition };
        let broken = |promise: Promise| move |text: String| promise.broken(format_args!("{unit}: {text}"));
        let empty = || tally::unit(partition, settings);
        let mut again = Again::of(world, unit, empty(), &given_up);
        if again.is_idle() {
            continue;
        }
        same_bytes(&mut again, world, seen).map_err(broken(Promise::SameBytes))?;
        journal(&again, world, empty).map_err(broken(Promise::Journal))?;
        let changes = changes_of(world, unit)?;
        if changes.len() != 1 || !changes[0].positions.are_none() || changes[0].ruleset != tally::RULESET {
            return Err(broken(Promise::SameBytes)(format!("its ruleset is noted as {changes:?}")));
        }
        expected.extend(again.published.letters);
    }
    *seen.entry("dead letters of a second flow").or_default() += found.len() as u64;
    expected.sort();
    if found == expected {
        return Ok(());
    }
    Err(Promise::DeadLetters.broken(format_args!("dead letters {found:?}, expected {expected:?}")))
}

/// Key and value of a message, for people.
fn told((_, key, value, _): &Sent) -> String {
    let value = value.as_deref().unwrap_or_default();
    format!("{}: {}", String::from_utf8_lossy(key), String::from_utf8_lossy(value))
}

/// Decides the inputs again, in the order that the messages record, and compares byte by byte.
fn same_bytes(again: &mut Again<'_, Tally, Published>, world: &World, seen: &mut Seen) -> Result<(), String> {
    let outputs =
        [TALLIES, ECHOES].map(|output| stored(world, (Topic::Output(&FLOW, output), again.unit.partition)));
    *seen.entry("messages of a second flow").or_default() +=
        outputs.iter().map(Vec::len).sum::<usize>() as u64;
    for (at, record) in &outputs[TALLIES] {
        let text = String::from_utf8_lossy(record.value.as_deref().unwrap_or_default()).into_owned();
        let mut words = text.split(' ');
        let number = |word: Option<&str>| word.and_then(|word| word.parse::<i64>().ok());
        let offset = number(words.next()).ok_or_else(|| format!("the tally at {at} has no offset"))?;
        let positions: Vec<Option<i64>> = (0..FLOW.inputs.len()).map(|_| number(words.next())).collect();
        if let Some(positions) = positions.iter().copied().collect::<Option<Vec<i64>>>() {
            for (input, position) in positions.into_iter().enumerate().rev() {
                again.feed_until(input, position)?;
            }
        }
        again.feed_until(SALES, offset + 1)?;
    }
    again.feed_all()?;
    for (output, found) in outputs.iter().enumerate() {
        let expected: Vec<&Sent> = again.published.sent.iter().filter(|(own, ..)| *own == output).collect();
        let found: Vec<Sent> = found
            .iter()
            .map(|(_, record)| {
                let headers = record.headers.iter();
                let headers = headers.map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
                (output, record.key.clone().unwrap_or_default(), record.value.clone(), headers)
            })
            .collect();
        // Messages of records that say nothing of the order may come in another.
        let same = match output {
            TALLIES => found.iter().eq(expected.iter().copied()),
            _ => found.len() == expected.len() && expected.iter().all(|message| found.contains(message)),
        };
        if !same {
            let found = found.iter().map(told).collect::<Vec<_>>();
            let expected = expected.into_iter().map(told).collect::<Vec<_>>();
            let first = found.iter().zip(&expected).find(|(found, expected)| found != expected);
            return Err(format!(
                "output {output} has {} messages, its inputs give {}; first difference {first:?}",
                found.len(),
                expected.len()
            ));
        }
    }
    Ok(())
}

/// The journal folds to the state that the inputs give, and ends where the group is.
fn journal(
    again: &Again<'_, Tally, Published>,
    world: &World,
    empty: impl Fn() -> Partition<Tally>,
) -> Result<(), String> {
    let decided = &again.decided;
    for folded in again.folds(world, empty)? {
        if folded.positions() != decided.positions() || folded.state().all() != decided.state().all() {
            return Err(format!(
                "the journal gives {:?} {:?}, the inputs {:?} {:?}",
                folded.positions(),
                folded.state().all(),
                decided.positions(),
                decided.state().all()
            ));
        }
    }
    let group = world.group.positions(again.unit);
    if group == *decided.positions() {
        Ok(())
    } else {
        Err(format!("the group is at {group:?}, the inputs end at {:?}", decided.positions()))
    }
}
