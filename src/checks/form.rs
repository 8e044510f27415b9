//! Group form (checks 2-7, 17): can the event be judged at all? A finding here ends the evaluation.

use super::catalogue::Check;
use super::content::Content;
use super::findings::{Effect, Finding, Findings};
use super::parameters::ParameterSet;
use super::sound::SoundEvent;
use super::time;
use crate::domain::amount::AMOUNT_SCALE;
use crate::domain::enums::{ActionCode, CategoryType, CountryCode, Currency, EventType, Language};
use crate::domain::pos_event::{PosEvent, PosItem, Text};
use crate::domain::record::RecordTime;
use crate::domain::visible::excerpt;
use crate::domain::{Amount, Decimal, Exact, Field, Number, Wide, limits};

/// `checks.form`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameters {
    /// `required.enabled`
    pub required: bool,
    /// `required.ask_to_reenter`
    pub ask_to_reenter: bool,
    /// `length.enabled`
    pub length: bool,
    /// `length.id_max`, characters.
    pub id_max: usize,
    /// `length.text_max`, characters.
    pub text_max: usize,
    /// `length.items_max`
    pub items_max: usize,
    /// `decimals.enabled`
    pub decimals: bool,
    /// `decimals.totals`
    pub total_decimals: u8,
    /// `decimals.charged`, of gross amounts and discounts.
    pub charged_decimals: u8,
    /// `decimals.items`, of all else of a line.
    pub item_decimals: u8,
    /// `quantity.enabled`
    pub quantity: bool,
    /// `quantity.returns`: whether events other than corrections may have returned lines.
    pub returns_allowed: bool,
    /// `quantity.excess_discount`: whether a discount may pass its line.
    pub excess_discount_allowed: bool,
}

/// The record's key and time that an event is held against.
#[derive(Clone, Copy, Debug)]
pub struct Envelope<'a> {
    /// The record's key: the account the event is for.
    pub key: &'a str,
    /// When the record was written, as far as that is known.
    pub time: RecordTime,
}

/// Judges the form of an event.
///
/// # Errors
/// The findings, in catalogue order, all with effect NotEvaluated.
pub fn check<'a>(
    event: &'a PosEvent<'a>,
    envelope: Envelope<'a>,
    parameters: &ParameterSet,
) -> Result<SoundEvent<'a>, Findings> {
    let mut form = Form { findings: Findings::default(), parameters: &parameters.form };
    form.event(event, envelope);
    // What is refused for its many lines is not looked at beyond them.
    let lines = if parameters.form.length { parameters.form.items_max } else { usize::MAX };
    for (line, item) in event.items.iter().take(lines).enumerate() {
        form.item(line, item, event.event_type.value());
    }
    let sound = sound(event, envelope, parameters);
    form.total(event);
    let time = sound.as_ref().map(|sound| sound.time);
    if let Some(finding) = time::check_future(time, envelope.time, &parameters.time) {
        form.findings.add(finding);
    }
    match sound {
        Some(sound) if form.findings.is_empty() => Ok(sound),
        _ => Err(form.findings.in_catalogue_order()),
    }
}

/// The typed view, where everything required is there.
fn sound<'a>(
    event: &'a PosEvent<'a>,
    envelope: Envelope<'a>,
    parameters: &ParameterSet,
) -> Option<SoundEvent<'a>> {
    let event_type = event.event_type.value()?;
    let category = event.category_type.value();
    Some(SoundEvent {
        event,
        account_number: envelope.key,
        event_type,
        category,
        time: event.time.value()?,
        currency: event.currency.value()?,
        country: event.country_code.value()?,
        language: event.conversation_language.value()?,
        total: match &event.total_amount {
            Field::Absent => Amount::ZERO,
            Field::Value(total) => Amount::from_decimal(*total)?,
            Field::Invalid(_) => return None,
        },
        takes_back: parameters.correction.cancel_takes_back
            && category == Some(CategoryType::Cancel)
            && matches!(event_type, EventType::Purchase | EventType::Withdrawal),
        content: Content::of(event),
    })
}

struct Form<'p> {
    findings: Findings,
    parameters: &'p Parameters,
}

impl Form<'_> {
    fn find(&mut self, check: Check, code: usize, field: &str, message: String) {
        self.findings.add(Finding::new(check, Effect::NotEvaluated, message).coded(code).at(field));
    }

    fn event(&mut self, event: &PosEvent<'_>, envelope: Envelope<'_>) {
        if let Some(number) = &event.account_number
            && number != envelope.key
        {
            let message =
                "accountNumber differs from the key of the record; one of them names another account"
                    .to_owned();
            self.find(Check::Total, 0, "accountNumber", message);
        }
        self.required_field("eventType", &event.event_type);
        self.required_field("time", &event.time);
        self.required_field("currency", &event.currency);
        self.required_field("countryCode", &event.country_code);
        self.required_field("conversationLanguage", &event.conversation_language);
        self.symbol("eventType", &event.event_type, || names(EventType::ALL, EventType::symbol));
        self.symbol("categoryType", &event.category_type, || names(CategoryType::ALL, CategoryType::symbol));
        self.symbol("time", &event.time, || "an RFC 3339 time, such as 2025-01-31T18:05:00Z".to_owned());
        self.symbol("currency", &event.currency, || names(Currency::ALL, Currency::symbol));
        self.symbol("countryCode", &event.country_code, || names(CountryCode::ALL, CountryCode::symbol));
        self.symbol("conversationLanguage", &event.conversation_language, || {
            names(Language::ALL, Language::symbol)
        });
        let (id_max, text_max) = self.characters_max();
        for (field, text, max) in [
            ("accountNumber", &event.account_number, id_max),
            ("nfcId", &event.nfc_id, id_max),
            ("posId", &event.pos_id, id_max),
            ("posName", &event.pos_name, text_max),
            ("accountTransactionId", &event.account_transaction_id, id_max),
            ("correctsTransactionId", &event.corrects_transaction_id, id_max),
        ] {
            self.text_length(text, max, || field.to_owned());
        }
        let (lines, most) = (event.items.len(), self.parameters.items_max);
        if self.parameters.length && lines > most {
            let message = format!("the basket has {lines} lines, at most {most} are judged");
            self.find(Check::Length, 1, "items", message);
        }
        let decimals = self.parameters.total_decimals;
        self.number(&event.total_tax, decimals, || "totalTax".to_owned());
        self.number(&event.total_amount, decimals, || "totalAmount".to_owned());
        self.amount("totalAmount", &event.total_amount);
    }

    fn item(&mut self, line: usize, item: &PosItem<'_>, event_type: Option<EventType>) {
        let (id_max, text_max) = self.characters_max();
        for (name, text, max) in [
            ("itemId", &item.item_id, id_max),
            ("itemDescription", &item.item_description, text_max),
            ("unitCode", &item.unit_code, id_max),
        ] {
            if self.parameters.required && text.as_deref().is_none_or(is_blank) {
                self.missing(&format!("items[{line}].{name}"));
            }
            self.text_length(text, max, || format!("items[{line}].{name}"));
        }
        let (items, charged) = (self.parameters.item_decimals, self.parameters.charged_decimals);
        for (name, number, required, decimals) in [
            ("quantity", &item.quantity, true, items),
            ("unitPrice", &item.unit_price, true, items),
            ("netAmount", &item.net_amount, false, items),
            ("taxAmount", &item.tax_amount, false, items),
            ("discount", &item.discount, false, charged),
            ("grossAmount", &item.gross_amount, false, charged),
        ] {
            if required && number.is_absent() {
                self.missing(&format!("items[{line}].{name}"));
            }
            self.number(number, decimals, || format!("items[{line}].{name}"));
        }
        if self.parameters.quantity {
            self.quantity(line, item, event_type);
        }
    }

    fn required_field<T>(&mut self, name: &str, field: &Field<'_, T>) {
        if field.is_absent() || matches!(field, Field::Invalid(text) if is_blank(text)) {
            self.missing(name);
        }
    }

    /// Fields that the typed view needs are required whatever the parameter says.
    fn missing(&mut self, field: &str) {
        let finding = Finding::new(
            Check::Required,
            Effect::NotEvaluated,
            format!("{field} is required and missing or blank"),
        );
        let action = if self.parameters.ask_to_reenter {
            ActionCode::AskConsumerToReEnterData
        } else {
            ActionCode::Unavailable
        };
        self.findings.add(finding.at(field).asking(action));
    }

    fn symbol<T>(&mut self, name: &str, field: &Field<'_, T>, expected: impl Fn() -> String) {
        if let Field::Invalid(text) = field
            && !is_blank(text)
        {
            self.find(Check::Format, 0, name, format!("{name} \"{}\" is not {}", excerpt(text), expected()));
        }
    }

    /// Of an id and of any other text. What an account keeps and an outcome repeats has the contract's bounds in any case.
    fn characters_max(&self) -> (usize, usize) {
        match self.parameters.length {
            true => (self.parameters.id_max, self.parameters.text_max),
            false => (limits::ID_CHARS_MAX, limits::TEXT_CHARS_MAX),
        }
    }

    fn text_length(&mut self, text: &Option<Text<'_>>, max: usize, field: impl Fn() -> String) {
        let Some(text) = text else { return };
        if text.len() > max {
            let characters = text.chars().count();
            if characters > max {
                let field = field();
                let message = format!("{field} has {characters} characters, at most {max} are taken");
                self.find(Check::Length, 0, &field, message);
            }
        }
    }

    fn number(&mut self, number: &Field<'_, Decimal>, most: u8, field: impl Fn() -> String) {
        match number {
            Field::Absent => {}
            Field::Value(value) => {
                if self.parameters.decimals && value.scale() > most && value.decimals() > most {
                    let field = field();
                    let message = format!("{field} {value} has more than {most} decimals");
                    self.find(Check::Decimals, 0, &field, message);
                }
            }
            Field::Invalid(token) => {
                let field = field();
                let too_large = Decimal::parse(token) == Err(crate::domain::decimal::NumberFault::TooLarge);
                let what = if too_large {
                    "is too large: at most 18 digits are kept"
                } else {
                    "has more than 18 digits"
                };
                let message = format!("{field} {} {what}", excerpt(token));
                self.find(Check::Decimals, usize::from(too_large), &field, message);
            }
        }
    }

    /// What an [`Amount`] cannot hold cannot be booked, whatever the parameters let pass.
    fn amount(&mut self, field: &str, total: &Field<'_, Decimal>) {
        let Some(total) = total.value().filter(|total| Amount::from_decimal(*total).is_none()) else {
            return;
        };
        if total.decimals() <= AMOUNT_SCALE {
            let message =
                format!("{field} {total} has more than 18 digits when written with {AMOUNT_SCALE} decimals");
            self.find(Check::Decimals, 1, field, message);
        } else if !self.parameters.decimals {
            let message = format!("{field} {total} has more than {AMOUNT_SCALE} decimals");
            self.find(Check::Decimals, 0, field, message);
        }
    }

    /// Check 6, whatever else is wrong with the event.
    fn total(&mut self, event: &PosEvent<'_>) {
        let Some(event_type) = event.event_type.value() else { return };
        let total = match &event.total_amount {
            Field::Absent => None,
            Field::Value(total) => match Amount::from_decimal(*total) {
                Some(total) => Some(total),
                None => return,
            },
            Field::Invalid(_) => return,
        };
        let fault = match (event_type, total) {
            (EventType::Info | EventType::Unrecognized, _) => None,
            (_, None) => Some(format!("totalAmount is missing, which eventType {event_type} needs")),
            (
                EventType::Withdrawal
                | EventType::WithdrawalCorrection
                | EventType::WithdrawalCommission
                | EventType::Interest,
                Some(total),
            ) if total <= Amount::ZERO => {
                Some(format!("totalAmount {total} is not above 0, as eventType {event_type} needs"))
            }
            (EventType::Purchase, Some(total)) if total.is_negative() => {
                Some(format!("totalAmount {total} is below 0, which eventType {event_type} cannot be"))
            }
            _ => None,
        };
        if let Some(message) = fault {
            self.find(Check::Total, 0, "totalAmount", message);
        }
    }

    fn quantity(&mut self, line: usize, item: &PosItem<'_>, event_type: Option<EventType>) {
        let (Some(quantity), Some(price)) = (item.quantity.value(), item.unit_price.value()) else { return };
        if quantity.is_zero() {
            let message = format!("line {}: quantity is 0", line + 1);
            self.find(Check::Quantity, 0, &format!("items[{line}].quantity"), message);
            return;
        }
        let is_correction =
            matches!(event_type, Some(EventType::Correction | EventType::WithdrawalCorrection));
        if quantity.is_negative() && !self.parameters.returns_allowed && !is_correction {
            let message = format!(
                "line {}: quantity {quantity} is negative, which only corrections may have",
                line + 1
            );
            self.find(Check::Quantity, 0, &format!("items[{line}].quantity"), message);
        }
        let Some(discount) = item.discount.value().filter(|discount| !discount.is_zero()) else { return };
        if self.parameters.excess_discount_allowed {
            return;
        }
        let judged = discount_fault::<Exact>(price, quantity, discount)
            .or_else(|| discount_fault::<Wide>(price, quantity, discount));
        if let Some(Some((what, full))) = judged {
            let message =
                format!("line {}: discount {discount} {what} (unitPrice x quantity = {full})", line + 1);
            self.find(Check::Quantity, 0, &format!("items[{line}].discount"), message);
        }
    }
}

/// What is wrong with a discount other than 0, if anything, and the amount of its line; nothing where a figure does not fit.
fn discount_fault<N: Number>(
    price: Decimal,
    quantity: Decimal,
    discount: Decimal,
) -> Option<Option<(&'static str, String)>> {
    let full = N::product(N::figure(price)?, N::figure(quantity)?);
    let (cut, nothing) = (N::of(N::figure(discount)?), N::zero());
    let what = if full != nothing && (cut < nothing) != (full < nothing) {
        "has another sign than its line"
    } else if cut.abs() > full.abs() {
        "is above its line"
    } else {
        return Some(None);
    };
    Some(Some((what, full.to_string())))
}

/// The symbols that a sender may use.
fn names<T: Copy>(all: &[T], symbol: fn(T) -> &'static str) -> String {
    let names: Vec<&str> =
        all.iter().map(|value| symbol(*value)).filter(|name| *name != "Unrecognized").collect();
    format!("one of {}", names.join(", "))
}

/// Nothing that could be read: white space and control characters only.
fn is_blank(text: &str) -> bool {
    text.chars().all(|letter| letter.is_whitespace() || letter.is_control())
}
