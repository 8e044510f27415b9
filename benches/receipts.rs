//! How many right and wrong receipts the basket checks let pass, by where tills round and by the number of lines: with the
//! parameters of release 0.1 and with those of today. Not a measurement of time; the same figures on every run.

use tillgate::checks::basket::{self, DiscountTax, Tolerance};
use tillgate::checks::form::{self, Envelope};
use tillgate::checks::{Context, Effect, Findings, KnownEvent, ParameterSet};
use tillgate::config::{Sources, load};
use tillgate::domain::enums::{CountryCode, Currency, EventType, Language};
use tillgate::domain::pos_event::PosEvent;
use tillgate::domain::record::RecordTime;
use tillgate::domain::{Decimal, Exact, Field, Micros, ProfileView};
use tillgate::load::basket::Basket;
use tillgate::load::draw::Draw;
use tillgate::load::terminals::Terminals;
use tillgate::load::{LoadSettings, Slip, Till};
use tillgate::state::EventPlace;

/// Receipts of each way of rounding and number of lines.
const RECEIPTS: u64 = 1_000;
const LINES: [u32; 5] = [1, 3, 10, 20, 40];
/// What wrong receipts are off by, cents.
const CENTS: [i64; 6] = [1, 2, 3, 5, 10, 100];
const TIME: Micros = Micros(1_736_143_200_000_000);

fn main() {
    let today = load(&Sources::default()).unwrap_or_else(|faults| panic!("{faults}"));
    let today = today.checks.of(CountryCode::De, Currency::Eur).clone();
    let before = before(&today);
    let terminals = Terminals::new(540);
    println!(
        "| where tills round | lines | right: 0.1 | now | wrong amount: 0.1 | now | wrong tax: 0.1 | now |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    let mut by_slip = vec![[[0u64; 3]; CENTS.len()]; Slip::ALL.len()];
    for till in Till::ROUNDING {
        for lines in LINES {
            let settings = LoadSettings { till, lines, ..LoadSettings::default() };
            // How many, and how many pass before and today.
            let (mut right, mut amount, mut tax) = ([0u64; 3], [0u64; 3], [0u64; 3]);
            for slot in 0..RECEIPTS {
                let mut draw = Draw::of_slot(u64::from(lines), slot);
                let terminal = terminals.draw(CountryCode::De, &mut draw);
                let mut event = envelope();
                Basket::of_lines(lines, terminal, &settings, &mut draw).fill(&mut event);
                if event.items.is_empty() {
                    continue;
                }
                count(&mut right, &event, [&before, &today]);
                for (kind, slip) in Slip::ALL.iter().enumerate() {
                    for (size, cents) in CENTS.iter().enumerate() {
                        let mut event = event.clone();
                        let sign = if draw.per_mille(500) { -1 } else { 1 };
                        slip.make(&mut event, sign * cents, &mut draw);
                        let wrong = if *slip == Slip::Tax { &mut tax } else { &mut amount };
                        count(wrong, &event, [&before, &today]);
                        count(&mut by_slip[kind][size], &event, [&before, &today]);
                    }
                }
            }
            let shares = [right, amount, tax]
                .map(|[all, before, today]| format!("{} | {}", percent(before, all), percent(today, all)));
            println!("| {} | {lines} | {} |", rounding(till), shares.join(" | "));
        }
    }
    println!("\n| off by | {} |", Slip::ALL.map(|slip| format!("{}: 0.1 | now", figure(slip))).join(" | "));
    println!("|---|{}", "---|---|".repeat(Slip::ALL.len()));
    for (size, cents) in CENTS.iter().enumerate() {
        let cells = by_slip.iter().map(|sizes| {
            let [all, before, today] = sizes[size];
            format!("{} | {}", percent(before, all), percent(today, all))
        });
        println!("| {}.{:02} | {} |", cents / 100, cents % 100, cells.collect::<Vec<_>>().join(" | "));
    }
}

/// What a till rounds, in words.
fn rounding(till: Till) -> &'static str {
    match till {
        Till::Exact => "nothing but the total tax",
        Till::Unit => "tax of one item",
        Till::Line => "tax of each line",
        Till::Rate => "tax by VAT rate",
        Till::Total => "totals alone",
    }
}

/// Which figure a slip is in.
fn figure(slip: Slip) -> &'static str {
    match slip {
        Slip::Line => "a line and the total",
        Slip::Total => "the total",
        Slip::Tax => "the total tax",
    }
}

/// The parameters of release 0.1, as far as the basket goes.
fn before(today: &ParameterSet) -> ParameterSet {
    let mut before = today.clone();
    before.basket.line_tolerance = Tolerance::Amount(Exact::of_cents(2));
    before.basket.total_tolerance = Tolerance::Amount(Exact::of_cents(1));
    let below_a_cent = Decimal::new(9_999, 6).and_then(Decimal::exact).unwrap_or_default();
    before.basket.tax_tolerance = Tolerance::Amount(below_a_cent);
    before.basket.discount_tax = DiscountTax::None;
    before.basket.tax_above_total_allowed = true;
    before
}

fn envelope() -> PosEvent<'static> {
    PosEvent {
        event_type: Field::Value(EventType::Purchase),
        time: Field::Value(TIME),
        currency: Field::Value(Currency::Eur),
        country_code: Field::Value(CountryCode::De),
        conversation_language: Field::Value(Language::De),
        ..PosEvent::default()
    }
}

/// Counts a receipt, and by which parameters it passes.
fn count(counts: &mut [u64; 3], event: &PosEvent<'_>, parameters: [&ParameterSet; 2]) {
    counts[0] += 1;
    for (passed, parameters) in counts[1..].iter_mut().zip(parameters) {
        *passed += u64::from(passes(event, parameters));
    }
}

fn passes(event: &PosEvent<'_>, parameters: &ParameterSet) -> bool {
    let envelope = Envelope { key: "A", time: RecordTime::of_millis(TIME.0 / 1_000) };
    let Ok(sound) = form::check(event, envelope, parameters) else { return false };
    let mut findings = Findings::default();
    let known = KnownEvent { event: &sound, place: EventPlace { partition: 0.into(), offset: 0 } };
    let profiles = &ProfileView::default();
    let context = Context { known: &known, account: None, recent: &[], profiles, parameters, now: TIME };
    basket::check(&context, &mut findings);
    findings.effect() == Effect::Note
}

fn percent(part: u64, whole: u64) -> String {
    let tenths = (part * 1_000 + whole / 2) / whole.max(1);
    format!("{}.{} %", tenths / 10, tenths % 10)
}
