//! The generator: slot by slot a correct event, or a mistake, or the payment that keeps an account within its limit.
//!
//! No clock, no I/O, no float. What a slot gives depends on seed and settings alone; what is kept
//! between slots is what every account owes and which events a till could send again.

use super::accounts::{AccountStanding, LoadAccount, LoadAccounts};
use super::articles::{Article, CASH, Measure};
use super::basket::{Basket, TOTAL_EURO_CENTS_MAX};
use super::country::{COUNTRIES, Vat, currency, price_level, vat_rate};
use super::draw::Draw;
use super::mistakes::{Mistake, take_back, undecodable_bytes};
use super::settings::LoadSettings;
use super::terminals::{Terminal, Terminals};
use crate::domain::account_event::AccountEvent;
use crate::domain::enums::{CategoryType, EventType};
use crate::domain::pos_event::PosEvent;
use crate::domain::{Field, Micros};
use std::borrow::Cow;
use std::collections::VecDeque;

/// Events that can come again: a till retries its last few, and even where all of them are of one
/// account it still knows their ids.
const RECENT: usize = 12;
/// One event in so many of an account is a withdrawal.
const WITHDRAWAL_EVERY: u64 = 20;

/// The accounts and terminals of a run.
#[derive(Clone, Debug)]
pub struct World {
    settings: LoadSettings,
    accounts: LoadAccounts,
    terminals: Terminals,
}

/// What comes out, in order.
#[derive(Clone, Debug, PartialEq)]
pub enum Generated<'w> {
    /// A payment that an account system reports.
    Account {
        /// The event.
        event: AccountEvent,
        /// The record's time.
        time: Micros,
    },
    /// A record of a till.
    Pos(PosRecord<'w>),
}

/// A record of a till.
#[derive(Clone, Debug, PartialEq)]
pub struct PosRecord<'w> {
    /// The record's key: the account number, where there is one.
    pub key: Option<Vec<u8>>,
    /// What the record says.
    pub content: TillContent<'w>,
    /// The record's time: that of its slot. The event's own time can differ.
    pub time: Micros,
    /// What is wrong with it, or with the group of events that it is part of.
    pub mistake: Option<Mistake>,
    /// The code that the answer must carry. Nothing for a correct event, which is accepted without a
    /// message, and for events that only lead up to a mistake.
    pub expected_code: Option<&'static str>,
}

/// What a record says.
#[derive(Clone, Debug, PartialEq)]
pub enum TillContent<'w> {
    /// An event, to be encoded.
    Event(Box<PosEvent<'w>>),
    /// Bytes as they are, in every format.
    Bytes(Vec<u8>),
}

/// The iterator over a run.
pub struct Generator<'w> {
    world: &'w World,
    slot: u64,
    left: u64,
    /// What each good account owes, minor units.
    owed: Vec<i64>,
    recent: VecDeque<u64>,
    /// Mistakes made so far, by the standing of the account.
    turns: [u64; AccountStanding::COUNT],
    queue: VecDeque<Generated<'w>>,
}

impl World {
    /// The accounts and terminals that belong to `settings`.
    #[must_use]
    pub fn new(settings: LoadSettings) -> Self {
        let (accounts, terminals) = (LoadAccounts::new(&settings), Terminals::new(settings.terminals));
        Self { settings, accounts, terminals }
    }

    /// The settings.
    #[must_use]
    pub fn settings(&self) -> &LoadSettings {
        &self.settings
    }

    /// The accounts.
    #[must_use]
    pub fn accounts(&self) -> &LoadAccounts {
        &self.accounts
    }

    /// The terminals.
    #[must_use]
    pub fn terminals(&self) -> &Terminals {
        &self.terminals
    }

    /// Every account event that opens an account, in order; they come before the first POS event.
    pub fn opening_events(&self) -> impl Iterator<Item = AccountEvent> {
        (0..self.accounts.count()).flat_map(|index| self.accounts.opening_events(index))
    }

    /// The run itself.
    #[must_use]
    pub fn generate(&self) -> Generator<'_> {
        Generator {
            world: self,
            slot: 0,
            left: self.settings.count,
            owed: vec![0; self.settings.accounts as usize],
            recent: VecDeque::with_capacity(RECENT),
            turns: [0; AccountStanding::COUNT],
            queue: VecDeque::new(),
        }
    }

    fn draw(&self, slot: u64) -> Draw {
        Draw::of_slot(self.settings.seed, slot)
    }

    /// What the account whose turn it is does in `slot` when nothing goes wrong, and what it costs.
    fn correct(&self, slot: u64) -> (PosEvent<'_>, i64) {
        let account = self.accounts.in_turn(slot);
        let mut draw = self.draw(slot);
        let _mistake = draw.below(1);
        let round = slot / u64::from(self.settings.accounts);
        if (round + u64::from(account.index)) % WITHDRAWAL_EVERY == WITHDRAWAL_EVERY - 1 {
            let twenties = i64::from(draw.between(1, 5));
            let amount = price_level(account.currency(), twenties * 2_000) / 1_000 * 1_000;
            self.single(slot, &account, (CASH, amount.max(1_000)), &mut draw)
        } else {
            self.purchase(slot, &account, &mut draw)
        }
    }

    /// A basket of a shop in the account's country.
    fn purchase(&self, slot: u64, account: &LoadAccount, draw: &mut Draw) -> (PosEvent<'_>, i64) {
        self.event(slot, account, draw, |terminal, draw| Basket::draw(terminal, &self.settings, draw))
    }

    /// One article at a given price; cash is a withdrawal, everything else a purchase.
    fn single(
        &self,
        slot: u64,
        account: &LoadAccount,
        (article, price): (Article, i64),
        draw: &mut Draw,
    ) -> (PosEvent<'_>, i64) {
        let is_cash = article == CASH;
        let rate = if is_cash { 0 } else { vat_rate(account.country, article.vat) };
        let (mut event, cost) = self.event(slot, account, draw, |_, _| Basket::single(article, price, rate));
        if is_cash {
            event.event_type = Field::Value(EventType::Withdrawal);
            event.category_type = Field::Value(CategoryType::Payout);
        }
        (event, cost)
    }

    /// A purchase where another currency is in use.
    fn foreign_purchase(&self, slot: u64, account: &LoadAccount, draw: &mut Draw) -> PosEvent<'_> {
        let first = draw.below(COUNTRIES.len() as u32) as usize;
        let elsewhere = COUNTRIES.iter().cycle().skip(first).take(COUNTRIES.len());
        let country = elsewhere.copied().find(|country| currency(*country) != account.currency());
        let traveller = account.abroad(country.unwrap_or(account.country));
        self.purchase(slot, &traveller, draw).0
    }

    /// A single line that is too dear for the account, or for anybody.
    fn dear(&self, mistake: Mistake, slot: u64, account: &LoadAccount, draw: &mut Draw) -> PosEvent<'_> {
        let level = |euros: u32| price_level(account.currency(), i64::from(euros) * 100);
        let priced = match mistake {
            Mistake::OverLimit => (JEWELLERY, account.limit_minor + level(draw.between(10, 500))),
            Mistake::BigFirstPurchase => (LAPTOP, level(draw.between(1_100, 1_900))),
            Mistake::MissingSsn => (PHONE, level(draw.between(600, 800))),
            Mistake::CorrectionWithoutOriginal => (CASH, level(draw.between(20, 100))),
            _ => (CASH, level(draw.between(600, 900))),
        };
        let (mut event, _) = self.single(slot, account, priced, draw);
        if mistake == Mistake::CorrectionWithoutOriginal {
            take_back(&mut event);
        }
        event
    }

    /// An event at a terminal of the account's country, and what its basket costs.
    fn event<'w>(
        &'w self,
        slot: u64,
        account: &LoadAccount,
        draw: &mut Draw,
        basket: impl FnOnce(&Terminal, &mut Draw) -> Basket,
    ) -> (PosEvent<'w>, i64) {
        let terminal = self.terminals.draw(account.country, draw);
        let mut event = self.envelope(slot, account, terminal, draw);
        let basket = basket(terminal, draw);
        basket.fill(&mut event);
        (event, basket.total())
    }

    /// Everything of a purchase but the basket.
    fn envelope<'w>(
        &self,
        slot: u64,
        account: &LoadAccount,
        terminal: &'w Terminal,
        draw: &mut Draw,
    ) -> PosEvent<'w> {
        PosEvent {
            account_number: Some(Cow::Owned(account.number())),
            event_type: Field::Value(EventType::Purchase),
            category_type: Field::Value(CategoryType::Sales),
            time: Field::Value(self.settings.time_of(slot)),
            nfc_id: Some(Cow::Owned(account.chip(draw.below(account.chips())))),
            pos_id: Some(Cow::Borrowed(&terminal.id)),
            pos_name: Some(Cow::Borrowed(&terminal.name)),
            currency: Field::Value(currency(terminal.country)),
            account_transaction_id: Some(Cow::Owned(self.transaction_id(slot))),
            country_code: Field::Value(terminal.country),
            conversation_language: Field::Value(account.language),
            ..PosEvent::default()
        }
    }

    /// The sender's id: unique within a run, another one under another seed.
    fn transaction_id(&self, slot: u64) -> String {
        format!("L{:x}-{slot:09}", self.settings.seed)
    }
}

impl<'w> Generator<'w> {
    /// Fills the queue with what the next slot gives.
    fn fill(&mut self) {
        let slot = self.slot;
        self.slot += 1;
        let mut draw = self.world.draw(slot);
        let mistake = self.world.settings.mistakes.of_draw(draw.below(1_000_000));
        if mistake.is_some_and(|mistake| self.make(mistake, slot, &mut draw)) {
            return;
        }
        let account = self.world.accounts.in_turn(slot);
        let (event, cost) = self.world.correct(slot);
        self.book(&account, cost, slot);
        if self.recent.len() == RECENT {
            self.recent.pop_front();
        }
        self.recent.push_back(slot);
        self.put(event, slot, None, None);
    }

    /// Makes a mistake; false where there is nothing yet to make it on.
    fn make(&mut self, mistake: Mistake, slot: u64, draw: &mut Draw) -> bool {
        let world = self.world;
        let account = match mistake.standing() {
            AccountStanding::Good => world.accounts.in_turn(slot),
            standing => {
                let turn = &mut self.turns[standing as usize];
                *turn += 1;
                world.accounts.troubled(standing, *turn)
            }
        };
        let event = match mistake {
            Mistake::Undecodable => {
                self.put_bytes(&account, slot, mistake);
                return true;
            }
            Mistake::Repeat | Mistake::SameIdOtherContent => match self.repeat(mistake, slot, draw) {
                Some(event) => event,
                None => return false,
            },
            Mistake::NearDuplicate => self.near_duplicate(&account, slot, draw),
            Mistake::VelocityBurst => self.burst(&account, slot, draw),
            Mistake::AccountCurrency => world.foreign_purchase(slot, &account, draw),
            Mistake::OverLimit
            | Mistake::BigFirstPurchase
            | Mistake::MissingSsn
            | Mistake::WithdrawalAboveCap
            | Mistake::CorrectionWithoutOriginal => world.dear(mistake, slot, &account, draw),
            _ => {
                let (mut event, cost) = world.purchase(slot, &account, draw);
                if mistake == Mistake::UnknownAccount {
                    event.account_number =
                        Some(Cow::Owned(LoadAccounts::unknown_number(draw.below(u32::MAX))));
                }
                if mistake.is_harmless() {
                    self.book(&account, cost, slot);
                }
                mistake.spoil(&mut event, draw);
                event
            }
        };
        self.put(event, slot, Some(mistake), Some(mistake.code()));
        true
    }

    /// Counts what an accepted event costs, after a payment where the limit would come near.
    fn book(&mut self, account: &LoadAccount, cost: i64, slot: u64) {
        let dearest = price_level(account.currency(), TOTAL_EURO_CENTS_MAX);
        let Some(owed) = self.owed.get_mut(account.index as usize) else { return };
        if *owed + 2 * dearest > account.limit_minor {
            let time = self.world.settings.time_of(slot);
            let event = self.world.accounts.payment(account, *owed, slot, time);
            self.queue.push_back(Generated::Account { event, time });
            *owed = 0;
        }
        *owed += cost;
    }

    /// An earlier event as it was, or its id on another basket.
    fn repeat(&self, mistake: Mistake, slot: u64, draw: &mut Draw) -> Option<PosEvent<'w>> {
        let earlier_slot = *self.recent.get(draw.below(self.recent.len() as u32) as usize)?;
        let (earlier, _) = self.world.correct(earlier_slot);
        if mistake == Mistake::Repeat {
            return Some(earlier);
        }
        let account = self.world.accounts.in_turn(earlier_slot);
        let (mut event, _) = self.world.purchase(slot, &account, draw);
        event.account_transaction_id = earlier.account_transaction_id;
        Some(event)
    }

    /// The same basket forty seconds after the first time, which goes into the queue.
    fn near_duplicate(&mut self, account: &LoadAccount, slot: u64, draw: &mut Draw) -> PosEvent<'w> {
        let (event, _) = self.world.purchase(slot, account, draw);
        let mut first = event.clone();
        first.account_transaction_id = Some(Cow::Owned(format!("{}-a", self.world.transaction_id(slot))));
        first.time = Field::Value(self.seconds_before(slot, 40));
        self.put(first, slot, Some(Mistake::NearDuplicate), None);
        event
    }

    /// The last of a row of purchases on one chip, a second apart; the others go into the queue.
    fn burst(&mut self, account: &LoadAccount, slot: u64, draw: &mut Draw) -> PosEvent<'w> {
        let world = self.world;
        let chip = Some(Cow::Owned(account.chip(0)));
        for before in (1..Mistake::VelocityBurst.events()).rev() {
            let (mut event, _) = world.purchase(slot, account, draw);
            event.nfc_id = chip.clone();
            event.account_transaction_id =
                Some(Cow::Owned(format!("{}-{before}", world.transaction_id(slot))));
            event.time = Field::Value(self.seconds_before(slot, before));
            self.put(event, slot, Some(Mistake::VelocityBurst), None);
        }
        let (mut event, _) = world.purchase(slot, account, draw);
        event.nfc_id = chip;
        event
    }

    fn seconds_before(&self, slot: u64, seconds: u32) -> Micros {
        self.world.settings.time_of(slot).minus(Micros(i64::from(seconds) * 1_000_000))
    }

    fn put(
        &mut self,
        event: PosEvent<'w>,
        slot: u64,
        mistake: Option<Mistake>,
        expected_code: Option<&'static str>,
    ) {
        let key = event.account_number.as_ref().map(|number| number.as_bytes().to_vec());
        let content = TillContent::Event(Box::new(event));
        let time = self.world.settings.time_of(slot);
        self.queue.push_back(Generated::Pos(PosRecord { key, content, time, mistake, expected_code }));
    }

    fn put_bytes(&mut self, account: &LoadAccount, slot: u64, mistake: Mistake) {
        let number = account.number();
        self.queue.push_back(Generated::Pos(PosRecord {
            content: TillContent::Bytes(undecodable_bytes(&number)),
            key: Some(number.into_bytes()),
            time: self.world.settings.time_of(slot),
            mistake: Some(mistake),
            expected_code: Some(mistake.code()),
        }));
    }
}

impl<'w> Iterator for Generator<'w> {
    type Item = Generated<'w>;

    fn next(&mut self) -> Option<Generated<'w>> {
        if self.left == 0 {
            return None;
        }
        if self.queue.is_empty() {
            self.fill();
        }
        let next = self.queue.pop_front()?;
        if matches!(next, Generated::Pos(_)) {
            self.left -= 1;
        }
        Some(next)
    }
}

const JEWELLERY: Article = dear_article("JEW-0101", "Gold necklace");
const LAPTOP: Article = dear_article("ELE-0901", "Laptop computer");
const PHONE: Article = dear_article("ELE-0902", "Mobile phone");

const fn dear_article(id: &'static str, name: &'static str) -> Article {
    Article { id, name, euro_cents: 0, measure: Measure::Piece, vat: Vat::Standard }
}
