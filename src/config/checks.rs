//! `checks.*` -> the parameters of the checks, with one set for every country and currency that overrides change.
//! Reads; decides nothing about events.

use std::collections::BTreeSet;

use super::reader::{SettingsReader, named};
use super::schema::{OVERRIDDEN, OVERRIDE, RULES, Tree};
use crate::checks::account::{FlagEffect, UnknownAccount};
use crate::checks::basket::Tolerance;
use crate::checks::parameters::SymbolSet;
use crate::checks::{Effect, ParameterSet, ParameterSets, PerCurrency, Rule};
use crate::checks::{
    account, basket, correction, fanout, form, identity, limit, nfc, repeat, sense, terminal, time, travel,
    velocity,
};
use crate::domain::enums::{CategoryType, CountryCode, Currency, EventType, Language};
use crate::domain::rounding::Rounding;
use crate::domain::{Decimal, Micros, limits};

/// Decimals of the contract's amounts of an item.
const ITEM_SCALE: u8 = 6;
/// Decimals of an item's amounts that can be allowed: real invoices have prices with 10.
const ITEM_DECIMALS_MAX: u8 = 12;
/// Decimals of the contract's totals.
const AMOUNT_SCALE: u8 = 4;
/// Decimals of a rate.
const RATE_SCALE: u8 = 6;
/// A window can only count what is remembered.
const VELOCITY_COUNT_MAX: usize = 500;
const _: () =
    assert!(VELOCITY_COUNT_MAX < limits::REMEMBERED_MAX && VELOCITY_COUNT_MAX < limits::ATTEMPTS_MAX);

/// Payments that may go without identification; the regulation has 5.
const SCA_NUMBER_MAX: u32 = 1_000;

/// What a check does that a setting can lift.
const REFUSE_OR_ALLOW: [(&str, bool); 2] = [("refuse", false), ("allow", true)];

const ZERO: Micros = Micros(0);
const SECOND: Micros = Micros(1_000_000);
const YEAR: Micros = Micros(366 * 86_400 * 1_000_000);

/// The parameters, and those that `checks.override.*` makes of them. A currency's override wins over the base, a
/// country's over a currency's, both together over either.
pub fn read(reader: &mut SettingsReader, tree: &Tree) -> ParameterSets {
    let mut parameters = ParameterSets::new(set(reader));
    let scopes = scopes(reader, tree);
    for country in CountryCode::ALL {
        for currency in Currency::ALL {
            let (country_name, currency_name) = (country.symbol(), currency.symbol());
            let both = format!("{country_name}-{currency_name}");
            let applying = [currency_name, country_name, &both].map(|scope| scopes.get(scope));
            if applying.iter().any(Option::is_some) {
                let mut overridden = tree.clone();
                for scope in applying.into_iter().flatten() {
                    lay_over(&mut overridden, tree, scope);
                }
                let set = reader.over(&overridden, set);
                parameters.set_for(*country, *currency, set);
            }
        }
    }
    parameters
}

/// The names below `checks.override`, those that no event can match noted as faults.
fn scopes(reader: &mut SettingsReader, tree: &Tree) -> BTreeSet<String> {
    let currencies = CURRENCIES.names();
    let countries = COUNTRIES.names();
    let fits = |scope: &str| match scope.split_once('-') {
        Some((country, currency)) => countries.contains(&country) && currencies.contains(&currency),
        None => countries.contains(&scope) || currencies.contains(&scope),
    };
    let below = format!("{OVERRIDE}.");
    let mut scopes = BTreeSet::new();
    for (key, entry) in tree.range(below.clone()..) {
        let Some(rest) = key.strip_prefix(&below) else {
            break;
        };
        let (scope, overridden) = rest.split_once('.').unwrap_or((rest, ""));
        if overridden.starts_with("time.files.") {
            let remedy = format!("set {OVERRIDDEN}.{overridden}");
            reader.faults.add(&entry.origin, key, "overrides what holds for whole files", remedy);
        }
        if scopes.insert(scope.to_owned()) && !fits(scope) {
            let problem = format!("overrides {scope:?}, which is no country, currency or COUNTRY-CURRENCY");
            let remedy =
                format!("countries: {}; currencies: {}", countries.join(", "), currencies.join(", "));
            reader.faults.add(&entry.origin, key, problem, remedy);
        }
    }
    scopes
}

/// Puts the entries of an override in the place of those they override.
fn lay_over(overridden: &mut Tree, tree: &Tree, scope: &str) {
    let below = format!("{OVERRIDE}.{scope}.");
    for (key, entry) in tree.range(below.clone()..) {
        let Some(rest) = key.strip_prefix(&below) else {
            break;
        };
        overridden.insert(format!("{OVERRIDDEN}.{rest}"), entry.clone());
    }
}

/// All parameters, for one country and currency or for none.
fn set(reader: &mut SettingsReader) -> ParameterSet {
    ParameterSet {
        form: form(reader),
        basket: basket(reader),
        sense: sense(reader),
        time: time::Parameters {
            future: reader.flag("checks.time.future.enabled"),
            skew: reader.span("checks.time.future.skew", ZERO..=YEAR),
            late: rule(reader, "checks.time.late"),
            older_than: reader.span("checks.time.late.older_than", ZERO..=YEAR),
            files: time::FileTimes {
                ahead: reader.span("checks.time.files.ahead", ZERO..=YEAR),
                lines: reader.count("checks.time.files.lines", 1..=limits::FILE_LINES_AHEAD_MAX),
            },
        },
        repeat: repeat::Parameters {
            same: reader.flag("checks.repeat.same.enabled"),
            conflict: rule(reader, "checks.repeat.conflict"),
            near_duplicate: rule(reader, "checks.repeat.near_duplicate"),
            near_duplicate_within: reader
                .span("checks.repeat.near_duplicate.within", ZERO..=limits::WINDOW_MAX),
            remember: reader
                .span("checks.repeat.remember", ZERO..=YEAR)
                .max(reader.span("checks.time.late.older_than", ZERO..=YEAR)),
            retry_within: reader.span("checks.repeat.retry_within", ZERO..=limits::WINDOW_MAX),
            scope: reader.choice(
                "checks.repeat.scope",
                &[("account", repeat::IdScope::Account), ("terminal_day", repeat::IdScope::TerminalDay)],
            ),
            refused_max: reader.count("checks.repeat.refused_max", 0..=limits::REFUSED_MAX),
            account_events: reader.span("checks.repeat.account_events", SECOND..=YEAR),
        },
        account: account(reader),
        limit: limit::Parameters {
            exceeded: rule(reader, "checks.limit.exceeded"),
            default: amounts(reader, "checks.limit.default"),
            first_amount: rule(reader, "checks.limit.first_amount"),
            first_cap: amounts(reader, "checks.limit.first_amount.cap"),
            holds: rule(reader, "checks.limit.holds"),
            holds_max: reader.count("checks.limit.holds.open_max", 1..=limits::HOLDS_MAX),
        },
        identity: identity::Parameters {
            ssn: rule(reader, "checks.identity.ssn"),
            countries: symbols(reader, "checks.identity.ssn.countries", COUNTRIES),
            above: amounts(reader, "checks.identity.ssn.above"),
        },
        nfc: nfc(reader),
        travel: travel(reader),
        terminal: terminal(reader),
        fanout: fanout(reader),
        velocity: velocity::Parameters {
            windows_enabled: reader.flag("checks.velocity.windows.enabled"),
            windows: windows(reader),
            withdrawal_cap: rule(reader, "checks.velocity.withdrawal_cap"),
            cap_each: amounts(reader, "checks.velocity.withdrawal_cap.each"),
            cap_day: amounts(reader, "checks.velocity.withdrawal_cap.day"),
        },
        correction: correction::Parameters {
            original: rule(reader, "checks.correction.original"),
            cancel_takes_back: reader
                .choice("checks.correction.cancel", &[("take_back", true), ("book", false)]),
            unlinked: reader.choice(
                "checks.correction.unlinked",
                &[("pending", Effect::Pending), ("note", Effect::Note), ("reject", Effect::Reject)],
            ),
            originals: reader.span("checks.correction.originals", ZERO..=YEAR),
        },
        hold_time: reader.span("checks.pending.hold_time", SECOND..=YEAR),
        rejudge: reader.flag("checks.pending.rejudge"),
    }
}

fn fanout(reader: &mut SettingsReader) -> fanout::Parameters {
    let mut accounts = |key: &str| reader.count(key, 0..=limits::PROFILE_ACCOUNTS_MAX - 1) as u32;
    let (chip, terminal) =
        (accounts("checks.velocity.fanout.chip"), accounts("checks.velocity.fanout.terminal"));
    fanout::Parameters {
        fanout: rule(reader, "checks.velocity.fanout"),
        span: reader.span("checks.velocity.fanout.span", SECOND..=limits::WINDOW_MAX),
        chip,
        terminal,
    }
}

fn travel(reader: &mut SettingsReader) -> travel::Parameters {
    travel::Parameters {
        travel: rule(reader, "checks.nfc.travel"),
        within: reader.span("checks.nfc.travel.within", SECOND..=limits::TRAVEL_MAX),
        speed: reader.integer("checks.nfc.travel.speed", 1..=100_000),
        nearby: reader.integer("checks.nfc.travel.nearby", 0..=20_000),
        abroad: reader.span("checks.nfc.travel.abroad", ZERO..=limits::TRAVEL_MAX),
    }
}

fn terminal(reader: &mut SettingsReader) -> terminal::Parameters {
    let effects = [
        ("ignore", None),
        ("note", Some(Effect::Note)),
        ("pending", Some(Effect::Pending)),
        ("reject", Some(Effect::Reject)),
    ];
    let days = |reader: &mut SettingsReader, key: &str, least: u16| {
        reader.integer(key, least..=(limits::PROFILE_DAYS_MAX / 2) as u16)
    };
    let one = Decimal::new(1, 0).unwrap_or(Decimal::ZERO);
    let rate = reader.decimal("checks.pos.terminal_fraud.rate", Decimal::ZERO..=one, RATE_SCALE);
    terminal::Parameters {
        terminal: rule(reader, "checks.pos.terminal"),
        unlisted: reader.choice("checks.pos.terminal.unlisted", &effects),
        name: rule(reader, "checks.pos.terminal_name"),
        country: rule(reader, "checks.pos.terminal_country"),
        fraud: rule(reader, "checks.pos.terminal_fraud"),
        fraud_rate: rate.quantize(RATE_SCALE, Rounding::HalfUp).map_or(0, |rate| rate.units() as u32),
        fraud_events: reader.integer("checks.pos.terminal_fraud.events", 1..=1_000_000),
        fraud_days: days(reader, "checks.pos.terminal_fraud.days", 1),
        fraud_delay: days(reader, "checks.pos.terminal_fraud.delay", 0),
    }
}

fn form(reader: &mut SettingsReader) -> form::Parameters {
    form::Parameters {
        required: reader.flag("checks.form.required.enabled"),
        ask_to_reenter: reader.flag("checks.form.required.ask_to_reenter"),
        length: reader.flag("checks.form.length.enabled"),
        id_max: reader.count("checks.form.length.id_max", 1..=limits::ID_CHARS_MAX),
        text_max: reader.count("checks.form.length.text_max", 1..=limits::TEXT_CHARS_MAX),
        items_max: reader.count("checks.form.length.items_max", 0..=limits::ITEMS_MAX),
        decimals: reader.flag("checks.form.decimals.enabled"),
        total_decimals: reader.integer("checks.form.decimals.totals", 0..=AMOUNT_SCALE),
        charged_decimals: reader.integer("checks.form.decimals.charged", 0..=ITEM_DECIMALS_MAX),
        item_decimals: reader.integer("checks.form.decimals.items", 0..=ITEM_DECIMALS_MAX),
        quantity: reader.flag("checks.form.quantity.enabled"),
        returns_allowed: reader
            .choice("checks.form.quantity.returns", &[("allow", true), ("corrections_only", false)]),
        excess_discount_allowed: reader.choice("checks.form.quantity.excess_discount", &REFUSE_OR_ALLOW),
    }
}

fn basket(reader: &mut SettingsReader) -> basket::Parameters {
    let taxes = [
        ("either", basket::DiscountTax::Either),
        ("scaled", basket::DiscountTax::Scaled),
        ("none", basket::DiscountTax::None),
    ];
    let item_amounts = [("unit", basket::ItemAmounts::Unit), ("line", basket::ItemAmounts::Line)];
    basket::Parameters {
        item_amounts: reader.choice("checks.basket.item_amounts", &item_amounts),
        line_tolerance: tolerance(reader, "checks.basket.line_tolerance", 0),
        total_tolerance: tolerance(reader, "checks.basket.total_tolerance", 1),
        tax_tolerance: tolerance(reader, "checks.basket.tax_tolerance", 0),
        discount_tax: reader.choice("checks.basket.discount_tax", &taxes),
        tax_above_total_allowed: reader.choice("checks.basket.tax_above_total", &REFUSE_OR_ALLOW),
        item_gross: rule(reader, "checks.basket.item_gross"),
        item_unit: rule(reader, "checks.basket.item_unit"),
        total_amount: rule(reader, "checks.basket.total_amount"),
        total_tax: rule(reader, "checks.basket.total_tax"),
        tax_unchecked: rule(reader, "checks.basket.tax_unchecked"),
        items_none: rule(reader, "checks.basket.items_none"),
    }
}

fn sense(reader: &mut SettingsReader) -> sense::Parameters {
    let mut categories = [None; EventType::ALL.len()];
    for (event_type, key) in named_entries(reader, "checks.sense.category.usual", EVENT_TYPES) {
        categories[event_type.index()] = Some(symbols(reader, &key, CATEGORIES));
    }
    let mut currency_of = [None; CountryCode::ALL.len()];
    for (country, key) in named_entries(reader, "checks.sense.currency_country.usual", COUNTRIES) {
        currency_of[country.index()] = Some(reader.choice(&key, &CURRENCIES.choices()));
    }
    let mut currencies_tolerated = [SymbolSet::default(); CountryCode::ALL.len()];
    for (country, key) in named_entries(reader, "checks.sense.currency_country.tolerated", COUNTRIES) {
        currencies_tolerated[country.index()] = symbols(reader, &key, CURRENCIES);
    }
    let mut languages = [None; CountryCode::ALL.len()];
    for (country, key) in named_entries(reader, "checks.sense.language.usual", COUNTRIES) {
        languages[country.index()] = Some(symbols(reader, &key, LANGUAGES));
    }
    sense::Parameters {
        category: rule(reader, "checks.sense.category"),
        categories,
        currency_country: rule(reader, "checks.sense.currency_country"),
        currency_of,
        currencies_tolerated,
        currency_account: rule(reader, "checks.sense.currency_account"),
        language: rule(reader, "checks.sense.language"),
        languages,
    }
}

fn account(reader: &mut SettingsReader) -> account::Parameters {
    let unknown = [("reject", UnknownAccount::Reject), ("open", UnknownAccount::Open)];
    let effects = [
        ("block", FlagEffect::Block),
        ("review", FlagEffect::Review),
        ("note", FlagEffect::Note),
        ("ignore", FlagEffect::Ignore),
    ];
    let names = reader.open("checks.account.flag.names");
    let mut flags = std::collections::BTreeMap::new();
    for (name, _) in names {
        let effect = reader.choice(&format!("checks.account.flag.names.{name}"), &effects);
        flags.insert(name.to_owned(), effect);
    }
    account::Parameters {
        unknown: reader.choice("checks.account.unknown", &unknown),
        open_max: reader.count("checks.account.open_max", 0..=limits::ACCOUNTS_PER_PARTITION_MAX),
        stopped: rule(reader, "checks.account.stopped"),
        dunning: rule(reader, "checks.account.dunning"),
        closed: rule(reader, "checks.account.closed"),
        default: rule(reader, "checks.account.default"),
        flag: reader.flag("checks.account.flag.enabled"),
        unlisted_flag: reader.choice("checks.account.flag.unlisted", &effects),
        flags,
        chargeback: rule(reader, "checks.account.chargeback"),
    }
}

fn nfc(reader: &mut SettingsReader) -> nfc::Parameters {
    use nfc::sca::CounterMeasure::{Both, Number, Sum};
    nfc::Parameters {
        missing: rule(reader, "checks.nfc.missing"),
        unknown: rule(reader, "checks.nfc.unknown"),
        blocked: rule(reader, "checks.nfc.blocked"),
        sca: nfc::sca::Parameters {
            rule: rule(reader, "checks.nfc.sca"),
            single: amounts(reader, "checks.nfc.sca.single"),
            sum: amounts(reader, "checks.nfc.sca.sum"),
            number: reader.integer("checks.nfc.sca.number", 0..=SCA_NUMBER_MAX),
            counter: reader
                .choice("checks.nfc.sca.counter", &[("sum", Sum), ("number", Number), ("both", Both)]),
        },
    }
}

/// The velocity rules that are switched on, by name.
fn windows(reader: &mut SettingsReader) -> Vec<velocity::Window> {
    const NEEDED: [&str; 5] = ["scope", "of", "span", "count", "outcome"];
    let mut windows = Vec::new();
    for (name, entry) in reader.sections(RULES) {
        let missing: Vec<&str> =
            NEEDED.into_iter().filter(|part| !reader.has(&format!("{RULES}.{name}.{part}"))).collect();
        if missing.is_empty() {
            windows.extend(window(reader, name));
        } else {
            let problem = format!("belongs to the rule {name}, which lacks {}", missing.join(", "));
            reader.faults.add(&entry.origin, &entry.key, problem, "add them to the rule's section");
        }
    }
    windows
}

fn window(reader: &mut SettingsReader, name: &str) -> Option<velocity::Window> {
    let scopes = [
        ("account", velocity::WindowScope::Account),
        ("chip", velocity::WindowScope::Chip),
        ("terminal", velocity::WindowScope::Terminal),
    ];
    let counted =
        [("accepted", velocity::CountedEvents::Accepted), ("attempts", velocity::CountedEvents::Attempts)];
    let key = |part: &str| format!("{RULES}.{name}.{part}");
    let enabled = !reader.has(&key("enabled")) || reader.flag(&key("enabled"));
    let window = velocity::Window {
        name: name.to_owned(),
        scope: reader.choice(&key("scope"), &scopes),
        of: reader.choice(&key("of"), &counted),
        filter: filter(reader, name),
        span: reader.span(&key("span"), SECOND..=limits::WINDOW_MAX),
        distinct: distinct(reader, name),
        count: reader.count(&key("count"), 0..=VELOCITY_COUNT_MAX),
        amount: amounts(reader, &key("amount")),
        effect: reader.choice(&key("outcome"), &[("pending", Effect::Pending), ("reject", Effect::Reject)]),
    };
    if window.distinct != velocity::Distinct::None {
        refuse_pointless(reader, name, window.count);
    }
    enabled.then_some(window)
}

/// A bound on different values that no event can be above.
fn refuse_pointless(reader: &mut SettingsReader, name: &str, most: usize) {
    let [distinct, scope, count] =
        ["distinct", "scope", "count"].map(|part| format!("{RULES}.{name}.{part}"));
    let (value, of) = (reader.text(&distinct), reader.text(&scope));
    if !reader.sound(&[&distinct, &scope, &count]) {
        return;
    }
    if value == of {
        let problem = format!("counts each {value} of events that are all on one {value}");
        reader.refuse(&distinct, problem, format!("choose another value, or another scope in {scope}"));
    } else if most == 0 {
        let remedy = format!("set {count} to the most that are allowed");
        reader.refuse(&distinct, "counts different values without a bound", remedy);
    }
}

/// What a rule counts; one that does not say it counts events.
fn distinct(reader: &mut SettingsReader, name: &str) -> velocity::Distinct {
    use velocity::Distinct::{Category, Chip, Country, None, Terminal};
    let choices = [
        ("none", None),
        ("chip", Chip),
        ("terminal", Terminal),
        ("country", Country),
        ("category", Category),
    ];
    let key = format!("{RULES}.{name}.distinct");
    if reader.has(&key) { reader.choice(&key, &choices) } else { None }
}

/// Which events a rule is about; one that does not say it is about all.
fn filter(reader: &mut SettingsReader, name: &str) -> velocity::Filter {
    let [event_types, categories, countries] =
        ["event_types", "categories", "countries"].map(|part| format!("{RULES}.{name}.{part}"));
    let mut filter = velocity::Filter::default();
    if reader.has(&event_types) {
        // No other types charge.
        use EventType::{Correction, Purchase, Withdrawal};
        let charging = [Purchase, Withdrawal, Correction].map(|event_type| (event_type.symbol(), event_type));
        for event_type in reader.choices(&event_types, &charging) {
            filter.event_types.insert(event_type.index());
        }
    }
    if reader.has(&categories) {
        filter.categories = symbols(reader, &categories, CATEGORIES);
    }
    if reader.has(&countries) {
        filter.countries = symbols(reader, &countries, COUNTRIES);
    }
    filter
}

/// `enabled` and `outcome` of a check.
fn rule(reader: &mut SettingsReader, path: &str) -> Rule {
    let effects = [("note", Effect::Note), ("pending", Effect::Pending), ("reject", Effect::Reject)];
    Rule {
        enabled: reader.flag(&format!("{path}.enabled")),
        effect: reader.choice(&format!("{path}.outcome"), &effects),
    }
}

/// Amounts by currency.
fn amounts(reader: &mut SettingsReader, path: &str) -> PerCurrency {
    let mut amounts = PerCurrency::default();
    for (currency, key) in named_entries(reader, path, CURRENCIES) {
        amounts.set(currency, reader.amount(&key));
    }
    amounts
}

/// What rounding explains, or an amount from `millionths` of the major unit to 1000 of it.
fn tolerance(reader: &mut SettingsReader, key: &str, millionths: i128) -> Tolerance {
    let bound = |units: i128| Decimal::new(units, ITEM_SCALE).unwrap_or(Decimal::ZERO);
    let range = bound(millionths)..=bound(1_000_000_000);
    let amount = reader.decimal_or(key, "rounding", range, ITEM_SCALE);
    amount.map_or(Tolerance::Rounding, |amount| Tolerance::Amount(amount.exact().unwrap_or_default()))
}

/// A contract enum: its symbols, what each is called and its index.
struct Symbols<T: 'static> {
    all: &'static [T],
    symbol: fn(T) -> &'static str,
    index: fn(T) -> usize,
}

impl<T: Copy> Symbols<T> {
    /// Names and values, without the one for symbols that are not known.
    fn choices(&self) -> Vec<(&'static str, T)> {
        let mut choices = named(self.all, self.symbol);
        choices.retain(|(name, _)| *name != "Unrecognized");
        choices
    }

    fn names(&self) -> Vec<&'static str> {
        self.choices().into_iter().map(|(name, _)| name).collect()
    }
}

const COUNTRIES: Symbols<CountryCode> =
    Symbols { all: CountryCode::ALL, symbol: CountryCode::symbol, index: CountryCode::index };
const CURRENCIES: Symbols<Currency> =
    Symbols { all: Currency::ALL, symbol: Currency::symbol, index: Currency::index };
const EVENT_TYPES: Symbols<EventType> =
    Symbols { all: EventType::ALL, symbol: EventType::symbol, index: EventType::index };
const CATEGORIES: Symbols<CategoryType> =
    Symbols { all: CategoryType::ALL, symbol: CategoryType::symbol, index: CategoryType::index };
/// Without the obsolete `SE` and `DK`, which are read as `SV` and `DA`.
const LANGUAGES: Symbols<Language> =
    Symbols { all: &Language::SPOKEN, symbol: Language::symbol, index: Language::index };

/// A list of symbols.
fn symbols<T: Copy>(reader: &mut SettingsReader, key: &str, symbols: Symbols<T>) -> SymbolSet {
    let mut set = SymbolSet::default();
    for value in reader.choices(key, &symbols.choices()) {
        set.insert((symbols.index)(value));
    }
    set
}

/// The entries of a table whose keys are symbols: value of the key's symbol, and the key.
fn named_entries<T: Copy>(reader: &mut SettingsReader, path: &str, symbols: Symbols<T>) -> Vec<(T, String)> {
    let choices = symbols.choices();
    let mut found = Vec::new();
    for (name, _) in reader.open(path) {
        let key = format!("{path}.{name}");
        match choices.iter().find(|(symbol, _)| *symbol == name) {
            Some((_, value)) => found.push((*value, key)),
            None => {
                let remedy = format!("use one of {}", symbols.names().join(", "));
                reader.refuse(&key, format!("names {name:?}, which is not known here"), remedy);
            }
        }
    }
    found
}
