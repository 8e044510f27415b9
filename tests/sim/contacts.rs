//! The contact decisions of a run: what is fed into them, and whether what they left keeps the promises. They have four inputs,
//! of which account events of the first flow write one, and partitions of their own, in the same workers and transactions.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

pub use tillgate::contact::{FLOW, Setup};
use tillgate::{
    codec::KnownSchemas,
    contact::{
        CONTACT_DECISIONS, CONTACT_REQUESTS, Contacts, INTERACTION_RESULTS, INTERACTIONS, PARTIES,
        PARTY_RECORDS, Partition, PartyFact, read_decision,
    },
    domain::{
        Micros, PartitionId,
        account_event::{AccountChange, AccountEvent, Update},
        flow::{FlowTopics, Topics},
        hashing::Seed,
        reply::REQUEST_ID,
    },
    kafka::port::Unit,
    load::{World as Shop, draw::Draw},
    pipeline::PartitionSettings,
};

use super::{
    again::{Again, Letter, given_up, letters},
    checker::{Seen, changes_of, stored},
    input::{ASTRAY, Coming, Shape, account_record},
    log::{Record, Topic},
    world::World,
};
use crate::support::contacts::{self, Published, RULES, TOPICS, all, call};
use tillgate::domain::promise::Promise;

/// Persons of a run.
const PERSONS: u32 = 6;
const DAY: i64 = 86_400_000;

/// Its topics.
pub fn topics() -> FlowTopics {
    Topics::of_contact(
        TOPICS.map(str::to_owned),
        ["contact.decisions".to_owned(), "interaction.results".to_owned()],
        "contact.dead-letters".to_owned(),
        "tillgate.contact-journal".to_owned(),
    )
}

/// Settings under which journals turn over often.
pub fn settings(partitions: u32) -> PartitionSettings {
    contacts::settings(partitions, 4_000)
}

/// What a process decides by.
pub fn setup(partitions: u32) -> Setup {
    let topics = TOPICS.map(str::to_owned);
    Setup {
        settings: settings(partitions),
        rules: Arc::clone(&RULES),
        topics,
        seed: Seed([5, 6]),
        schemas: Arc::new(KnownSchemas::new().expect("our schemas")),
        unknown_ids_max: usize::MAX,
    }
}

/// Whether a record's time says nothing of the brokers' clock: months pass in these inputs, so that persons are forgotten, while
/// the tills of the first flow have a day.
pub fn has_days_of_its_own(topic: Topic) -> bool {
    matches!(topic, Topic::Input(flow, _) if *flow == FLOW)
}

/// All that comes of it, account events of the first flow among it that tell whose an account is and what it is.
pub fn coming(shape: &Shape, shop: &Shop) -> Vec<Coming> {
    let mut draw = Draw::of_slot(shape.seed, 10);
    let opened = shop.accounts().opened_at();
    let mut time = opened.0 / 1_000;
    let step = Duration::from_secs(45);
    (0..shape.events * 2)
        .map(|number| {
            let account = shop.accounts().at(draw.below(shop.accounts().count())).number();
            if draw.per_mille(250) {
                let at = opened.plus(Micros((step * number as u32).as_micros() as i64));
                return account_event(number, account, at, &mut draw);
            }
            time += match draw.below(60) {
                0 => 40 * DAY,
                1..=4 => DAY,
                _ => i64::from(draw.below(60_000)),
            };
            let late = if draw.per_mille(100) { i64::from(draw.below(3)) * DAY } else { 0 };
            record(number, &account, time - late, &mut draw)
        })
        .collect()
}

fn account_event(number: u64, account: String, time: Micros, draw: &mut Draw) -> Coming {
    let change = match draw.below(20) {
        0..=11 => AccountChange::Update(Box::new(Update {
            party_id: Some(format!("P-{}", draw.below(PERSONS))),
            ..Update::default()
        })),
        12 => AccountChange::Close { reason: None },
        kind => {
            let name = if kind < 16 { "frozen" } else { "charged_off" };
            AccountChange::Flag { name: name.to_owned(), set: draw.per_mille(600), transaction_id: None }
        }
    };
    let id = format!("acc_evt_of_person_{number}");
    let created_at = Some(time);
    account_record(&AccountEvent { id, account, change, created_at, idempotency_key: None }, time)
}

fn record(number: u64, account: &str, time: i64, draw: &mut Draw) -> Coming {
    let person = format!("P-{}", draw.below(PERSONS));
    let (input, value) = match draw.below(10) {
        0..=3 => (CONTACT_REQUESTS, Some(request(number, &person, account, draw))),
        4..=7 => (INTERACTIONS, Some(interaction(&person, account, time, draw))),
        _ => (PARTY_RECORDS, (!draw.per_mille(150)).then(|| party_record(&person, draw))),
    };
    let mut record = Record {
        key: Some(person.into_bytes()),
        value: value.map(String::into_bytes),
        timestamp_millis: time,
        ..Record::default()
    };
    match draw.below(60) {
        0 => record.key = None,
        1 => record.key = Some(b"P-other".to_vec()),
        2 => record.value = Some(b"{\"no\":".to_vec()),
        3 => record.headers.push((ASTRAY, Vec::new())),
        4 => record.timestamp_millis = -1,
        _ => {}
    }
    if input == INTERACTIONS && draw.per_mille(600) {
        record.headers.push((REQUEST_ID, format!("request-{number}").into_bytes()));
    }
    (Topic::Input(&FLOW, input), record)
}

fn request(number: u64, person: &str, account: &str, draw: &mut Draw) -> String {
    let theme = ["opsCollDebt", "opsServicing", "inbOther"][draw.below(3) as usize];
    let channel = ["voice", "text", "email"][draw.below(3) as usize];
    let kind = if channel == "email" { "email" } else { "phone" };
    let contact = draw.below(40);
    let loans = if draw.per_mille(300) { format!(r#","loanIds":["{account}"]"#) } else { String::new() };
    format!(
        r#"{{"requestId":"r-{number}","personId":"{person}","channel":"{channel}","theme":"{theme}"{loans},"contactDetails":{{"kind":"{kind}","value":"{contact}"}}}}"#
    )
}

/// One of few, so that most come again, some of them with other content.
fn interaction(person: &str, account: &str, time: i64, draw: &mut Draw) -> String {
    let id = u64::from(draw.below(12));
    let loan = match draw.below(4) {
        0 => format!(r#","linkedResourceType":"account","linkedResourceId":"{account}""#),
        _ => String::new(),
    };
    let key =
        if draw.per_mille(300) { format!(r#","idempotencyKey":"k-{}""#, id % 7) } else { String::new() };
    // To the day, so that what comes again says the same.
    call(id, person, Micros::from_millis(time / DAY * DAY), &format!("{loan}{key}"))
}

fn party_record(person: &str, draw: &mut Draw) -> String {
    let contact = |place: u32| format!(r#"{{"contactId":"c-{place}","kind":"phone","value":"{place}"}}"#);
    let contacts: Vec<String> = (0..draw.below(12)).map(contact).collect();
    let case = if draw.per_mille(200) { r#"{"caseId":"a","kind":"attorney"}"# } else { "" };
    format!(
        r#"{{"partyId":"{person}","timeZones":["America/Chicago"],"contacts":[{}],"cases":[{case}]}}"#,
        contacts.join(",")
    )
}

/// Facts of accounts, by person and account in the order in which they were told.
type Facts = BTreeMap<(String, String), Vec<Vec<u8>>>;

fn by_account(facts: impl Iterator<Item = Vec<u8>>) -> Result<Facts, String> {
    let mut sorted = Facts::new();
    for value in facts {
        let fact = PartyFact::read(&value).map_err(|fault| fault.message)?;
        sorted.entry((fact.party_id, fact.account)).or_default().push(value);
    }
    Ok(sorted)
}

/// Checks every unit; `told` are the facts that account events give when they are decided again.
///
/// # Errors
/// The first promise that is broken.
pub fn check(world: &World, partitions: u32, told: Vec<Vec<u8>>, seen: &mut Seen) -> Result<(), String> {
    facts(world, partitions, told, seen).map_err(|text| Promise::Once.broken(text))?;
    let found =
        letters(world, &FLOW, &TOPICS, partitions).map_err(|text| Promise::DeadLetters.broken(text))?;
    let given_up = given_up(&found);
    let mut expected: Vec<Letter> = Vec::new();
    for partition in PartitionId::all(partitions) {
        let unit = Unit { flow: &FLOW, partition };
        let broken = |promise: Promise| move |text: String| promise.broken(format_args!("{unit}: {text}"));
        let empty = || contacts::empty(partition, settings(partitions));
        let mut again = Again::of(world, unit, empty(), &given_up);
        if again.is_idle() {
            continue;
        }
        decisions(&mut again, world, seen)?;
        replies(&again, world, seen).map_err(broken(Promise::Once))?;
        journal(&again, world, empty).map_err(broken(Promise::Journal))?;
        positions(&again, world).map_err(broken(Promise::Positions))?;
        *seen.entry("persons").or_default() += again.decided.state().len() as u64;
        let letters = again.published.letters.iter();
        expected
            .extend(letters.map(|(input, offset, code)| (*input, partition, *offset, (*code).to_owned())));
    }
    *seen.entry("dead letters of contact decisions").or_default() += found.len() as u64;
    expected.sort();
    if found == expected {
        return Ok(());
    }
    Err(Promise::DeadLetters.broken(format_args!("dead letters {found:?}, expected {expected:?}")))
}

/// Every fact that account events give is there once, and those of an account in their order.
fn facts(world: &World, partitions: u32, told: Vec<Vec<u8>>, seen: &mut Seen) -> Result<(), String> {
    let of = |partition| stored(world, (Topic::Input(&FLOW, PARTIES), partition));
    let found = PartitionId::all(partitions).flat_map(of);
    let found = by_account(found.map(|(_, record)| record.value.clone().unwrap_or_default()))?;
    *seen.entry("facts of accounts").or_default() += told.len() as u64;
    let told = by_account(told.into_iter())?;
    match found == told {
        true => Ok(()),
        false => {
            let differs = told.iter().find(|(of, told)| found.get(*of) != Some(told));
            let is_more = || found.iter().find(|(of, _)| !told.contains_key(*of));
            let words = differs.or_else(is_more).map(|(of, _)| {
                let count = |facts: &Facts| facts.get(of).map_or(0, Vec::len);
                format!("{of:?}: {} times, not {}", count(&found), count(&told))
            });
            Err(format!("facts are not those that account events give: {}", words.unwrap_or_default()))
        }
    }
}

fn text(bytes: Option<&[u8]>) -> String {
    String::from_utf8_lossy(bytes.unwrap_or_default()).into_owned()
}

/// A unit that is decided again.
type Decided<'a> = Again<'a, Contacts, Published>;

/// Each request that can be read has one decision, in the order of the offsets, and it is what its positions give.
fn decisions(again: &mut Decided<'_>, world: &World, seen: &mut Seen) -> Result<(), String> {
    let unit = again.unit;
    let broken = |promise: Promise, text: String| promise.broken(format_args!("{unit}: {text}"));
    let found = stored(world, (Topic::Output(&FLOW, CONTACT_DECISIONS), unit.partition));
    *seen.entry("contact decisions").or_default() += found.len() as u64;
    for (place, (at, record)) in found.iter().enumerate() {
        let said = read_decision(record.value.as_deref().unwrap_or_default())
            .map_err(|fault| broken(Promise::SameBytes, format!("the decision at {at}: {fault}")))?;
        *seen.entry("contacts allowed").or_default() += u64::from(said.result);
        let not_again = |fault| broken(Promise::SameBytes, fault);
        for input in [PARTIES, PARTY_RECORDS, INTERACTIONS] {
            again
                .feed_until(input, said.positions.get(TOPICS[input]).copied().unwrap_or(0))
                .map_err(not_again)?;
        }
        again.feed_until(CONTACT_REQUESTS, said.source.offset + 1).map_err(not_again)?;
        let own = (text(record.key.as_deref()), text(record.value.as_deref()));
        let given = again.published.decisions.get(place);
        if given != Some(&own) || again.published.decisions.len() > place + 1 {
            let is_of_another = |(_, value): &(String, String)| {
                read_decision(value.as_bytes()).is_ok_and(|given| given.source != said.source)
            };
            let promise = if given.is_none_or(is_of_another) { Promise::Once } else { Promise::SameBytes };
            let text = format!("the decision at {at} is\n  {own:?}\nand its inputs give\n  {given:?}");
            return Err(broken(promise, text));
        }
    }
    again.feed_all().map_err(|fault| broken(Promise::SameBytes, fault))?;
    match again.published.decisions.get(found.len()) {
        None => Ok(()),
        Some(missing) => Err(broken(Promise::Once, format!("a decision is missing: {missing:?}"))),
    }
}

/// Each interaction whose sender asked has one reply, which is what its inputs give.
fn replies(again: &Decided<'_>, world: &World, seen: &mut Seen) -> Result<(), String> {
    let found = stored(world, (Topic::Output(&FLOW, INTERACTION_RESULTS), again.unit.partition));
    let found: Vec<(String, String)> = found
        .iter()
        .map(|(_, record)| (text(record.key.as_deref()), text(record.value.as_deref())))
        .collect();
    *seen.entry("replies about interactions").or_default() += found.len() as u64;
    let repeats = found.iter().filter(|(_, value)| value.contains(r#""result":"repeat""#)).count();
    *seen.entry("interactions told again").or_default() += repeats as u64;
    let given = &again.published.replies;
    if found == *given {
        return Ok(());
    }
    let differs = found.iter().zip(given).find(|(found, given)| found != given);
    let (found, given) = (found.len(), given.len());
    Err(format!("{found} replies, and the inputs give {given}: first difference {differs:?}"))
}

/// The journal, from where it begins now and from its very beginning, folds to the state that the inputs give.
fn journal(again: &Decided<'_>, world: &World, empty: impl Fn() -> Partition) -> Result<(), String> {
    let decided = &again.decided;
    for folded in again.folds(world, empty)? {
        if all(&folded) != all(decided) || folded.positions() != decided.positions() {
            let of = |partition: &Partition| format!("{:?} {:?}", partition.positions(), partition.state());
            return Err(format!("it gives\n  {}\nand the inputs\n  {}", of(&folded), of(decided)));
        }
    }
    Ok(())
}

/// The group is where the inputs end, and no change of rules is noted: each decision names its own.
fn positions(again: &Decided<'_>, world: &World) -> Result<(), String> {
    let group = world.group.positions(again.unit);
    let noted = changes_of(world, again.unit)?;
    if group == *again.decided.positions() && noted.is_empty() {
        return Ok(());
    }
    Err(format!("the group is at {group:?}, the inputs end at {:?}; {noted:?}", again.decided.positions()))
}
