//! Histories of a partition's inputs for the properties: what the load generator makes, mistakes and all, between account
//! events of every kind. The same seed gives the same history. Never says what the answers should be.

use super::stream::{Fed, Published, options};
use std::collections::BTreeMap;
use std::sync::Arc;

use tillgate::codec::json::{write_account_event, write_pos_event};
use tillgate::domain::account_event::{AccountChange, AccountEvent, Resolve, Update};
use tillgate::domain::partitioner::Partitioner;
use tillgate::domain::{Micros, PartitionId};
use tillgate::engine::Engine;
use tillgate::load::draw::Draw;
use tillgate::load::{Generated, LoadSettings, MistakeShares, TillContent, World};
use tillgate::pos::{Input, Partition, PartitionOptions};

/// Settings under which a short history sees every way a hold can end, accounts that open by themselves, customers who
/// are asked to identify again and again, and refused events whose kind is remembered.
pub const SETS: [&str; 10] = [
    "checks.pending.hold_time=45min",
    "checks.limit.holds.open_max=20",
    "checks.limit.first_amount.cap={ EUR = 50, NOK = 500, SEK = 500, DKK = 400, CHF = 50 }",
    "checks.override.NL.account.unknown=open",
    "checks.nfc.sca.enabled=true",
    "checks.nfc.sca.counter=both",
    "checks.nfc.sca.number=3",
    "checks.nfc.sca.single={ EUR = 100, NOK = 1000, SEK = 1000, DKK = 700, CHF = 100 }",
    "checks.override.SE.nfc.sca.outcome=note",
    "checks.velocity.windows.rules.tried={ scope = \"account\", of = \"attempts\", span = \"1h\", distinct = \"category\", count = 3, event_types = [\"Purchase\"], outcome = \"pending\" }",
];

/// A history under way: what was fed so far, and a partition each to know the open holds by.
pub struct History {
    world: World,
    draw: Draw,
    partitions: Vec<Partition>,
    published: Vec<Published>,
    offsets: Vec<[i64; 2]>,
    fed: Vec<Fed>,
    account_events: u64,
    last: Option<AccountEvent>,
}

/// Options of a partition among so many.
pub fn of(partitions: u32) -> PartitionOptions {
    PartitionOptions { input_partitions: partitions, ..options() }
}

/// A history of so many POS events over so many partitions.
pub fn history(engine: &Arc<Engine>, seed: u64, events: u64, partitions: u32) -> Vec<Fed> {
    let settings = LoadSettings {
        seed,
        count: events,
        accounts: 12,
        terminals: 18,
        lines: 2,
        step: Micros(90_000_000),
        mistakes: MistakeShares::even(500),
        ..LoadSettings::default()
    };
    let world = World::new(settings.validated().expect("settings"));
    let mut history = History {
        draw: Draw::of_slot(seed, u64::MAX),
        partitions: PartitionId::all(partitions)
            .map(|partition| Partition::new(engine.clone(), partition, of(partitions)))
            .collect(),
        published: (0..partitions).map(|_| Published::default()).collect(),
        offsets: vec![[0; 2]; partitions as usize],
        fed: Vec::new(),
        account_events: 0,
        last: None,
        world: world.clone(),
    };
    for event in world.opening_events() {
        history.account_event(&event, world.accounts().opened_at());
    }
    for generated in world.generate() {
        match generated {
            Generated::Account { event, time } => history.account_event(&event, time),
            Generated::Pos(record) => {
                let mut value = Vec::new();
                match record.content {
                    TillContent::Event(event) => write_pos_event(&event, &mut value),
                    TillContent::Bytes(bytes) => value = bytes,
                }
                history.feed(Input::PosEvents, record.key, value, record.time);
                history.meddle(record.time);
            }
        }
    }
    history.fed
}

impl History {
    fn feed(&mut self, input: Input, key: Option<Vec<u8>>, value: Vec<u8>, time: Micros) {
        let partition = Partitioner::Murmur2
            .partition_of(key.as_deref().unwrap_or_default(), self.partitions.len() as u32);
        let offset = &mut self.offsets[partition.index()][input as usize];
        let fed = Fed {
            input,
            partition,
            offset: *offset,
            timestamp_millis: time.0 / 1_000,
            key,
            value: Some(value),
        };
        *offset += 1;
        self.published[partition.index()].feed(&mut self.partitions[partition.index()], &fed);
        self.fed.push(fed);
    }

    fn account_event(&mut self, event: &AccountEvent, time: Micros) {
        let mut value = Vec::new();
        write_account_event(event, &mut value);
        self.feed(Input::AccountEvents, Some(event.account.clone().into_bytes()), value, time);
        self.last = Some(event.clone());
    }

    /// In two of five cases something else comes in between: an account event, or a POS event that the generator has not.
    fn meddle(&mut self, time: Micros) {
        if !self.draw.per_mille(400) {
            return;
        }
        if self.draw.per_mille(250) {
            return self.bookkeeping(time);
        }
        if let Some(last) = self.last.clone().filter(|_| self.draw.per_mille(100)) {
            return self.account_event(&last, time);
        }
        let account = self.world.accounts().at(self.draw.below(self.world.accounts().count())).number();
        let (account, change) = match self.draw.below(6) {
            0 => self.resolution(account),
            _ => {
                let change = self.change();
                (account, change)
            }
        };
        self.account_events += 1;
        let id = format!("acc_evt_meddle_{}", self.account_events);
        let event = AccountEvent { id, account, change, created_at: Some(time), idempotency_key: None };
        self.account_event(&event, time);
    }

    /// Interest, commission, corrections and the like: one amount without a basket, which is a message and no more.
    fn bookkeeping(&mut self, time: Micros) {
        let account = self.world.accounts().at(self.draw.below(self.world.accounts().count()));
        let kinds = [
            "Interest",
            "WithdrawalCommission",
            "WithdrawalCorrection",
            "Correction",
            "Correction",
            "Withdrawal",
            "Info",
        ];
        let kind = *self.draw.one_of(&kinds);
        let sign = if kind == "Correction" && self.draw.per_mille(500) { "-" } else { "" };
        let (number, cents) = (account.number(), self.draw.between(1, 30_000));
        self.account_events += 1;
        let value = format!(
            r#"{{"accountNumber":"{number}","eventType":"{kind}","time":"{time}","totalAmount":{sign}{}.{:02},"currency":"{}","countryCode":"{}","conversationLanguage":"EN","accountTransactionId":"B-{}"}}"#,
            cents / 100,
            cents % 100,
            account.currency(),
            account.country,
            self.account_events
        );
        self.feed(Input::PosEvents, Some(number.into_bytes()), value.into_bytes(), time);
    }

    fn change(&mut self) -> AccountChange {
        let amount = i64::from(self.draw.between(1, 50_000));
        let status =
            |status: &str| AccountChange::Payment { amount, status: status.to_owned(), reverses: None };
        let on = self.draw.per_mille(400);
        match self.draw.below(100) {
            0..15 => status("success"),
            15..20 => status("failed"),
            20..28 => status("reversed"),
            28..40 => AccountChange::CashAdvance { amount },
            40..50 => AccountChange::Limit { amount: amount * 20 },
            50..75 => {
                let name = (*self.draw.one_of(&["review", "blocked", "vip", "stopped", "dunning", "fraud"]))
                    .to_owned();
                AccountChange::Flag { name, set: on, transaction_id: None }
            }
            75..85 => AccountChange::Default { satisfied: !on },
            85..86 => AccountChange::Close { reason: None },
            86..90 => AccountChange::Payment { amount: -1, status: "success".to_owned(), reverses: None },
            _ => AccountChange::Update(Box::new(Update {
                ssn_known: Some(on),
                nfc_ids: Some(vec![format!("chip-{amount}"), "chip".to_owned()]),
                currency: on.then(|| "EUR".to_owned()),
                ..Update::default()
            })),
        }
    }

    /// The end of a hold that is open, where one is; else of one that never was.
    fn resolution(&mut self, account: String) -> (String, AccountChange) {
        let states = self.partitions.iter().map(|partition| partition.state().accounts());
        let open: BTreeMap<String, String> = states
            .flat_map(|accounts| accounts.iter())
            .flat_map(|account| {
                account.holds().iter().map(move |hold| (hold.transaction_id.to_string(), account))
            })
            .map(|(id, account)| (id, account.number.to_string()))
            .collect();
        let chosen = open.iter().nth(self.draw.below(open.len() as u32) as usize);
        let (transaction_id, account) = chosen.map_or_else(
            || ("txn_00000000000000000000000000".to_owned(), account),
            |(id, account)| (id.clone(), account.clone()),
        );
        let resolve = Some(Resolve { transaction_id, granted: self.draw.per_mille(600) });
        (account, AccountChange::Update(Box::new(Update { resolve, ..Update::default() })))
    }
}
