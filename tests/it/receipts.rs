//! Checks 5 to 12 at their thresholds: what is just allowed passes, and a little more is refused; and the checks against a
//! model of their own, in fractions of integers without a bound (`receipts/model.rs`).

mod model;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use crate::support::stream::{Said, answer, engine};
use model::{Figure, Item, Receipt, Settings};
use proptest::prelude::*;
use tillgate::engine::Engine;

/// Codes of checks 8 to 11.
const SUMS: [&str; 5] = ["pos.item.gross", "pos.item.unit", "400.102", "pos.total.tax", "pos.tax.unchecked"];

/// Accounts open by themselves, and nothing but form and basket has a say.
fn receipts<S: AsRef<str>>(sets: &[S]) -> Arc<Engine> {
    let mut all = vec![
        "checks.account.unknown=open",
        "checks.correction.original.enabled=false",
        "checks.velocity.windows.enabled=false",
    ];
    all.extend(sets.iter().map(AsRef::as_ref));
    engine(&all)
}

/// A line as JSON, out of `q=3 p=1.10 n=0.92 t=0.18 d=0.30 g=3.00`: quantity, price, net, tax, discount, gross.
fn line(text: &str) -> String {
    let fields = text.split_whitespace().map(|part| {
        let (name, number) = part.split_once('=').expect("name=number");
        let name = match name {
            "q" => "quantity",
            "p" => "unitPrice",
            "n" => "netAmount",
            "t" => "taxAmount",
            "d" => "discount",
            "g" => "grossAmount",
            _ => panic!("{text}"),
        };
        format!(",\"{name}\":{number}")
    });
    let fields: String = fields.collect();
    format!("{{\"itemId\":\"1\",\"itemDescription\":\"Goods\",\"unitCode\":\"C62\"{fields}}}")
}

/// A receipt of `totals` (`total=3.30 tax=0.50`) and lines parted by commas, on an account of Germany.
fn receipt(kind: &str, totals: &str, lines: &str) -> String {
    let totals = totals.split_whitespace().map(|part| {
        let (name, number) = part.split_once('=').expect("name=number");
        format!("\"{}\":{number},", if name == "tax" { "totalTax" } else { "totalAmount" })
    });
    let totals: String = totals.collect();
    let lines: Vec<String> =
        lines.split(',').map(str::trim).filter(|text| !text.is_empty()).map(line).collect();
    format!(
        "{{\"accountNumber\":\"A\",\"eventType\":\"{kind}\",\"time\":\"2026-03-02T10:00:00Z\",\"posId\":\"P\",{totals}\
         \"items\":[{}],\"currency\":\"EUR\",\"countryCode\":\"DE\",\"conversationLanguage\":\"DE\"}}",
        lines.join(",")
    )
}

fn said(engine: &Arc<Engine>, event: &str) -> Said {
    answer(engine, "A", event.as_bytes())
}

/// `code field` of each message of these codes, each once.
fn told(said: &Said, codes: &[&str]) -> Vec<String> {
    let told = said.messages.iter().filter(|message| codes.contains(&message.code.as_str()));
    let mut told: Vec<String> = told
        .map(|message| format!("{} {}", message.code, message.field.as_deref().unwrap_or_default()))
        .collect();
    told.dedup();
    told
}

/// Under `sets`, each receipt of `totals | lines` is told exactly the codes behind `->`, of any check but those of accounts.
#[track_caller]
fn check(sets: &[&str], rows: &[&str]) {
    let engine = receipts(sets);
    for row in rows {
        let (event, codes) = row.split_once("->").expect("totals | lines -> codes");
        let (totals, lines) = event.split_once('|').expect("totals | lines");
        let (kind, totals) = totals.split_once(':').unwrap_or(("Purchase", totals));
        let said = said(&engine, &receipt(kind, totals, lines));
        let ours = |code: &&str| !code.starts_with("pos.first") && !code.starts_with("200.");
        let mut found: Vec<&str> = said.codes().into_iter().filter(ours).collect();
        found.dedup();
        let expected: Vec<&str> = codes.split_whitespace().collect();
        assert_eq!(found, expected, "{row}: {}", String::from_utf8_lossy(&said.value));
    }
}

#[test]
fn decimals_of_what_is_charged_end_at_four_those_of_prices_at_six() {
    check(
        &[],
        &[
            "total=1.00 | q=0.999999 p=1.000001 g=1.0001 ->",
            "total=1.00 | q=0.999999 p=1.0000 g=1.00001 -> 400.007",
            "total=1.00 | q=1 p=1.1234567 g=1.00 -> 400.007",
            "total=1.00 | q=1 p=2.0001 d=1.0001 g=1.00 ->",
            "total=1.00 | q=1 p=2.00001 d=1.00001 g=1.00 -> 400.007",
            "total=1.00 | q=1 p=1.0000000000 g=1.00000000 ->",
            "total=1.001 | q=1 p=1.00 g=1.00 -> 400.007",
        ],
    );
    check(&["checks.form.decimals.charged=6"], &["total=1.00 | q=1 p=2.00001 d=1.00001 g=1.00 ->"]);
}

#[test]
fn totals_have_the_sign_of_their_event() {
    check(
        &[],
        &[
            "total=0.00 | q=1 p=1.00 d=1.00 g=0.00 ->",
            "total=-0.01 | q=-1 p=0.01 g=-0.01 -> 400.003",
            "Withdrawal: total=0.00 | -> 400.003",
            "Withdrawal: total=0.01 | -> pos.items.none",
            "WithdrawalCorrection: total=0.00 | -> 400.003",
            "WithdrawalCommission: total=0.00 | -> 400.003",
            "Interest: total=0.00 | -> 400.003",
            "Interest: total=0.01 | -> pos.items.none",
            "Correction: total=-1.00 | q=-1 p=1.00 g=-1.00 ->",
            "Info: | ->",
            "Purchase: | q=1 p=1.00 -> 400.003",
        ],
    );
}

#[test]
fn discounts_have_the_sign_of_their_line_and_end_at_it() {
    check(
        &[],
        &[
            "total=0.00 | q=3 p=1.10 d=3.30 ->",
            "total=0.00 | q=3 p=1.10 d=3.31 -> 400.003",
            "total=3.31 | q=3 p=1.10 d=-0.01 -> 400.003",
            "total=0.00 | q=1 p=1.00, q=-1 p=1.00 d=-1.00 g=0.00 -> 400.102",
            "total=0.00 | q=0 p=1.00 -> 400.003",
            "total=1.00 | q=1 p=0 d=1.00 -> 400.003",
            // Products of 18 digits are compared as well as any.
            "total=1.00 | q=999999999999.999999 p=999999999999.999999 d=1.00 g=1.00 -> pos.item.gross",
        ],
    );
    check(
        &["checks.form.quantity.excess_discount=allow"],
        &["total=3.31 | q=3 p=1.10 d=-0.01 g=3.31 ->", "total=1.00 | q=1 p=2.00, q=1 p=0 d=1.00 g=-1.00 ->"],
    );
}

#[test]
fn a_line_in_cents_is_exact_and_one_that_is_rounded_may_be_two_cents_off() {
    check(
        &[],
        &[
            "total=3.30 | q=3 p=1.10 g=3.30 ->",
            "total=3.31 | q=3 p=1.10 g=3.31 -> pos.item.gross",
            "total=3.30 | q=3 p=1.10 g=3.2999 -> pos.item.gross",
            "total=3.01 | q=3 p=1.10 d=0.30 g=3.01 -> pos.item.gross",
            // A weight, a price of a tenth of a cent, a discount of one: 0.02 passes and a ten-thousandth more does not.
            "total=1.02 | q=0.5 p=2.00 g=1.02 ->",
            "total=1.02 | q=0.5 p=2.00 g=1.0201 -> pos.item.gross",
            "total=0.98 | q=0.5 p=2.00 g=0.98 ->",
            "total=0.98 | q=0.5 p=2.00 g=0.9799 -> pos.item.gross",
            "total=2.02 | q=2 p=0.999 d=-0.002 g=2.02 -> 400.003",
            "total=2.02 | q=2 p=1.001 d=0.002 g=2.02 ->",
            "total=2.02 | q=2 p=1.001 d=0.002 g=2.0201 -> pos.item.gross",
            // Zeros behind the point say nothing.
            "total=3.31 | q=3.000 p=1.1000 d=0.0000 g=3.31 -> pos.item.gross",
            // What is not stated is not compared.
            "total=1.00 | q=0.333 p=1.00, q=0.333 p=1.00, q=0.333 p=1.00 ->",
        ],
    );
    check(
        &["checks.basket.line_tolerance=0.05"],
        &["total=3.35 | q=3 p=1.10 g=3.35 ->", "total=3.36 | q=3 p=1.10 g=3.36 -> pos.item.gross"],
    );
}

#[test]
fn net_and_tax_of_one_item_make_its_price_over_the_whole_line() {
    check(
        &[],
        &[
            // In cents: half a cent each, and half a cent of the line.
            "total=10.00 | q=1 p=10.00 n=8.41 t=1.60 g=10.00 ->",
            "total=10.00 | q=1 p=10.00 n=8.42 t=1.60 g=10.00 -> pos.item.unit",
            // Times ten: 0.1 + 0.005.
            "total=100.00 | q=10 p=10.00 n=8.41 t=1.60 g=100.00 ->",
            "total=100.00 | q=10 p=10.00 n=8.411 t=1.60 g=100.00 -> pos.item.unit",
            // Exact to six decimals: half a cent and a hundred-thousandth.
            "total=10.00 | q=10 p=1.00 n=0.840336 t=0.160163 g=10.00 ->",
            "total=10.00 | q=10 p=1.00 n=0.840336 t=0.160165 g=10.00 ->",
            "total=10.00 | q=10 p=1.00 n=0.840336 t=0.160166 g=10.00 -> pos.item.unit",
            // A thousand pieces that are 0.015 off each are 15 off.
            "total=10000.00 | q=1000 p=10.00 n=8.4034 t=1.6116 g=10000.00 -> pos.item.unit",
            // Of the full price; a discount comes after it.
            "total=9.00 | q=1 p=10.00 n=8.40 t=1.60 d=1.00 g=9.00 ->",
            "total=9.00 | q=1 p=10.00 n=7.56 t=1.44 d=1.00 g=9.00 -> pos.item.unit",
            "Correction: total=-20.00 | q=-2 p=10.00 n=8.40 t=1.60 g=-20.00 ->",
            "Correction: total=-20.00 | q=-2 p=10.00 n=8.40 t=1.63 g=-20.00 -> pos.item.unit",
        ],
    );
    check(
        &["checks.basket.line_tolerance=0.02"],
        &[
            "total=100.00 | q=10 p=10.00 n=8.402 t=1.60 g=100.00 ->",
            "total=100.00 | q=10 p=10.00 n=8.403 t=1.60 g=100.00 -> pos.item.unit",
        ],
    );
}

#[test]
fn net_and_tax_of_a_line_make_its_amount_before_or_after_the_discount() {
    check(
        &["checks.basket.item_amounts=line"],
        &[
            "total=20.00 | q=2 p=10.00 n=16.81 t=3.20 g=20.00 ->",
            "total=20.00 | q=2 p=10.00 n=16.811 t=3.20 g=20.00 -> pos.item.unit",
            "total=15.00 | q=2 p=10.00 n=12.60 t=2.40 d=5.00 g=15.00 ->",
            "total=15.00 | q=2 p=10.00 n=16.80 t=3.20 d=5.00 g=15.00 ->",
            "total=15.00 | q=2 p=10.00 n=14.80 t=3.20 d=5.00 g=15.00 -> pos.item.unit",
            // Exact to four decimals: no half cent of the line on top.
            "total=20.00 | q=2 p=10.00 n=16.8067 t=3.1934 g=20.00 ->",
            "total=20.00 | q=2 p=10.00 n=16.8067 t=3.1935 g=20.00 -> pos.item.unit",
        ],
    );
}

#[test]
fn a_total_is_refused_from_a_whole_cent_on() {
    check(
        &[],
        &[
            "total=10.00 | q=1 p=10.0099 g=10.0099 ->",
            "total=10.00 | q=1 p=10.01 g=10.01 -> 400.102",
            "total=10.00 | q=1 p=9.99 g=9.99 -> 400.102",
            "total=10.00 | q=1 p=9.9901 g=9.9901 ->",
        ],
    );
    check(
        &["checks.basket.total_tolerance=0.05"],
        &["total=10.00 | q=1 p=10.04 g=10.04 ->", "total=10.00 | q=1 p=10.05 g=10.05 -> 400.102"],
    );
}

#[test]
fn a_total_tax_may_be_off_by_what_its_lines_may_be_off_by() {
    check(
        &[],
        &[
            // One tax in cents: half a cent, and half a cent of the total.
            "total=10.00 tax=1.61 | q=1 p=10.00 t=1.60 ->",
            "total=10.00 tax=1.62 | q=1 p=10.00 t=1.60 -> pos.total.tax",
            // Of ten pieces: 0.05 + 0.005.
            "total=100.00 tax=16.05 | q=10 p=10.00 t=1.60 ->",
            "total=100.00 tax=16.06 | q=10 p=10.00 t=1.60 -> pos.total.tax",
            // Exact taxes that the till rounds by line: half a cent for each that is no whole cent, and one for the total.
            "total=3.00 tax=0.50 | q=1 p=1.00 t=0.1601, q=1 p=1.00 t=0.1601, q=1 p=1.00 t=0.1601 ->",
            "total=3.00 tax=0.51 | q=1 p=1.00 t=0.1601, q=1 p=1.00 t=0.1601, q=1 p=1.00 t=0.1601 -> pos.total.tax",
            // Three decimals that make a whole cent over the line: half of the last one times eight, and half a cent.
            "total=8.00 tax=1.01 | q=8 p=1.00 t=0.125 -> pos.total.tax",
            "total=8.00 tax=1.00 | q=8 p=1.00 t=0.125 ->",
            "total=0.00 tax=0.01 | q=1 p=1.00 t=0.16, q=-1 p=1.00 t=0.16 g=-1.00 ->",
            "total=0.00 tax=0.02 | q=1 p=1.00 t=0.16, q=-1 p=1.00 t=0.16 g=-1.00 -> pos.total.tax",
        ],
    );
    check(
        &["checks.basket.tax_tolerance=0.10"],
        &[
            "total=10.00 tax=1.70 | q=1 p=10.00 t=1.60 ->",
            "total=10.00 tax=1.71 | q=1 p=10.00 t=1.60 -> pos.total.tax",
        ],
    );
    check(
        &["checks.basket.item_amounts=line"],
        &[
            "total=100.00 tax=16.01 | q=10 p=10.00 t=16.00 ->",
            "total=100.00 tax=16.02 | q=10 p=10.00 t=16.00 -> pos.total.tax",
        ],
    );
}

#[test]
fn a_discount_lowers_the_tax_or_does_not_on_the_whole_receipt() {
    let two = "q=1 p=10.00 n=8.40 t=1.60 d=5.00 g=5.00, q=1 p=10.00 n=8.40 t=1.60 d=5.00 g=5.00";
    let rows = |codes: [&str; 3]| {
        let taxes = ["3.20", "1.60", "2.40"];
        let rows = taxes.iter().zip(codes);
        rows.map(|(tax, codes)| format!("total=10.00 tax={tax} | {two} -> {codes}")).collect::<Vec<_>>()
    };
    for (setting, codes) in [
        ("either", ["", "", "pos.total.tax"]),
        ("scaled", ["pos.total.tax", "", "pos.total.tax"]),
        ("none", ["", "pos.total.tax", "pos.total.tax"]),
    ] {
        let rows = rows(codes);
        let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
        check(&[&format!("checks.basket.discount_tax={setting}")], &rows);
    }
    // 1.00 lowered to a third, three times: exactly 1.00, and 0.02 + 0.015 more for three taxes without an end.
    let thirds = "q=1 p=3.00 t=1.00 d=2.00, q=1 p=3.00 t=1.00 d=2.00, q=1 p=3.00 t=1.00 d=2.00";
    check(
        &["checks.basket.discount_tax=scaled"],
        &[
            &format!("total=3.00 tax=1.03 | {thirds} ->"),
            &format!("total=3.00 tax=1.04 | {thirds} -> pos.total.tax"),
            &format!("total=3.00 tax=0.97 | {thirds} ->"),
            &format!("total=3.00 tax=0.96 | {thirds} -> pos.total.tax"),
        ],
    );
    // A smallest unit decides: thirds make a whole number that the allowed amount is met by exactly, or not.
    check(
        &["checks.basket.discount_tax=scaled", "checks.basket.tax_tolerance=0.03"],
        &[
            &format!("total=3.00 tax=1.03 | {thirds} ->"),
            &format!("total=3.00 tax=0.97 | {thirds} ->"),
            &format!("total=3.00 tax=1.04 | {thirds} -> pos.total.tax"),
        ],
    );
}

#[test]
fn a_tax_is_not_above_its_total_where_all_lines_have_one_sign() {
    check(
        &[],
        &[
            "total=1.00 tax=1.60 | q=1 p=10.00 t=1.60 d=9.00 -> pos.total.tax",
            "total=1.00 tax=1.00 | -> pos.items.none",
            "total=1.00 tax=1.01 | -> pos.total.tax pos.items.none",
            "total=1.00 tax=-0.01 | -> pos.total.tax pos.items.none",
            "Correction: total=-1.00 tax=-1.00 | -> pos.items.none",
            "Correction: total=-1.00 tax=0.01 | -> pos.total.tax pos.items.none",
            // A returned line among others: 1.60 of 10.00, and 9.00 of untaxed deposits back.
            "total=1.00 tax=1.60 | q=1 p=10.00 t=1.60, q=-36 p=0.25 t=0 g=-9.00 ->",
            "total=0.00 tax=0.16 | q=1 p=1.00 t=0.16 d=1.00 -> pos.total.tax",
        ],
    );
    check(
        &["checks.basket.tax_above_total=allow"],
        &[
            "total=1.00 tax=1.60 | q=1 p=10.00 t=1.60 d=9.00 ->",
            "total=1.00 tax=1.01 | -> pos.items.none",
            "total=1.00 tax=-0.01 | -> pos.total.tax pos.items.none",
        ],
    );
}

#[test]
fn a_tax_that_cannot_be_summed_is_told_by_a_note() {
    check(
        &[],
        &[
            "total=2.00 tax=0.16 | q=1 p=1.00 t=0.16, q=1 p=1.00 -> pos.tax.unchecked",
            "total=2.00 tax=2.01 | q=1 p=1.00 t=0.16, q=1 p=1.00 -> pos.total.tax pos.tax.unchecked",
            "total=2.00 | q=1 p=1.00 t=0.16, q=1 p=1.00 ->",
        ],
    );
    check(&["checks.basket.tax_unchecked.enabled=false"], &["total=1.00 tax=0.16 | q=1 p=1.00 ->"]);
    check(&["checks.basket.total_tax.enabled=false"], &["total=1.00 tax=0.16 | q=1 p=1.00 ->"]);
    let engine = receipts(&["checks.basket.tax_unchecked.outcome=reject"]);
    let said = said(&engine, &receipt("Purchase", "total=1.00 tax=0.16", "q=1 p=1.00"));
    assert_eq!(said.verdict.symbol(), "Rejected");
}

#[test]
fn figures_of_18_digits_and_prices_of_twelve_decimals_are_added_up_like_any() {
    let wide = ["checks.form.decimals.items=12", "checks.basket.item_amounts=line"];
    check(
        &wide,
        &[
            // 1.5 x 0.123456789012 = 0.185185183518, with 24 decimals of room.
            "total=0.19 | q=1.500000000001 p=0.123456789012 g=0.19 ->",
            "total=99999999999999.99 tax=0.01 | q=1 p=99999999999999.99 n=99999999999999.98 t=0.01 g=99999999999999.99 ->",
            "total=99999999999999.98 | q=1 p=99999999999999.99 g=99999999999999.99 -> 400.102",
            "total=10000000.00 | q=1 p=10000000.01 g=10000000.01 -> 400.102",
            "total=1.00 | q=999999999999999999 p=999999999999999999 g=1.00 -> pos.item.gross",
        ],
    );
}

#[test]
fn messages_name_the_arithmetic_and_the_setting_that_would_fit() {
    let messages = |sets: &[&str], totals: &str, lines: &str| {
        let said = said(&receipts(sets), &receipt("Purchase", totals, lines));
        let ours = said.messages.iter().filter(|message| SUMS.contains(&message.code.as_str()));
        ours.map(|message| message.message.clone()).collect::<Vec<_>>().join("\n")
    };
    for (sets, totals, lines, message) in [
        (
            &[][..],
            "total=3.31",
            "q=3 p=1.10 g=3.31",
            "line 1: grossAmount is 3.31, expected 3.30 (unitPrice 1.10 x quantity 3.00 - discount 0.00), difference 0.01, allowed 0.00",
        ),
        (
            &[],
            "total=20.00",
            "q=2 p=10.00 n=16.81 t=3.19 g=20.00",
            "line 1: (netAmount 16.81 + taxAmount 3.19) x quantity 2.00 is 40.00, expected 20.00 (grossAmount), difference 20.00, allowed 0.025; they fit the whole line, as with checks.basket.item_amounts = line",
        ),
        (
            &["checks.basket.item_amounts=line"],
            "total=15.00",
            "q=2 p=10.00 n=8.40 t=1.60 d=5.00 g=15.00",
            "line 1: netAmount 8.40 + taxAmount 1.60 is 10.00, expected 15.00 (grossAmount, or 20.00 without its discount), difference -5.00, allowed 0.01; they fit one item, as with checks.basket.item_amounts = unit",
        ),
        (
            &[],
            "total=3.31",
            "q=3 p=1.10 g=3.30",
            "totalAmount is 3.31, expected 3.30 (sum of grossAmount of the lines), difference 0.01, allowed less than 0.01",
        ),
        (
            &[],
            "total=90.00 tax=8.60",
            "q=1 p=100.00 n=90.91 t=9.09 d=10.00 g=90.00",
            "totalTax is 8.60, expected 9.09 (sum of taxAmount x quantity of the lines), difference -0.49, allowed 0.01; lowered by the discounts expected 8.181, difference 0.419, allowed 0.015",
        ),
        (
            &["checks.basket.discount_tax=none"],
            "total=90.00 tax=8.18",
            "q=1 p=100.00 n=90.91 t=9.09 d=10.00 g=90.00",
            "totalTax is 8.18, expected 9.09 (sum of taxAmount x quantity of the lines), difference -0.91, allowed 0.01; it fits with checks.basket.discount_tax = scaled",
        ),
        (
            &[],
            "total=20.00 tax=1.60",
            "q=2 p=10.00 t=1.60 g=20.00",
            "totalTax is 1.60, expected 3.20 (sum of taxAmount x quantity of the lines), difference -1.60, allowed 0.015; it fits with checks.basket.item_amounts = line",
        ),
        (
            &["checks.basket.discount_tax=scaled"],
            "total=20.00 tax=3.00",
            "q=1 p=30.00 t=5.00 d=10.00 g=20.00",
            "totalTax is 3.00, expected 3.333333333333 (sum of taxAmount x quantity of the lines, lowered by the discounts), difference -0.333333333333, allowed 0.015",
        ),
        (
            &[],
            "total=1.00 tax=1.60",
            "q=1 p=10.00 t=1.60 d=9.00 g=1.00",
            "totalTax 1.60 is above totalAmount 1.00, which checks.basket.tax_above_total = allow lets pass",
        ),
        (
            &[],
            "total=3.00 tax=0.16",
            "q=1 p=1.00 t=0.16, q=1 p=1.00, q=1 p=1.00",
            "totalTax 0.16 is not checked: line 2 has no taxAmount, nor have 1 more",
        ),
    ] {
        assert_eq!(messages(sets, totals, lines), message, "{totals} | {lines}");
    }
}

// ------------------------------------------------------------------------------------------------------- the model

/// What a line is made from: figures, and by how many units of their last decimal they are moved from what is right.
#[derive(Clone, Debug)]
struct Seed {
    quantity: Figure,
    price: Figure,
    /// Per mille of the line that is discounted, and decimals of the discount.
    discount: Option<(u16, u8)>,
    gross: Option<(u8, i64)>,
    /// Tax in the price, per mille; decimals and shift of net and tax.
    taxed: Option<(i64, [(u8, i64); 2])>,
}

fn figure(most: i64, scales: std::ops::RangeInclusive<u8>) -> impl Strategy<Value = Figure> {
    (1..=most, scales).prop_map(|(units, scale)| Figure { units: units.into(), scale })
}

fn seed() -> impl Strategy<Value = Seed> {
    let quantity = prop_oneof![
        4 => figure(12, 0..=0),
        2 => figure(5_000, 3..=3),
        1 => figure(999_999_999, 4..=12),
        1 => figure(12, 0..=0).prop_map(|one| Figure { units: -one.units, ..one }),
    ];
    let price = prop_oneof![
        5 => figure(30_000, 2..=2),
        2 => figure(3_000_000, 3..=6),
        1 => figure(999_999_999_999, 6..=12),
    ];
    let discount = proptest::option::weighted(0.4, (1u16..=1_000, prop_oneof![3 => Just(2u8), 1 => Just(4)]));
    let shift = prop_oneof![6 => Just(0i64), 2 => -2i64..=2, 1 => -20i64..=20];
    let rounded = (prop_oneof![3 => Just(2u8), 1 => Just(4)], shift.clone());
    let precise = (prop_oneof![2 => Just(2u8), 1 => 3u8..=5, 2 => Just(6)], shift);
    let taxed = proptest::option::weighted(
        0.9,
        (prop_oneof![Just(70i64), Just(190), Just(0)], [precise.clone(), precise]),
    );
    (quantity, price, discount, proptest::option::weighted(0.9, rounded), taxed).prop_map(
        |(quantity, price, discount, gross, taxed)| Seed { quantity, price, discount, gross, taxed },
    )
}

fn settings() -> impl Strategy<Value = Settings> {
    let tolerance = prop::sample::select(&[None, None, Some(0), Some(9_999), Some(20_000)][..]);
    let total = prop::sample::select(&[None, None, Some(1), Some(10_000), Some(50_000)][..]);
    (any::<bool>(), tolerance.clone(), total, tolerance, 0u8..3, any::<bool>()).prop_map(
        |(of_lines, line, total, tax, discount_tax, above_allowed)| Settings {
            of_lines,
            line,
            total,
            tax,
            unlowered: discount_tax != 1,
            lowered: discount_tax != 2,
            above_allowed,
        },
    )
}

/// By settings, as reading them takes longer than deciding.
static ENGINES: Mutex<BTreeMap<Vec<String>, Arc<Engine>>> = Mutex::new(BTreeMap::new());

proptest! {
    #![proptest_config(ProptestConfig { cases: 3_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_checks_say_what_the_model_says(
        settings in settings(),
        seeds in prop::collection::vec(seed(), 1..6),
        lowered in any::<bool>(),
        shifts in (prop_oneof![3 => Just(0i64), 2 => -7i64..=7], prop_oneof![3 => Just(0i64), 2 => -7i64..=7]),
    ) {
        let items: Vec<Item> = seeds.iter().map(|seed| seed.item(settings.of_lines)).collect();
        let receipt = Receipt::of(items, settings.of_lines, lowered, shifts);
        let sets = settings.sets();
        let engine = ENGINES.lock().expect("no panic").entry(sets.clone()).or_insert_with(|| receipts(&sets)).clone();
        let said = said(&engine, &receipt.event());
        prop_assert!(said.verdict.symbol() != "NotEvaluated", "{}", String::from_utf8_lossy(&said.value));
        let value = String::from_utf8_lossy(&said.value);
        prop_assert_eq!(told(&said, &SUMS), receipt.codes(&settings), "{:?} {} {}", settings, receipt.event(), value);
    }
}
