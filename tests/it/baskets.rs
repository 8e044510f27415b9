//! The basket checks over real baskets: invoices of the standards' own examples, every basket of two shops, and the same
//! with one figure changed. What passes and what is refused is said by the data's labels, never by this program.

use std::path::Path;
use std::sync::{Arc, LazyLock};

use crate::support::stream::{SCHEMAS, Said, answer, engine, options};
use proptest::prelude::*;
use tillgate::codec::json::{read_pos_event, write_pos_event};
use tillgate::domain::decimal::Rounding;
use tillgate::domain::pos_event::PosEvent;
use tillgate::domain::{Decimal, Field};
use tillgate::engine::Engine;
use tillgate::pos::Input;
use tillgate::replay::{CheckInputs, CheckOptions, CheckSink, InputPlace, ReplayError, check, open};

/// Codes of checks 8 to 11.
const SUMS: [&str; 4] = ["pos.item.gross", "pos.item.unit", "400.102", "pos.total.tax"];
/// Code of check 12.
const NO_ITEMS: &str = "pos.items.none";

/// Lines hold amounts of the whole line, accounts open by themselves, and no limit of the form ends the evaluation.
const REAL: [&str; 7] = [
    "checks.basket.item_amounts=line",
    "checks.account.unknown=open",
    "checks.form.length.items_max=10000",
    // totals of the web shop can have tenths of a cent, unit prices of invoices ten decimals
    "checks.form.decimals.enabled=false",
    "checks.form.quantity.excess_discount=allow",
    "checks.form.quantity.returns=allow",
    "checks.basket.tax_above_total=allow",
];

/// The largest amount that is no whole cent yet.
const BELOW_A_CENT: &str = "0.009999";

/// What a line, the total and the tax may differ by.
fn real(tolerances: [&str; 3]) -> Arc<Engine> {
    let names = ["line", "total", "tax"];
    let settings = names.iter().zip(tolerances);
    let tolerances: Vec<_> =
        settings.map(|(name, amount)| format!("checks.basket.{name}_tolerance={amount}")).collect();
    engine(&[&REAL.map(str::to_owned)[..], &tolerances].concat())
}

/// The answer to an event as it stands in a file.
fn said(engine: &Arc<Engine>, line: &str) -> Said {
    let event = read_pos_event(line.as_bytes()).expect("an event");
    answer(engine, event.account_number.as_deref().expect("an account"), line.as_bytes())
}

/// Codes of the answer; the evaluation must have come to the basket.
fn codes(engine: &Arc<Engine>, line: &str) -> Vec<&'static str> {
    let said = said(engine, line);
    let form = said.messages.iter().find(|message| message.code.as_str().starts_with("400.0"));
    assert!(form.is_none(), "the form ends the evaluation: {form:?}");
    said.codes()
}

/// Every `agree` is let through by checks 8 to 11, every `disagree` is refused by one of them.
fn assert_labels_hold(events: &str, labels: &str, tolerances: [&str; 3]) {
    let Some(shared) = crate::support::shared() else { return };
    let folder = shared.join("data/invoices");
    let engine = real(tolerances);
    let (mut agree, mut disagree) = (0, 0);
    let pairs =
        crate::support::read_jsonl(folder.join(events)).zip(crate::support::read_jsonl(folder.join(labels)));
    for (place, (event, label)) in pairs.enumerate() {
        let label: serde_json::Value = serde_json::from_str(&label).expect("a label");
        let codes = codes(&engine, &event);
        let refused = codes.iter().any(|code| SUMS.contains(code));
        match label["expected"].as_str() {
            Some("agree") => {
                agree += 1;
                assert!(!refused, "{events} line {}: {codes:?} on {label}", place + 1);
            }
            Some("disagree") => {
                disagree += 1;
                assert!(refused, "{events} line {}: {codes:?} on {label}", place + 1);
            }
            other => panic!("{labels} line {}: {other:?}", place + 1),
        }
    }
    assert!(agree > 20 && disagree > 5, "{agree} agree, {disagree} disagree");
}

#[test]
fn invoices_with_exact_line_tax_are_let_through_or_refused_as_labelled() {
    assert_labels_hold("events_exact.jsonl", "labels.jsonl", ["0.02", "0.01", BELOW_A_CENT]);
}

#[test]
fn invoices_with_line_tax_in_cents_are_let_through_or_refused_as_labelled() {
    assert_labels_hold("events_cent.jsonl", "labels.jsonl", ["0.03", "0.05", "0.049999"]);
}

#[test]
fn arithmetic_cases_of_the_standard_are_let_through_or_refused_as_labelled() {
    assert_labels_hold("unit_events.jsonl", "unit_labels.jsonl", ["0.02", "0.01", BELOW_A_CENT]);
}

/// What the defaults say of invoices that agree, by the code that ends it, with the places in their file.
type Refusals<'a> = &'a [(&'a str, &'a [usize])];

/// Order discounts as lines of price 0, and surcharges as discounts of the other sign, which
/// `form.quantity.excess_discount = allow` takes.
const ORDER_DISCOUNTS: (&str, &[usize]) = (
    "400.003",
    &[
        6, 11, 22, 37, 38, 40, 43, 44, 73, 79, 80, 84, 85, 90, 91, 92, 93, 94, 95, 107, 108, 111, 115, 116,
        119, 121, 123, 124,
    ],
);
/// Unit prices of seven to ten decimals, which `form.decimals.items` can be raised to.
const LONG_PRICES: (&str, &[usize]) = ("400.007", &[13, 30, 76, 77]);

/// Right invoices that the defaults refuse all the same are these and no others, each for a reason that has a setting.
fn assert_refused_by_default(events: &str, labels: &str, refusals: Refusals<'_>) {
    let Some(shared) = crate::support::shared() else { return };
    let folder = shared.join("data/invoices");
    let engine = engine(&["checks.basket.item_amounts=line", "checks.account.unknown=open"]);
    let pairs =
        crate::support::read_jsonl(folder.join(events)).zip(crate::support::read_jsonl(folder.join(labels)));
    for (place, (event, label)) in pairs.enumerate() {
        let codes = said(&engine, &event).codes();
        let refused: Vec<&str> = codes
            .into_iter()
            .filter(|code| SUMS.contains(code) || code.starts_with("400.0"))
            .collect::<std::collections::BTreeSet<_>>()
            .into_iter()
            .collect();
        let label: serde_json::Value = serde_json::from_str(&label).expect("a label");
        if label["expected"] == "disagree" {
            assert!(!refused.is_empty(), "{events} line {place}: {label}");
        } else {
            let mut expected: Vec<&str> = refusals
                .iter()
                .filter(|(_, places)| places.contains(&place))
                .map(|(code, _)| *code)
                .collect();
            expected.sort_unstable();
            assert_eq!(refused, expected, "{events} line {place}: {label}");
        }
    }
}

#[test]
fn the_defaults_refuse_right_invoices_for_reasons_that_have_a_setting() {
    // Their own rules let a total be a cent off where line taxes are rounded to the cent: total_tolerance.
    let total_off_by_a_cent = ("400.102", &[45, 63, 64, 83, 101, 109, 113][..]);
    assert_refused_by_default("events_exact.jsonl", "labels.jsonl", &[ORDER_DISCOUNTS, LONG_PRICES]);
    assert_refused_by_default(
        "events_cent.jsonl",
        "labels.jsonl",
        &[ORDER_DISCOUNTS, LONG_PRICES, total_off_by_a_cent],
    );
    // The standard's own cases: tax above the total (tax_above_total), and lines in whole cents that are 0.02 off, which
    // one rule of Peppol lets pass (line_tolerance).
    assert_refused_by_default(
        "unit_events.jsonl",
        "unit_labels.jsonl",
        &[("400.003", &[0, 1, 5, 6, 7, 64]), ("pos.total.tax", &[17, 18]), ("pos.item.gross", &[66, 67])],
    );
}

/// Keeps the outcomes that speak of the basket.
#[derive(Default)]
struct BasketMessages {
    outcomes: u64,
    found: Vec<String>,
}

impl CheckSink for BasketMessages {
    fn outcome(&mut self, value: &[u8]) -> Result<(), ReplayError> {
        self.outcomes += 1;
        let text = std::str::from_utf8(value).expect("JSON");
        // Almost every outcome holds no such code: reading them all would take longer than deciding.
        let speaks = SUMS.iter().chain([&NO_ITEMS]).any(|code| text.contains(code));
        if self.found.len() < 5 && (speaks || text.contains("\"code\":\"400.0")) {
            self.found.push(text.to_owned());
        }
        Ok(())
    }

    fn dead_letter(&mut self, _: Input, at: InputPlace, why: &str) {
        self.found.push(format!("{at}: {why}"));
    }

    fn progress(&mut self, _: u64) {}
}

/// No message of the form and of checks 8 to 12 on any event of a shop: by the defaults, and at a thousandth of a fixed
/// tolerance, as prices that the supermarket's data has by division are rounded to ten decimals.
fn assert_every_basket_adds_up(file: &str, events: u64) {
    for engine in [real(["rounding"; 3]), real(["0.00002", "0.01", BELOW_A_CENT])] {
        assert_adds_up(file, events, engine);
    }
}

fn assert_adds_up(file: &str, events: u64, engine: Arc<Engine>) {
    let Some(shared) = crate::support::shared() else { return };
    let options = CheckOptions {
        inputs: CheckInputs::Files {
            pos_events: open(&shared.join("data/baskets").join(file)).expect("the file"),
            account_events: None,
        },
        compares: false,
        partitions: 2,
        threads: 2,
        engine,
        options: options(),
        schemas: &*SCHEMAS,
        profiles: None,
    };
    let mut sink = BasketMessages::default();
    let summary = check(options, &mut sink).expect("a run to the end");
    assert!(sink.found.is_empty(), "{:#?}", sink.found);
    assert_eq!([summary.pos_events, summary.account_events], [events, 0]);
    // Holds that run out on the way give outcomes of their own.
    assert!(sink.outcomes >= events, "{}", sink.outcomes);
}

#[test]
fn every_basket_of_the_supermarket_adds_up() {
    assert_every_basket_adds_up("completejourney_events.jsonl.zst", 47_034);
}

#[test]
fn every_basket_of_the_web_shop_adds_up() {
    assert_every_basket_adds_up("uci_online_retail_events.jsonl.zst", 25_900);
}

/// A spread of real baskets that add up to the cent: of both shops, and invoices whose lines do.
static BASKETS: LazyLock<Vec<String>> = LazyLock::new(|| {
    let Some(shared) = crate::support::shared() else { return Vec::new() };
    let data = shared.join("data");
    let spread = |file: &Path, step: usize, most: usize| {
        crate::support::read_jsonl(file).step_by(step).take(most).collect::<Vec<_>>()
    };
    let mut baskets = spread(&data.join("baskets/completejourney_events.jsonl.zst"), 13, 200);
    baskets.extend(spread(&data.join("baskets/uci_online_retail_events.jsonl.zst"), 7, 200));
    baskets.extend(spread(&data.join("invoices/events_exact.jsonl"), 1, usize::MAX));
    baskets.retain(|line| codes(&STRICT, line).iter().all(|code| !SUMS.contains(code)));
    baskets
});

/// Every cent counts, on a line as in a total; a discount leaves the tax as it is.
static STRICT: LazyLock<Arc<Engine>> = LazyLock::new(|| {
    let tolerances = ["line_tolerance=0.0099", "total_tolerance=0.01", "tax_tolerance=0.009999"];
    let basket = tolerances.iter().chain(&["discount_tax=none"]).map(|set| format!("checks.basket.{set}"));
    engine(&REAL.iter().map(|set| (*set).to_owned()).chain(basket).collect::<Vec<_>>())
});

/// One figure of a basket, and what is done to it.
#[derive(Clone, Copy, Debug)]
enum Spoil {
    Gross,
    UnitPrice,
    Tax,
    Net,
    TotalAmount,
    TotalTax,
    DropLine,
}

const SPOILS: [Spoil; 7] = [
    Spoil::Gross,
    Spoil::UnitPrice,
    Spoil::Tax,
    Spoil::Net,
    Spoil::TotalAmount,
    Spoil::TotalTax,
    Spoil::DropLine,
];

/// Adds `cents` to a figure that is stated.
fn add(field: &mut Field<'_, Decimal>, cents: i64) -> bool {
    const CENT: i128 = 10_000;
    let Some(value) = field.value().and_then(|value| value.quantize(6, Rounding::HalfUp)) else {
        return false;
    };
    let moved = i128::from(value.units()) + i128::from(cents) * CENT;
    *field = Field::Value(Decimal::new(moved, 6).expect("18 digits"));
    true
}

/// Spoils the event; says what the answer must name, or nothing where the figure is not there or does not count.
fn spoil(
    event: &mut PosEvent<'_>,
    what: Spoil,
    line: usize,
    cents: i64,
) -> Option<Vec<(&'static str, String)>> {
    let gross = ("pos.item.gross", format!("items[{line}].grossAmount"));
    let unit = ("pos.item.unit", format!("items[{line}].grossAmount"));
    let total = ("400.102", "totalAmount".to_owned());
    let tax = ("pos.total.tax", "totalTax".to_owned());
    let item = event.items.get_mut(line)?;
    let cents_of_discount = item.discount.value().and_then(|discount| discount.quantize(2, Rounding::HalfUp));
    if matches!(what, Spoil::Gross | Spoil::Tax | Spoil::Net)
        && cents_of_discount.is_some_and(|discount| discount.units().abs() == cents.abs())
    {
        // Net and tax may be those before the discount or after it.
        return None;
    }
    let done = match what {
        Spoil::Gross => add(&mut item.gross_amount, cents),
        Spoil::UnitPrice => {
            // A cent on the price of a thousandth is no cent on the line.
            let quantity = item.quantity.value()?.exact()?.0.unsigned_abs();
            quantity >= tillgate::domain::Decimal::new(1, 0)?.exact()?.0.unsigned_abs()
                && add(&mut item.unit_price, cents)
        }
        Spoil::Tax => add(&mut item.tax_amount, cents),
        Spoil::Net => add(&mut item.net_amount, cents),
        Spoil::TotalAmount => add(&mut event.total_amount, cents),
        Spoil::TotalTax => add(&mut event.total_tax, cents),
        Spoil::DropLine => {
            let exact = |field: &Field<'_, Decimal>| field.value().and_then(Decimal::exact);
            let counts =
                exact(&item.gross_amount)?.0.unsigned_abs() >= Decimal::new(1, 2)?.exact()?.0.unsigned_abs();
            let taxed =
                exact(&item.tax_amount)?.0.unsigned_abs() >= Decimal::new(1, 2)?.exact()?.0.unsigned_abs();
            event.items.remove(line);
            if !counts || event.items.is_empty() {
                return None;
            }
            return Some(if taxed { vec![total, tax] } else { vec![total] });
        }
    };
    done.then(|| match what {
        Spoil::Gross => vec![gross, unit, total],
        Spoil::UnitPrice => vec![gross],
        Spoil::Tax => vec![unit, tax],
        Spoil::Net => vec![unit],
        Spoil::TotalAmount => vec![total],
        Spoil::TotalTax => vec![tax],
        Spoil::DropLine => Vec::new(),
    })
}

fn named(said: &Said) -> Vec<(&str, String)> {
    let basket = said.messages.iter().filter(|message| SUMS.contains(&message.code.as_str()));
    let mut named: Vec<_> =
        basket.map(|message| (message.code.as_str(), message.field.clone().expect("a field"))).collect();
    // Of another sign than the total, and not the sum of the taxes: one figure.
    named.dedup();
    named
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn one_figure_changed_by_a_cent_or_more_is_refused_and_named(
        place in any::<prop::sample::Index>(),
        line in any::<prop::sample::Index>(),
        what in prop::sample::select(&SPOILS[..]),
        cents in prop_oneof![Just(1i64), Just(-1), Just(3), Just(-3), 2i64..100_000, -100_000i64..-2],
    ) {
        if BASKETS.is_empty() {
            return Ok(());
        }
        let source = place.get(&BASKETS);
        let mut event = read_pos_event(source.as_bytes()).expect("an event");
        let line = line.index(event.items.len());
        // Half a cent that is missing may hide a cent that is added: two cents cannot hide.
        let cents = if source.contains("INVX") { cents * 2 } else { cents };
        let expected = spoil(&mut event, what, line, cents);
        prop_assume!(expected.is_some(), "the figure is not there or does not count");
        let signs = [&event.total_amount, &event.total_tax].map(|total| {
            total.value().map_or(0, |total| total.units().signum())
        });
        prop_assume!(signs[0] * signs[1] >= 0, "a total that turns its sign is not that of its tax either");
        let mut value = Vec::new();
        write_pos_event(&event, &mut value);
        let said = answer(&STRICT, event.account_number.as_deref().unwrap_or_default(), &value);
        prop_assume!(!said.codes().contains(&"400.003"), "a purchase below zero is not for the basket to say");
        prop_assert_eq!(Some(named(&said)), expected, "{}", String::from_utf8_lossy(&said.value));
        prop_assert_eq!(said.verdict.symbol(), "Rejected");
    }
}
