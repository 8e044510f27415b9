//! What the load generator promises: the same settings give the same events, correct events add up,
//! and every mistake that is asked for comes.

use crate::support::stream::{answer, engine};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use tillgate::codec::json::write_pos_event;
use tillgate::codec::{KnownSchemas, decode_account_event, decode_pos_event};
use tillgate::domain::account_event::AccountChange;
use tillgate::domain::decimal::Decimal;
use tillgate::domain::enums::{CountryCode, Currency, EventType, Language};
use tillgate::domain::exact::{EXACT_SCALE, Exact};
use tillgate::domain::pos_event::{PosEvent, PosItem};
use tillgate::domain::{Field, Micros};
use tillgate::engine::Engine;
use tillgate::load::accounts::AccountStanding;
use tillgate::load::basket::Basket;
use tillgate::load::country::{currency, languages};
use tillgate::load::draw::Draw;
use tillgate::load::terminals::Terminals;
use tillgate::load::{
    AvroPrefix, Encoder, Generated, LoadSettings, Mistake, MistakeShares, PosRecord, Slip, Till, TillContent,
    World,
};

/// A cent, as [`Exact`] counts.
const CENT: i128 = 10i128.pow(EXACT_SCALE as u32 - 2);

fn exact(field: &Field<'_, Decimal>) -> Exact {
    field.value().and_then(Decimal::exact).expect("a value")
}

fn optional(field: &Field<'_, Decimal>) -> Exact {
    if field.is_absent() { Exact::ZERO } else { exact(field) }
}

/// The basket checks at their default parameters, written once more.
fn assert_adds_up(event: &PosEvent<'_>) {
    let (mut total, mut tax) = (0i128, 0i128);
    assert!(!event.items.is_empty());
    for item in &event.items {
        let (quantity, price) = (item.quantity.value().unwrap(), item.unit_price.value().unwrap());
        assert_eq!(exact(&item.net_amount).0 + exact(&item.tax_amount).0, price.exact().unwrap().0);
        let amount = Exact::product(price, quantity).unwrap().0 - optional(&item.discount).0;
        let gross = exact(&item.gross_amount).0;
        assert!((amount - gross).abs() <= CENT / 2, "line {item:?}");
        assert_eq!(gross % CENT, 0);
        assert!(!quantity.is_zero() && quantity.decimals() <= 3);
        assert!(optional(&item.discount).0 <= Exact::product(price, quantity).unwrap().0.max(0));
        total += gross;
        tax += Exact::product(item.tax_amount.value().unwrap(), quantity).unwrap().0;
    }
    assert_eq!(exact(&event.total_amount).0, total);
    assert!((exact(&event.total_tax).0 - tax).abs() < CENT);
    assert!(total >= 0 && event.total_amount.value().unwrap().decimals() <= 2);
    assert!(event.total_tax.value().unwrap().decimals() <= 2);
}

fn pos_records(world: &World) -> impl Iterator<Item = PosRecord<'_>> {
    world.generate().filter_map(|generated| match generated {
        Generated::Pos(record) => Some(record),
        Generated::Account { .. } => None,
    })
}

fn event_of<'w>(record: &PosRecord<'w>) -> PosEvent<'w> {
    match &record.content {
        TillContent::Event(event) => (**event).clone(),
        TillContent::Bytes(_) => panic!("bytes"),
    }
}

fn world(settings: LoadSettings) -> World {
    World::new(settings.validated().unwrap())
}

#[test]
fn gives_the_same_run_for_the_same_settings_and_another_for_another_seed() {
    let settings = LoadSettings { count: 2_000, accounts: 100, ..LoadSettings::default() };
    let run = |settings: &LoadSettings| {
        world(settings.clone()).generate().map(|g| format!("{g:?}")).collect::<Vec<_>>()
    };
    let first = run(&settings);
    assert_eq!(first, run(&settings));
    assert_ne!(first, run(&LoadSettings { seed: 2, ..settings }));
}

#[test]
fn makes_every_mistake_that_is_asked_for() {
    let settings = LoadSettings {
        count: 20_000,
        accounts: 500,
        mistakes: MistakeShares::even(500),
        ..LoadSettings::default()
    };
    let world = world(settings);
    let mut seen: BTreeMap<Mistake, u32> = BTreeMap::new();
    for record in pos_records(&world) {
        if let (Some(mistake), Some(code)) = (record.mistake, record.expected_code) {
            assert_eq!(code, mistake.code());
            *seen.entry(mistake).or_default() += 1;
        }
    }
    for mistake in Mistake::ALL {
        assert!(seen.get(&mistake).copied().unwrap_or(0) > 10, "{}: {seen:?}", mistake.name());
    }
}

#[test]
fn makes_a_single_mistake_as_often_as_asked() {
    for mistake in Mistake::ALL {
        let mut shares = MistakeShares::NONE;
        shares.set(mistake, 100);
        let world =
            world(LoadSettings { count: 4_000, accounts: 200, mistakes: shares, ..LoadSettings::default() });
        let made = pos_records(&world).filter(|record| record.mistake.is_some()).count() as u32;
        let expected = 400 * mistake.events();
        let slots = 4_000 * mistake.events() / (1_000 + 100 * (mistake.events() - 1)) * 1_000 / 10;
        assert!(made * 10 > expected.min(slots) * 6, "{}: {made}", mistake.name());
        assert!(pos_records(&world).all(|record| record.mistake.is_none_or(|made| made == mistake)));
    }
}

#[test]
fn a_mistake_lies_where_it_says() {
    let settings = LoadSettings {
        count: 20_000,
        accounts: 500,
        mistakes: MistakeShares::even(800),
        ..LoadSettings::default()
    };
    let world = world(settings);
    for record in pos_records(&world) {
        let Some(mistake) = record.mistake else { continue };
        let TillContent::Event(event) = &record.content else {
            assert_eq!(mistake, Mistake::Undecodable);
            continue;
        };
        let number = event.account_number.as_deref();
        assert_eq!(record.key.as_deref(), number.map(str::as_bytes));
        match mistake {
            Mistake::MissingKey => assert_eq!(number, None),
            Mistake::UnknownAccount => assert!(number.unwrap().starts_with("4099")),
            Mistake::UnknownSymbol => assert!(matches!(event.currency, Field::Invalid(_))),
            Mistake::NegativePurchase => assert!(event.total_amount.value().unwrap().is_negative()),
            Mistake::TooManyDecimals => assert_eq!(event.total_amount.value().unwrap().decimals(), 3),
            Mistake::FutureTime => {
                assert!(event.time.value().unwrap() > record.time.plus(Micros(3_600_000_000)))
            }
            Mistake::CountryCurrency => {
                assert_ne!(event.currency.value(), event.country_code.value().map(currency));
            }
            Mistake::Repeat | Mistake::SameIdOtherContent | Mistake::AccountCurrency | Mistake::OverLimit => {
                assert_adds_up(event);
            }
            Mistake::TotalByCent => {
                let sum: i128 = event.items.iter().map(|item| exact(&item.gross_amount).0).sum();
                assert_eq!((exact(&event.total_amount).0 - sum).abs(), CENT);
            }
            _ => {}
        }
    }
}

#[test]
fn opens_every_account_before_it_is_used_and_closes_some() {
    let world = world(LoadSettings { accounts: 50, ..LoadSettings::default() });
    let events: Vec<_> = world.opening_events().collect();
    let opened: BTreeSet<_> = events.iter().map(|event| event.account.as_str()).collect();
    assert_eq!(opened.len(), world.accounts().count() as usize);
    let ids: BTreeSet<_> = events.iter().map(|event| event.id.as_str()).collect();
    assert_eq!(ids.len(), events.len());
    assert!(
        events.iter().all(|event| event.id.len() == 32 && event.created_at < Some(world.settings().start))
    );
    assert!(events.iter().any(|event| matches!(event.change, AccountChange::Close { .. })));
    for record in pos_records(&world) {
        if let Some(key) = record.key.filter(|_| record.mistake.is_none()) {
            assert!(opened.contains(str::from_utf8(&key).unwrap()));
        }
    }
}

#[test]
fn payments_keep_every_account_within_its_limit() {
    let settings = LoadSettings {
        count: 40_000,
        accounts: 100,
        mistakes: MistakeShares::even(200),
        ..LoadSettings::default()
    };
    let world = world(settings);
    let limits: BTreeMap<String, i64> = (0..world.accounts().count())
        .map(|index| world.accounts().at(index))
        .filter(|account| account.standing == AccountStanding::Good)
        .map(|account| (account.number(), account.limit_minor))
        .collect();
    let mut balances: BTreeMap<String, i64> = BTreeMap::new();
    let mut payments = 0;
    for generated in world.generate() {
        match generated {
            Generated::Account { event, .. } => {
                let AccountChange::Payment { amount, .. } = event.change else { panic!("no payment") };
                *balances.get_mut(&event.account).unwrap() -= amount;
                payments += 1;
            }
            Generated::Pos(record) if record.mistake.is_none_or(Mistake::is_harmless) => {
                let event = event_of(&record);
                let number = event.account_number.clone().unwrap().into_owned();
                let balance = balances.entry(number.clone()).or_default();
                *balance += (exact(&event.total_amount).0 / CENT) as i64;
                assert!(*balance <= limits[&number]);
            }
            Generated::Pos(_) => {}
        }
    }
    assert!(payments > 100);
    assert!(balances.values().all(|balance| *balance >= 0));
}

#[test]
fn rejects_settings_that_cannot_be() {
    for (settings, text) in [
        (
            LoadSettings { accounts: 0, ..LoadSettings::default() },
            "accounts is 0: give a number from 1 to 64000000",
        ),
        (
            LoadSettings { terminals: 3, ..LoadSettings::default() },
            "terminals is 3: give a number from 9 to 1000000",
        ),
    ] {
        let fault = settings.validated().unwrap_err().to_string();
        assert!(fault.starts_with(text), "{fault}");
    }
    let mut shares = MistakeShares::even(900);
    shares.set(Mistake::Repeat, 500);
    assert!(LoadSettings { mistakes: shares, ..LoadSettings::default() }.validated().is_err());
}

#[test]
fn both_formats_say_the_same() {
    let settings = LoadSettings {
        count: 10_000,
        accounts: 300,
        mistakes: MistakeShares::even(400),
        ..LoadSettings::default()
    };
    let world = world(settings);
    let schemas = KnownSchemas::new().expect("our schemas");
    for encoder in [Encoder::Json, Encoder::avro_single_object().expect("our schemas")] {
        let mut bytes = Vec::new();
        for record in pos_records(&world) {
            bytes.clear();
            encoder.pos_record(&record, &mut bytes).expect("has a place");
            let decoded = decode_pos_event(&schemas, &bytes, None);
            let TillContent::Event(event) = &record.content else {
                assert!(decoded.is_err());
                continue;
            };
            let decoded = decoded.expect("decodes");
            let blank = encoder != Encoder::Json
                && matches!(
                    record.mistake,
                    Some(Mistake::MissingKey | Mistake::MissingItemField | Mistake::UnknownSymbol)
                );
            assert_eq!(decoded == **event, !blank, "{decoded:?} for {event:?}");
        }
        for event in world.opening_events() {
            bytes.clear();
            encoder.account_event(&event, &mut bytes).expect("has a place");
            assert_eq!(decode_account_event(&schemas, &bytes, None).expect("decodes"), event);
        }
    }
    let registered =
        Encoder::Avro { pos_event: AvroPrefix::SchemaId(258), account_event: AvroPrefix::SchemaId(7) };
    let mut bytes = Vec::new();
    let record = pos_records(&world).find(|record| record.mistake.is_none()).expect("a correct one");
    registered.pos_record(&record, &mut bytes).expect("has a place");
    assert_eq!(bytes[..5], [0, 0, 0, 1, 2]);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_correct_event_adds_up_and_makes_sense(
        seed in any::<u64>(),
        accounts in 1u32..300,
        terminals in 9u32..200,
        lines in 1u32..40,
        discounts in 0u16..1_000,
        returns in 0u16..500,
    ) {
        let settings = LoadSettings { seed, count: 300, accounts, terminals, lines, discounts, returns, ..LoadSettings::default() };
        let world = world(settings);
        let (mut ids, mut before) = (BTreeSet::new(), None);
        for record in pos_records(&world) {
            prop_assert!(before <= Some(record.time));
            before = Some(record.time);
            if record.mistake.is_some() {
                continue;
            }
            let event = event_of(&record);
            assert_adds_up(&event);
            prop_assert!(ids.insert(event.account_transaction_id.clone().unwrap()));
            prop_assert_eq!(event.time.value(), Some(record.time));
            let country = event.country_code.value().unwrap();
            prop_assert_eq!(event.currency.value(), Some(currency(country)));
            prop_assert!(languages(country).contains(&event.conversation_language.value().unwrap()));
            prop_assert!(matches!(event.event_type.value(), Some(EventType::Purchase | EventType::Withdrawal)));
            let number = event.account_number.clone().unwrap();
            let account = (0..accounts).map(|index| world.accounts().at(index)).find(|account| account.number() == number).unwrap();
            prop_assert_eq!(account.currency(), currency(country));
            let chip = event.nfc_id.clone().unwrap();
            prop_assert!((0..account.chips()).any(|known| account.chip(known) == chip));
        }
    }
}

// ------------------------------------------------------------------------------------------------ ways of rounding

fn german_receipts(till: Till, lines: u32) -> impl Iterator<Item = (PosEvent<'static>, Draw)> {
    let settings = LoadSettings { till, lines, ..LoadSettings::default() };
    let terminals = Terminals::new(540);
    (0..120u64).filter_map(move |slot| {
        let mut draw = Draw::of_slot(7 + u64::from(lines), slot);
        let terminal = terminals.draw(CountryCode::De, &mut draw);
        let mut event = PosEvent {
            account_number: Some("A".into()),
            event_type: Field::Value(EventType::Purchase),
            time: Field::Value(settings.start),
            currency: Field::Value(Currency::Eur),
            country_code: Field::Value(CountryCode::De),
            conversation_language: Field::Value(Language::De),
            ..PosEvent::default()
        };
        Basket::of_lines(lines, terminal, &settings, &mut draw).fill(&mut event);
        (!event.items.is_empty()).then_some((event, draw))
    })
}

/// Codes of checks 1 to 12 under the default parameters.
fn basket_codes(engine: &Arc<Engine>, event: &PosEvent<'_>) -> Vec<&'static str> {
    let mut value = Vec::new();
    write_pos_event(event, &mut value);
    let codes = answer(engine, "A", &value).codes();
    let of_form_or_basket = |code: &&str| {
        code.starts_with("400.") || ["pos.item.gross", "pos.item.unit", "pos.total.tax"].contains(code)
    };
    codes.into_iter().filter(of_form_or_basket).collect()
}

/// Twice what rounding can explain of the total tax, in whole cents: half a cent for each line and the total, and for
/// each of its items where their tax is in cents.
fn inexplicable_cents(event: &PosEvent<'_>) -> i64 {
    let items = event.items.iter().map(|item| {
        let cents = item.tax_amount.value().expect("a tax").decimals() <= 2;
        let quantity = exact(&item.quantity).0.abs() / exact(&Field::Value(Decimal::ONE)).0 + 1;
        1 + if cents { i64::try_from(quantity).expect("few") } else { 0 }
    });
    2 + items.sum::<i64>()
}

#[test]
fn receipts_of_every_way_of_rounding_pass_and_what_no_rounding_explains_is_refused() {
    let engine = engine(&["checks.account.unknown=open"]);
    for till in Till::ROUNDING {
        let (mut rates, mut deposits, mut weights, mut returns, mut discounts) = (0, 0, 0, 0, 0);
        for lines in [1, 3, 10, 20, 40] {
            for (event, mut draw) in german_receipts(till, lines) {
                let right = basket_codes(&engine, &event);
                assert!(right.is_empty(), "{till:?}: {right:?} on {event:?}");
                let items = &event.items;
                let id = |id: &str| items.iter().any(|item| item.item_id.as_deref() == Some(id));
                deposits += u32::from(id("DEP-0025"));
                weights += u32::from(items.iter().any(|item| item.unit_code.as_deref() == Some("KGM")));
                returns += u32::from(items.iter().any(|item| item.quantity.value().unwrap().is_negative()));
                discounts += u32::from(items.iter().any(|item| !item.discount.is_absent()));
                let rate = |item: &PosItem<'_>| {
                    let (tax, net) = (exact(&item.tax_amount).0, exact(&item.net_amount).0);
                    tax * 100 / net.max(1) > 10
                };
                rates += u32::from(items.iter().any(rate) && !items.iter().all(rate));
                // Whole cents of a line, of the total and of the tax; lines of four decimals may explain one of the total.
                let least = if till == Till::Total { 2 } else { 1 };
                for (slip, cents, code) in [
                    (Slip::Line, 5, "pos.item.gross"),
                    (Slip::Total, least, "400.102"),
                    (Slip::Total, -least, "400.102"),
                    (Slip::Tax, inexplicable_cents(&event), "pos.total.tax"),
                    (Slip::Tax, -inexplicable_cents(&event), "pos.total.tax"),
                ] {
                    let mut event = event.clone();
                    slip.make(&mut event, cents, &mut draw);
                    if event.total_amount.value().unwrap().is_negative() {
                        continue;
                    }
                    // The tax that a discount may have lowered or not is two right ones.
                    if slip == Slip::Tax && items.iter().any(|item| !item.discount.is_absent()) {
                        continue;
                    }
                    let wrong = basket_codes(&engine, &event);
                    assert!(wrong.contains(&code), "{till:?} off by {cents}: {wrong:?} on {event:?}");
                }
            }
        }
        for (what, seen) in [
            ("two rates", rates),
            ("deposits", deposits),
            ("weights", weights),
            ("returns", returns),
            ("discounts", discounts),
        ] {
            assert!(seen > 10, "{what}: {seen} with {till:?}");
        }
    }
}
