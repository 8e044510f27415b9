//! One decision, line by line: the basket, what was expected and found, and what merchant, customer and analyst read.
//!
//! Shows what the outcome says beside the event it is for, and adds the event up once more for people; it judges
//! nothing.

use super::outcome::{ExplainedOutcome, ShownEvidence, ShownMessage};
use super::paint::{Paint, cut, wrapped};
use crate::checks::time::span;
use crate::config::Settings;
use crate::domain::enums::{CountryCode, Currency, Language, Verdict};
use crate::domain::pos_event::{PosEvent, PosItem};
use crate::domain::visible::visible;
use crate::domain::{Decimal, Exact, Field, Micros};
use serde_json::value::RawValue;

/// Characters of a line, at most.
pub const WIDTH: usize = 100;
/// Where texts begin.
const INDENT: usize = 13;
/// Lines of a basket that are shown.
const LINES: usize = 8;
/// Lines of a basket that are shown where more are at fault.
const LINES_MAX: usize = 200;

/// The explanation of a decision, without a heading.
pub fn decision(
    answer: &ExplainedOutcome,
    event: &PosEvent<'_>,
    settings: &Settings,
    paint: Paint,
) -> Vec<String> {
    let verdict = answer.verdict();
    let mut lines = vec![paint.dim(&format!("  {}", cut(&origin(event), WIDTH - 2))), String::new()];
    basket(answer, event, paint, &mut lines);
    lines.push(String::new());
    for (label, text) in expected_and_found(answer, event, settings) {
        let text = visible(&text).into_owned();
        let text = match (label, verdict) {
            ("found", Verdict::Accepted) => paint.right(&text),
            ("found", _) => paint.wrong(&text),
            _ => text,
        };
        lines.push(format!("  {}{text}", paint.dim(&format!("{label:<11}"))));
    }
    readers(answer, Some(event), settings, paint, &mut lines);
    evidence(answer, paint, &mut lines);
    ids(answer, Some(event), settings, paint, &mut lines);
    lines
}

/// The explanation of an outcome whose event is not at hand.
pub fn without_event(answer: &ExplainedOutcome, settings: &Settings, paint: Paint) -> Vec<String> {
    let mut lines = Vec::new();
    readers(answer, None, settings, paint, &mut lines);
    evidence(answer, paint, &mut lines);
    ids(answer, None, settings, paint, &mut lines);
    lines
}

fn origin(event: &PosEvent<'_>) -> String {
    let symbol = |text: Option<&'static str>| text.unwrap_or("?");
    let time = event.time.value().map_or_else(String::new, to_seconds);
    format!(
        "{} at {} ({}), {}, account {}",
        symbol(event.event_type.value().map(|found| found.symbol())),
        event.pos_name.as_deref().unwrap_or("a till without a name"),
        symbol(event.country_code.value().map(CountryCode::symbol)),
        time,
        event.account_number.as_deref().unwrap_or("none"),
    )
}

fn to_seconds(time: Micros) -> String {
    let whole = Micros(time.0 - time.0.rem_euclid(1_000_000)).to_string();
    whole.replace('T', " ").replace('Z', " UTC")
}

/// The lines, and the totals below them.
fn basket(answer: &ExplainedOutcome, event: &PosEvent<'_>, paint: Paint, lines: &mut Vec<String>) {
    let currency = event.currency.value().map_or("", Currency::symbol);
    lines.push(paint.dim(&row(["", currency, "quantity", "unit price", "discount", "gross"])));
    let wrong: Vec<&str> = answer.faults().filter_map(|message| message.field_reference.as_deref()).collect();
    let line_at_fault = |place: usize| {
        let line = format!("items[{place}].");
        wrong.iter().find_map(|field| field.strip_prefix(&line))
    };
    // Lines that are at fault are shown wherever they stand.
    let shown_lines = |(place, _): &(usize, &PosItem<'_>)| *place < LINES || line_at_fault(*place).is_some();
    let mut left_out = event.items.len();
    for (place, item) in event.items.iter().enumerate().filter(shown_lines).take(LINES_MAX) {
        left_out -= 1;
        let number = (place + 1).to_string();
        let columns = [
            number.as_str(),
            item.item_description.as_deref().unwrap_or("?"),
            &quantity(item),
            &show_amount(&item.unit_price),
            &show_amount(&item.discount),
            &show_amount(&item.gross_amount),
        ];
        let expected = line_at_fault(place).map(|field| match (field, line_gross(item)) {
            ("grossAmount", Some(expected)) => expected.to_string(),
            _ => visible(field).into_owned(),
        });
        lines.push(marked(row(columns), expected, paint));
    }
    if left_out > 0 {
        lines.push(paint.dim(&format!("       and {left_out} further lines")));
    }
    let total = row(["", "total", "", "", "", &show_amount(&event.total_amount)]);
    let is_the_sum = answer.faults().any(|message| message.code == "400.102");
    let expected = is_the_sum.then(|| sum(&event.items)).flatten();
    lines.push(match wrong.contains(&"totalAmount") {
        false => paint.bold(&total),
        true => {
            let expected = expected.map_or_else(|| "totalAmount".to_owned(), |expected| expected.to_string());
            marked(total, Some(expected), paint)
        }
    });
    if event.total_tax.value().is_some() {
        let tax = row(["", "of which tax", "", "", "", &show_amount(&event.total_tax)]);
        lines.push(match wrong.contains(&"totalTax") {
            false => paint.dim(&tax),
            true => marked(tax, Some("totalTax".to_owned()), paint),
        });
    }
}

fn row(columns: [&str; 6]) -> String {
    let [number, item, quantity, price, discount, gross] = columns;
    format!("  {number:>3} {:<32}{quantity:>9}{price:>12}{discount:>10}{gross:>13}", cut(item, 32))
}

/// A row; where it is at fault in red, with what it should be beside it, or else the field's name.
fn marked(row: String, expected: Option<String>, paint: Paint) -> String {
    match expected {
        None => row,
        Some(expected) => format!("{}  {}", paint.wrong(&row), paint.right(&format!("≠ {expected}"))),
    }
}

/// An amount, with two decimals at least.
fn show_amount(field: &Field<'_, Decimal>) -> String {
    field.value().and_then(Decimal::exact).map_or_else(String::new, |value| value.to_string())
}

/// A quantity as people write it: `2`, `0.532`.
fn quantity(item: &PosItem<'_>) -> String {
    let text = show_amount(&item.quantity);
    text.strip_suffix(".00").map_or(text.clone(), str::to_owned)
}

/// unitPrice x quantity - discount.
fn line_gross(item: &PosItem<'_>) -> Option<Exact> {
    let full = Exact::product(item.unit_price.value()?, item.quantity.value()?)?;
    full.minus(item.discount.value().unwrap_or(Decimal::ZERO).exact()?)
}

/// Sum of the gross amounts.
fn sum(items: &[PosItem<'_>]) -> Option<Exact> {
    items.iter().try_fold(Exact::ZERO, |sum, item| sum.plus(item.gross_amount.value()?.exact()?))
}

/// What had to be, and what was, where that is more than a message says.
fn expected_and_found(
    answer: &ExplainedOutcome,
    event: &PosEvent<'_>,
    settings: &Settings,
) -> Vec<(&'static str, String)> {
    let total = event.total_amount.value().and_then(Decimal::exact);
    let left = amount(answer.available_after.as_deref());
    if answer.verdict() == Verdict::Accepted && answer.risk_check_messages.is_empty() {
        let rows = sum(&event.items).zip(total).map(|(expected, found)| {
            let within = format!("within what the account may spend ({left} left)");
            (format!("{expected}, the sum of the lines, {within}"), format!("{found} and no reason to stop"))
        });
        return labelled(rows);
    }
    answer.faults().flat_map(|message| labelled(of_message(message, left, event, settings))).collect()
}

fn labelled(rows: Option<(String, String)>) -> Vec<(&'static str, String)> {
    rows.map_or_else(Vec::new, |(expected, found)| vec![("expected", expected), ("found", found)])
}

/// What had to be and what was, of one message.
fn of_message(
    message: &ShownMessage,
    left: &str,
    event: &PosEvent<'_>,
    settings: &Settings,
) -> Option<(String, String)> {
    let total = event.total_amount.value().and_then(Decimal::exact);
    match message.code.as_str() {
        "pos.item.gross" => {
            let item = at_fault(message.field_reference.as_deref(), event)?;
            let (expected, found) = (line_gross(item)?, item.gross_amount.value()?.exact()?);
            let (price, quantity) = (show_amount(&item.unit_price), quantity(item));
            let discount = item.discount.value().map_or_else(String::new, |found| format!(" - {found}"));
            Some((
                format!("{expected} = {price} x {quantity}{discount}"),
                format!("{found}, {}", difference(found, expected)?),
            ))
        }
        "400.102" => {
            let (expected, found) = (sum(&event.items)?, total?);
            Some((
                format!("{expected}, the sum of the lines"),
                format!("{found}, {}", difference(found, expected)?),
            ))
        }
        "200.903" => Some((format!("at most {left}: limit - balance - open holds"), total?.to_string())),
        "pos.first.amount" => {
            let currency = event.currency.value()?;
            let country = event.country_code.value().unwrap_or(CountryCode::Unrecognized);
            let cap = settings.checks.of(country, currency).limit.first_cap.get(currency)?;
            Some((
                format!("at most {cap} for the first purchase of an account, or a customer who identifies"),
                total?.to_string(),
            ))
        }
        _ => None,
    }
}

/// The item that a reference such as `items[2].grossAmount` names.
fn at_fault<'e, 'r>(reference: Option<&str>, event: &'e PosEvent<'r>) -> Option<&'e PosItem<'r>> {
    let place = reference?.strip_prefix("items[")?.split(']').next()?;
    event.items.get(place.parse::<usize>().ok()?)
}

fn difference(found: Exact, expected: Exact) -> Option<String> {
    let by = found.minus(expected)?;
    Some(format!("{} too {}", by.abs(), if by.0 < 0 { "little" } else { "much" }))
}

/// What merchant, customer and till read.
fn readers(
    answer: &ExplainedOutcome,
    event: Option<&PosEvent<'_>>,
    settings: &Settings,
    paint: Paint,
    lines: &mut Vec<String>,
) {
    let language = event.and_then(|event| event.conversation_language.value());
    let language = language.map(Language::spoken);
    for message in &answer.risk_check_messages {
        text("merchant", &format!("{}: {}", message.code, message.message), paint, lines);
        if let Some(detail) = &message.detail {
            text("analyst", detail, paint, lines);
        }
        if let Some(customer) = &message.customer_facing_message {
            let spoken = language.map_or_else(String::new, |language| format!("{}: ", language.symbol()));
            text("customer", &format!("{spoken}{customer}"), paint, lines);
            let english = settings.texts.of(&message.code, Language::En, None);
            if let (Some(english), true) = (english, language.is_some_and(|spoken| spoken != Language::En)) {
                for line in wrapped(&format!("({english})"), WIDTH - INDENT) {
                    lines.push(paint.dim(&format!("{:INDENT$}{line}", "")));
                }
            }
        }
        text(
            "action",
            &format!("{}: {}", message.action_code, next_step(&message.action_code)),
            paint,
            lines,
        );
    }
    if answer.risk_check_messages.is_empty() {
        text("action", "none: there is nothing to say", paint, lines);
    }
}

/// What was known of terminal and chip across accounts.
fn evidence(answer: &ExplainedOutcome, paint: Paint, lines: &mut Vec<String>) {
    for ShownEvidence { fact, value } in &answer.evidence {
        text("known", &format!("{}: {}", visible(fact), visible(value)), paint, lines);
    }
}

fn next_step(action: &str) -> &'static str {
    match action {
        "AskConsumerToConfirm" => "ask the customer whether this is meant",
        "AskConsumerToReEnterData" => "ask for the data again",
        "OfferSecurePaymentMethods" => "offer another way to pay",
        "RequiresSsn" => "ask for the social security number",
        "AskConsumerToIdentify" => "ask the customer to identify, strongly",
        _ => "nothing the customer can do",
    }
}

/// What the outcome can be found by, and what it booked.
fn ids(
    answer: &ExplainedOutcome,
    event: Option<&PosEvent<'_>>,
    settings: &Settings,
    paint: Paint,
    lines: &mut Vec<String>,
) {
    let currency = event.and_then(|event| event.currency.value()).map_or("", Currency::symbol);
    let booked = match (&answer.posted_amount, answer.verdict()) {
        (Some(posted), _) => format!("{} {currency}", posted.get()),
        (None, Verdict::Pending) => {
            let country = event.and_then(|event| event.country_code.value());
            let currency = event.and_then(|event| event.currency.value());
            let parameters = settings
                .checks
                .of(country.unwrap_or(CountryCode::Unrecognized), currency.unwrap_or(Currency::Unrecognized));
            format!("nothing yet: the amount is held on the limit for {} at most", span(parameters.hold_time))
        }
        (None, _) => "nothing".to_owned(),
    };
    let (balance, available) =
        (amount(answer.balance_after.as_deref()), amount(answer.available_after.as_deref()));
    text("booked", &format!("{booked}; balance {balance}, available {available}"), paint, lines);
    let source = &answer.source;
    let by = format!(
        "{} for {} [{}] @ {}, revision {}, ruleset {}",
        answer.transaction_id,
        source.topic,
        source.partition,
        source.offset,
        answer.account_revision,
        cut(&answer.ruleset, 9),
    );
    text("outcome", &by, paint, lines);
    for (label, id) in
        [("supersedes", &answer.supersedes), ("repeats", &answer.repeats), ("corrects", &answer.corrects)]
    {
        if let Some(id) = id {
            text(label, id, paint, lines);
        }
    }
}

fn amount(raw: Option<&RawValue>) -> &str {
    raw.map_or("unknown", RawValue::get)
}

fn text(label: &str, text: &str, paint: Paint, lines: &mut Vec<String>) {
    for (place, line) in wrapped(text, WIDTH - INDENT).iter().enumerate() {
        let label = if place == 0 { label } else { "" };
        lines.push(format!("  {}{line}", paint.dim(&format!("{label:<11}"))));
    }
}
