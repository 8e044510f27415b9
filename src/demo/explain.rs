//! One decision, line by line: the basket, what was expected and found, and what merchant and customer read.
//!
//! Shows what the outcome says beside the event it is for, and adds the event up once more for people; it judges
//! nothing.

use super::paint::{Paint, cut, wrapped};
use super::pick::{Kind, Pick};
use crate::checks::catalogue::Check;
use crate::codec::KnownSchemas;
use crate::config::Settings;
use crate::domain::enums::{CountryCode, Currency, Language, Verdict};
use crate::domain::pos_event::{PosEvent, PosItem};
use crate::domain::{Decimal, Exact, Field, Micros};
use serde_json::value::RawValue;

/// Characters of a line, at most.
const WIDTH: usize = 100;
/// Where texts begin.
const INDENT: usize = 13;
/// Lines of a basket that are shown.
const LINES: usize = 8;

/// The explanation of a decision, the `place`-th of `count`.
pub(super) fn explain(
    pick: &Pick,
    (place, count): (usize, usize),
    schemas: &KnownSchemas,
    settings: &Settings,
    paint: Paint,
) -> Vec<String> {
    let Some(event) = pick.event(schemas) else { return Vec::new() };
    let verdict = pick.answer.verdict();
    let mut lines = vec![heading(pick, (place, count), verdict, paint)];
    lines.push(paint.dim(&format!("  {}", cut(&origin(&event), WIDTH - 2))));
    lines.push(String::new());
    basket(pick, &event, paint, &mut lines);
    lines.push(String::new());
    for (label, text) in expected_and_found(pick, &event, settings) {
        let text = match (label, verdict) {
            ("found", Verdict::Accepted) => paint.right(&text),
            ("found", _) => paint.wrong(&text),
            _ => text,
        };
        lines.push(format!("  {}{text}", paint.dim(&format!("{label:<11}"))));
    }
    readers(pick, &event, settings, paint, &mut lines);
    ids(pick, &event, paint, &mut lines);
    lines
}

fn heading(pick: &Pick, (place, count): (usize, usize), verdict: Verdict, paint: Paint) -> String {
    let title = match pick.kind {
        Kind::Accepted => "everything adds up",
        Kind::LineGross => "a line does not add up",
        Kind::Total => "the total is off by a cent",
        Kind::OverLimit => "more than the account may spend",
        Kind::Identify => "the customer has to identify first",
    };
    let check = pick.answer.risk_check_messages.first().and_then(|message| check_of(&message.code));
    let check = check.map_or_else(String::new, |check| {
        let left = format!("{place}/{count}  {:<9} {title}", verdict.symbol());
        let room = WIDTH.saturating_sub(left.chars().count());
        let named = format!("check {}, {}", check.entry().number, check.entry().name);
        paint.dim(&format!("{named:>room$}"))
    });
    format!(
        "{}  {} {}{}",
        paint.dim(&format!("{place}/{count}")),
        paint.verdict(verdict, &format!("{:<9}", verdict.symbol())),
        paint.bold(title),
        check,
    )
}

/// The first check that gives this code.
fn check_of(code: &str) -> Option<Check> {
    Check::ALL.iter().copied().find(|check| check.entry().codes.iter().any(|known| known.as_str() == code))
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
fn basket(pick: &Pick, event: &PosEvent<'_>, paint: Paint, lines: &mut Vec<String>) {
    let currency = event.currency.value().map_or("", Currency::symbol);
    lines.push(paint.dim(&row(["", currency, "quantity", "unit price", "discount", "gross"])));
    let wrong =
        pick.answer.risk_check_messages.first().and_then(|message| message.field_reference.as_deref());
    for (place, item) in event.items.iter().enumerate().take(LINES) {
        let number = (place + 1).to_string();
        let columns = [
            number.as_str(),
            item.item_description.as_deref().unwrap_or("?"),
            &quantity(item),
            &shown(&item.unit_price),
            &shown(&item.discount),
            &shown(&item.gross_amount),
        ];
        let at_fault = wrong == Some(&format!("items[{place}].grossAmount"));
        lines.push(marked(row(columns), at_fault, line_gross(item), paint));
    }
    if event.items.len() > LINES {
        lines.push(paint.dim(&format!("       and {} further lines", event.items.len() - LINES)));
    }
    let total = row(["", "total", "", "", "", &shown(&event.total_amount)]);
    let expected = (pick.kind == Kind::Total).then(|| sum(&event.items)).flatten();
    let at_fault = wrong == Some("totalAmount");
    lines.push(match (at_fault, pick.kind) {
        (false, _) => paint.bold(&total),
        (true, _) => marked(total, true, expected, paint),
    });
    lines.push(paint.dim(&row(["", "of which tax", "", "", "", &shown(&event.total_tax)])));
}

fn row(columns: [&str; 6]) -> String {
    let [number, item, quantity, price, discount, gross] = columns;
    format!("  {number:>3} {:<32}{quantity:>9}{price:>12}{discount:>10}{gross:>13}", cut(item, 32))
}

/// A row; where it is at fault in red, with what it should be beside it.
fn marked(row: String, at_fault: bool, expected: Option<Exact>, paint: Paint) -> String {
    match (at_fault, expected) {
        (false, _) => row,
        (true, Some(expected)) => format!("{}  {}", paint.wrong(&row), paint.right(&format!("≠ {expected}"))),
        (true, None) => paint.wrong(&row),
    }
}

/// An amount, with two decimals at least.
fn shown(field: &Field<'_, Decimal>) -> String {
    field.value().and_then(Decimal::exact).map_or_else(String::new, |value| value.to_string())
}

/// A quantity as people write it: `2`, `0.532`.
fn quantity(item: &PosItem<'_>) -> String {
    let text = shown(&item.quantity);
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

/// What had to be, and what was.
fn expected_and_found(pick: &Pick, event: &PosEvent<'_>, settings: &Settings) -> Vec<(&'static str, String)> {
    let total = event.total_amount.value().and_then(Decimal::exact);
    let message = pick.answer.risk_check_messages.first();
    let rows = match pick.kind {
        Kind::Accepted => sum(&event.items).zip(total).map(|(expected, found)| {
            let left = amount(pick.answer.available_after.as_deref());
            (
                format!("{expected}, the sum of the lines, within what the account may spend ({left} left)"),
                format!("{found} and no reason to stop"),
            )
        }),
        Kind::LineGross => at_fault(message.and_then(|message| message.field_reference.as_deref()), event)
            .and_then(|item| {
                let (expected, found) = (line_gross(item)?, item.gross_amount.value()?.exact()?);
                let (price, quantity) = (shown(&item.unit_price), quantity(item));
                let discount = item.discount.value().map_or_else(String::new, |found| format!(" - {found}"));
                Some((
                    format!("{expected} = {price} x {quantity}{discount}"),
                    format!("{found}, {}", difference(found, expected)?),
                ))
            }),
        Kind::Total => sum(&event.items).zip(total).and_then(|(expected, found)| {
            Some((
                format!("{expected}, the sum of the lines"),
                format!("{found}, {}", difference(found, expected)?),
            ))
        }),
        Kind::OverLimit => total.map(|found| {
            let left = amount(pick.answer.available_after.as_deref());
            (format!("at most {left}: limit - balance - open holds"), format!("{found}"))
        }),
        Kind::Identify => event.currency.value().zip(total).and_then(|(currency, found)| {
            let country = event.country_code.value().unwrap_or(CountryCode::Unrecognized);
            let cap = settings.checks.of(country, currency).limit.first_cap.get(currency)?;
            Some((
                format!("at most {cap} for the first purchase of an account, or a customer who identifies"),
                format!("{found}"),
            ))
        }),
    };
    rows.map_or_else(Vec::new, |(expected, found)| vec![("expected", expected), ("found", found)])
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
fn readers(pick: &Pick, event: &PosEvent<'_>, settings: &Settings, paint: Paint, lines: &mut Vec<String>) {
    let language = event.conversation_language.value().unwrap_or(Language::En).spoken();
    for message in &pick.answer.risk_check_messages {
        text("merchant", &format!("{}: {}", message.code, message.message), paint, lines);
        if let Some(detail) = &message.detail {
            text("analyst", detail, paint, lines);
        }
        if let Some(customer) = &message.customer_facing_message {
            text("customer", &format!("{}: {customer}", language.symbol()), paint, lines);
            let english = settings.texts.of(&message.code, Language::En, None);
            if let (Some(english), true) = (english, language != Language::En) {
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
    if pick.answer.risk_check_messages.is_empty() {
        text("action", "none: there is nothing to say", paint, lines);
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
fn ids(pick: &Pick, event: &PosEvent<'_>, paint: Paint, lines: &mut Vec<String>) {
    let answer = &pick.answer;
    let currency = event.currency.value().map_or("", Currency::symbol);
    let booked = match (&answer.posted_amount, answer.verdict()) {
        (Some(posted), _) => format!("{} {currency}", posted.get()),
        (None, Verdict::Pending) => {
            "nothing yet: the amount is held on the limit for 24 h at most".to_owned()
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
