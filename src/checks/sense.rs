//! Group sense (checks 13-16): do type, category, currency, country and language go together?

use super::Context;
use super::catalogue::Check;
use super::findings::{Effect, Finding, Findings, Rule};
use super::parameters::SymbolSet;
use crate::domain::enums::{CountryCode, Currency, EventType, Language};

/// `checks.sense`
#[derive(Clone, Debug, PartialEq)]
pub struct Parameters {
    /// `category`
    pub category: Rule,
    /// `category.usual`: categories by event type; none: every category goes.
    pub categories: [Option<SymbolSet>; EventType::ALL.len()],
    /// `currency_country`
    pub currency_country: Rule,
    /// `currency_country.usual`: the currency of a country.
    pub currency_of: [Option<Currency>; CountryCode::ALL.len()],
    /// `currency_country.tolerated`: currencies that give a message only.
    pub currencies_tolerated: [SymbolSet; CountryCode::ALL.len()],
    /// `currency_account`
    pub currency_account: Rule,
    /// `language`
    pub language: Rule,
    /// `language.usual`: languages by country; none: every language is usual.
    pub languages: [Option<SymbolSet>; CountryCode::ALL.len()],
}

/// Checks 13 to 16.
pub fn check(context: &Context<'_>, findings: &mut Findings) {
    let parameters = &context.parameters.sense;
    if parameters.category.enabled {
        category(context, parameters, findings);
    }
    if parameters.currency_country.enabled {
        currency_country(context, parameters, findings);
    }
    if parameters.currency_account.enabled {
        currency_account(context, parameters, findings);
    }
    if parameters.language.enabled {
        language(context, parameters, findings);
    }
}

/// Check 13.
fn category(context: &Context<'_>, parameters: &Parameters, findings: &mut Findings) {
    let event_type = context.event().event_type;
    let Some(category) = context.event().category else { return };
    if parameters.categories[event_type.index()].is_some_and(|usual| !usual.has(category.index())) {
        let message = format!("categoryType {category} does not go with eventType {event_type}");
        findings.report(Check::Category, parameters.category.effect, "categoryType", message);
    }
}

/// Check 14.
fn currency_country(context: &Context<'_>, parameters: &Parameters, findings: &mut Findings) {
    let (country, currency) = (context.event().country, context.event().currency);
    let Some(usual) = parameters.currency_of[country.index()].filter(|usual| *usual != currency) else {
        return;
    };
    let tolerated = parameters.currencies_tolerated[country.index()].has(currency.index());
    let effect = if tolerated { Effect::Note } else { parameters.currency_country.effect };
    let message = format!("currency {currency} is not the currency of {country}, which is {usual}");
    findings.report(Check::CurrencyCountry, effect, "currency", message);
}

/// Check 15.
fn currency_account(context: &Context<'_>, parameters: &Parameters, findings: &mut Findings) {
    let currency = context.event().currency;
    if let Some(own) = context.account.and_then(|account| account.currency).filter(|own| *own != currency) {
        let message = format!("currency {currency} is not the currency of the account, which is {own}");
        findings.report(Check::CurrencyAccount, parameters.currency_account.effect, "currency", message);
    }
}

/// Check 16.
fn language(context: &Context<'_>, parameters: &Parameters, findings: &mut Findings) {
    let (country, language) = (context.event().country, context.event().language);
    let spoken = language.spoken();
    let effect = parameters.language.effect;
    let field = "conversationLanguage";
    if parameters.languages[country.index()].is_some_and(|usual| !usual.has(spoken.index())) {
        let message = format!("conversationLanguage {language} is unusual in {country}");
        findings.report(Check::Language, effect, field, message);
    }
    if matches!(language, Language::Se | Language::Dk) {
        let message = format!("conversationLanguage {language} is obsolete and reads as {spoken}");
        findings.add(Finding::new(Check::Language, effect, message).coded(1).at(field));
    }
}
