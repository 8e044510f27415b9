//! The checks' parameters and the customer texts, from configuration to what the engine gets.

use std::path::Path;

use tillgate::checks::account::UnknownAccount;
use tillgate::checks::basket::{DiscountTax, Tolerance};
use tillgate::checks::catalogue::MEANINGS;
use tillgate::checks::nfc::sca::CounterMeasure;
use tillgate::checks::velocity::{Distinct, Filter};
use tillgate::checks::{Check, Effect, ParameterSet};
use tillgate::config::{self, Faults, Settings, Sources, read_ruleset};
use tillgate::domain::enums::{CategoryType, CountryCode, Currency, EventType, Language};
use tillgate::domain::{Amount, Decimal, Micros};

fn load(checks: &str) -> Result<Settings, Faults> {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("checks.toml"), checks).unwrap();
    config::load(&Sources { configs: vec![folder.path().to_owned()], ..Sources::default() })
}

fn faults(checks: &str) -> String {
    let faults = load(checks).unwrap_err().to_string();
    let lines = faults.lines().map(|line| {
        let at = line.find("/checks.toml").map(|at| &line[at + 1..]);
        at.unwrap_or(line).to_owned()
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn set(overrides: &[&str]) -> Result<Settings, Faults> {
    let overrides = overrides.iter().map(|text| (*text).to_owned()).collect();
    config::load(&Sources { overrides, ..Sources::default() })
}

fn amount(token: &str) -> Tolerance {
    Tolerance::Amount(Decimal::parse(token).unwrap().exact().unwrap())
}

fn tolerance(settings: &Settings, country: CountryCode, currency: Currency) -> Tolerance {
    settings.checks.of(country, currency).basket.line_tolerance
}

#[test]
fn defaults_are_those_of_the_catalogue() {
    let settings = set(&[]).unwrap();
    let base: &ParameterSet = settings.checks.of(CountryCode::Unrecognized, Currency::Unrecognized);
    let basket = &base.basket;
    for tolerance in [basket.line_tolerance, basket.tax_tolerance, basket.total_tolerance] {
        assert_eq!(tolerance, Tolerance::Rounding);
    }
    assert_eq!((basket.discount_tax, basket.tax_above_total_allowed), (DiscountTax::Either, false));
    assert_eq!((base.form.total_decimals, base.form.charged_decimals, base.form.item_decimals), (2, 4, 6));
    assert_eq!(base.account.unknown, UnknownAccount::Reject);
    assert_eq!(base.limit.holds_max, 5);
    assert_eq!(base.limit.first_cap.get(Currency::Sek), Amount::from_minor(1_000_000));
    assert_eq!(base.limit.first_cap.get(Currency::Unrecognized), None);
    assert_eq!(base.time.older_than, Micros(72 * 3_600 * 1_000_000));
    assert_eq!(base.time.late.effect, Effect::Pending);
    assert_eq!(base.sense.currency_of[CountryCode::Ch.index()], Some(Currency::Chf));
    assert!(base.sense.currencies_tolerated[CountryCode::Ch.index()].has(Currency::Eur.index()));
    assert!(base.identity.countries.has(CountryCode::Fi.index()));
    assert!(!base.identity.countries.has(CountryCode::De.index()));
    let names: Vec<&str> = base.velocity.windows.iter().map(|window| window.name.as_str()).collect();
    assert_eq!(names, ["account_day", "account_hour", "chip_minute", "terminal_minutes"]);
}

#[test]
fn contactless_payments_are_judged_in_every_currency_once_that_is_switched_on() {
    let off = set(&[]).unwrap();
    assert!(!off.canonical_text().contains("nfc.sca"), "a ruleset that does not use it says nothing of it");
    assert!(!off.canonical_text().contains("pos.sca"));
    let on = set(&["checks.nfc.sca.enabled=true", "checks.override.CH.nfc.sca.enabled=false"]).unwrap();
    let sca = |country, currency| on.checks.of(country, currency).nfc.sca.clone();
    for currency in Currency::ALL.iter().filter(|currency| **currency != Currency::Unrecognized) {
        let sca = sca(CountryCode::De, *currency);
        let (single, sum) = (sca.single.get(*currency).unwrap(), sca.sum.get(*currency).unwrap());
        assert_eq!(sum.ten_thousandths(), 3 * single.ten_thousandths(), "{currency}");
        assert!(sca.judges(*currency) && sca.number == 5 && sca.counter == CounterMeasure::Sum, "{currency}");
    }
    assert!(!sca(CountryCode::Ch, Currency::Chf).judges(Currency::Chf));
    assert_eq!(sca(CountryCode::Fi, Currency::Eur).single.get(Currency::Eur), Amount::from_minor(5_000));
    let kept = read_ruleset("kept", on.canonical_text()).unwrap_or_else(|faults| panic!("{faults}"));
    assert_eq!(kept.checks, on.checks);
}

#[test]
fn takes_amounts_exactly() {
    let settings = set(&["checks.basket.line_tolerance=0.100001", "checks.limit.default.EUR=0.3"]).unwrap();
    let base = settings.checks.of(CountryCode::Fi, Currency::Eur);
    assert_eq!(base.basket.line_tolerance, amount("0.100001"));
    assert_eq!(base.limit.default.get(Currency::Eur), Amount::new(3_000));
}

#[test]
fn overrides_win_by_currency_then_country_then_both() {
    let settings = load(
        "[checks.override.EUR.basket]\nline_tolerance = 0.03\n\
         [checks.override.FI.basket]\nline_tolerance = 0.04\n\
         [checks.override.DE-EUR.basket]\nline_tolerance = 0.05\n\
         [checks.override.NO.identity.ssn]\nabove = { NOK = 2000 }\n",
    )
    .unwrap();
    assert_eq!(tolerance(&settings, CountryCode::Se, Currency::Sek), Tolerance::Rounding);
    assert_eq!(tolerance(&settings, CountryCode::At, Currency::Eur), amount("0.03"));
    assert_eq!(tolerance(&settings, CountryCode::Fi, Currency::Eur), amount("0.04"));
    assert_eq!(tolerance(&settings, CountryCode::Fi, Currency::Unrecognized), amount("0.04"));
    assert_eq!(tolerance(&settings, CountryCode::De, Currency::Eur), amount("0.05"));
    assert_eq!(tolerance(&settings, CountryCode::De, Currency::Sek), Tolerance::Rounding);
    let above = |country| settings.checks.of(country, Currency::Nok).identity.above.get(Currency::Nok);
    assert_eq!(above(CountryCode::No), Amount::from_minor(200_000));
    assert_eq!(above(CountryCode::Se), Amount::from_minor(500_000));
}

#[test]
fn takes_further_velocity_rules_and_switches_off_others() {
    let settings = load(
        "[checks.velocity.windows.rules]\nchip_minute.enabled = false\n\
         [checks.velocity.windows.rules.busy]\nscope = \"account\"\nof = \"attempts\"\nspan = \"1d\"\n\
         count = 0\namount = { EUR = 1.5 }\noutcome = \"reject\"\n",
    )
    .unwrap();
    let windows = &settings.checks.of(CountryCode::Fi, Currency::Eur).velocity.windows;
    let names: Vec<&str> = windows.iter().map(|window| window.name.as_str()).collect();
    assert_eq!(names, ["account_day", "account_hour", "busy", "terminal_minutes"]);
    assert_eq!(windows[2].amount.get(Currency::Eur), Amount::new(15_000));
}

#[test]
fn velocity_rules_count_values_and_have_filters_where_they_say_so() {
    let mine = |rest: &str| {
        format!(
            "checks.velocity.windows.rules.mine={{ scope = \"chip\", of = \"attempts\", span = \"1h\", \
             count = 2, outcome = \"reject\"{rest} }}"
        )
    };
    let rule = |settings: &Settings| {
        let windows = &settings.checks.of(CountryCode::Fi, Currency::Eur).velocity.windows;
        windows.iter().find(|window| window.name == "mine").expect("the rule").clone()
    };
    let plain = set(&[&mine("")]).unwrap();
    assert_eq!((rule(&plain).distinct, rule(&plain).filter), (Distinct::None, Filter::default()));
    assert!(!plain.checks.memory().kinds_of_attempts);
    let said = r#", distinct = "none", event_types = [], categories = [], countries = []"#;
    assert_eq!(plain.canonical_text(), set(&[&mine(said)]).unwrap().canonical_text(), "its hash stays");
    let said = r#", distinct = "terminal", event_types = ["Withdrawal"], categories = ["Payout"], countries = ["SE", "NO"]"#;
    let told = set(&[&mine(said)]).unwrap();
    assert!(told.canonical_text().contains("rules.mine.countries = [\"SE\", \"NO\"]"));
    let Filter { event_types, categories, countries } = rule(&told).filter;
    assert_eq!(rule(&told).distinct, Distinct::Terminal);
    assert!(event_types.has(EventType::Withdrawal.index()) && !event_types.has(EventType::Purchase.index()));
    assert!(categories.has(CategoryType::Payout.index()) && !categories.has(CategoryType::Sales.index()));
    assert!(countries.has(CountryCode::No.index()) && !countries.has(CountryCode::Fi.index()));
    for (asks, rest) in [
        (true, r#", categories = ["Sales"]"#),
        (true, r#", distinct = "country""#),
        (false, r#", distinct = "terminal""#),
        (false, r#", enabled = false, distinct = "country""#),
    ] {
        assert_eq!(set(&[&mine(rest)]).unwrap().checks.memory().kinds_of_attempts, asks, "{rest}");
    }
    let kept = read_ruleset("kept", told.canonical_text()).unwrap_or_else(|faults| panic!("{faults}"));
    assert_eq!(kept.checks, told.checks);
}

#[test]
fn refuses_velocity_rules_that_can_never_fail_and_symbols_that_never_charge() {
    let text = r#"[checks.velocity.windows.rules]
chip_minute.distinct = "chip"
terminal_minutes.distinct = "shop"
account_hour = { distinct = "terminal", count = 0 }
account_day = { event_types = ["Interest"], categories = ["Slaes"], countries = ["US"] }
[checks.override.SE.velocity.windows.rules]
account_day.distinct = "category"
account_day.count = 0
"#;
    insta::assert_snapshot!(faults(text));
}

#[test]
fn reports_every_kind_of_fault_once_with_its_own_place() {
    insta::assert_snapshot!(faults(
        r#"[checks.basket]
line_tolerance = 0.0000001
tax_tolerance = "rounded"
total_tolerance = 0
item_amounts = "lines"

[checks.basket.item_gros]
enabled = false

[checks.basket.item_unit]
outcome = "ignore"

[checks.limit]
default = { EUR = 1e40, USD = 5, NOK = -1, SEK = nan, DKK = 0.00001 }

[checks.limit.holds]
open_max = 100

[checks.sense.category.usual]
Purchase = ["Sales", "Slaes", 3]

[checks.sense.language.usual]
SE = ["SE"]

[checks.velocity.windows.rules.mine]
span = "1h"
counts = 3

[checks.velocity.windows.rules.chip_minute]
span = "32d"

[checks.override.SE.basket]
total_tolerance = 5000.5
tax_tolerance = true
line_tolerence = 0.02

[checks.override.US.basket]
line_tolerance = 0.02

[checks.override.SE.override.NO.basket]
line_tolerance = 0.02
"#
    ));
}

#[test]
fn canonical_text_depends_on_values_and_not_on_their_spelling() {
    let text = |overrides: &[&str]| set(overrides).unwrap().canonical_text().to_owned();
    let defaults = text(&[]);
    let same = [
        "checks.basket.line_tolerance=\"rounding\"",
        "checks.repeat.near_duplicate.within=120s",
        "checks.limit.default.EUR=5000.00",
        "kafka.workers=7",
    ];
    assert_eq!(text(&same), defaults);
    assert_eq!(text(&["checks.basket.line_tolerance=0.0200"]), text(&["checks.basket.line_tolerance=0.02"]));
    for other in [
        "checks.basket.line_tolerance=0.021",
        "checks.override.SE.limit.holds.open_max=5",
        "checks.limit.holds.enabled=false",
    ] {
        assert_ne!(text(&[other]), defaults, "{other}");
    }
    let mut lines: Vec<&str> = defaults.lines().collect();
    assert_eq!(lines.remove(0), format!("catalogue = {}", MEANINGS.len()));
    assert!(lines.is_sorted() && lines.contains(&"checks.basket.line_tolerance = \"rounding\""));
    assert!(lines.iter().any(|line| line.starts_with("texts.SV.pos.item.gross = ")));
    assert!(lines.iter().all(|line| line.starts_with("checks.") || line.starts_with("texts.")));
}

/// A folder with the built-in English texts, changed.
fn english(change: impl Fn(&str) -> String) -> tempfile::TempDir {
    let built_in = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/texts/en.toml");
    let folder = tempfile::tempdir().unwrap();
    let text = change(&std::fs::read_to_string(built_in).unwrap());
    std::fs::write(folder.path().join("en.toml"), text).unwrap();
    folder
}

#[test]
fn texts_are_complete_and_can_be_replaced_by_language() {
    let folder = english(|text| text.replace("\"500\" = \"", "\"500\" = \"Oh dear. "));
    let settings = set(&[&format!("texts.dir={}", folder.path().display())]).unwrap();
    let defaults = set(&[]).unwrap();
    assert!(settings.texts.of("500", Language::En, None).unwrap().starts_with("Oh dear. "));
    assert_eq!(settings.texts.of("500", Language::Se, None), defaults.texts.of("500", Language::Sv, None));
    assert_ne!(settings.canonical_text(), defaults.canonical_text());
    for code in Check::codes() {
        assert!(defaults.texts.of(code, Language::Fi, None).is_some(), "{code}");
    }
}

#[test]
fn reports_missing_and_unknown_texts() {
    let folder = english(|text| {
        text.lines()
            .filter(|line| !line.starts_with("\"500\"") && !line.starts_with("\"pos.holds\""))
            .map(|line| line.replace("\"400.001\" = ", "\"400.0001\" = "))
            .map(|line| if line.starts_with("\"400.002\"") { "\"400.002\" = \" \"".to_owned() } else { line })
            .map(|line| if line.starts_with("\"400.003\"") { "\"400.003\" = 3".to_owned() } else { line })
            .map(|line| line + "\n")
            .collect()
    });
    std::fs::write(folder.path().join("se.toml"), "").unwrap();
    let dir = folder.path().display().to_string();
    let faults = set(&[&format!("texts.dir={dir}")]).unwrap_err().to_string();
    insta::assert_snapshot!(faults.replace(&dir, "TEXTS"));
}

#[test]
fn a_kept_ruleset_gives_the_same_parameters_and_texts_again() {
    let folder = tempfile::tempdir().unwrap();
    let mut english =
        include_str!("../../config/texts/en.toml").replacen(" = \"", " = \"Line one\\nline 'two' ", 1);
    english.push('\n');
    std::fs::write(folder.path().join("en.toml"), english).unwrap();
    let texts = format!("texts.dir={}", folder.path().display());
    for overrides in [
        vec![],
        vec![texts.as_str()],
        vec![
            "checks.override.SE.basket.line_tolerance=0.50",
            "checks.override.CH-EUR.limit.first_amount.enabled=false",
            "checks.override.EUR.time.late.older_than=36h",
            "checks.limit.default.EUR=1234.5",
            "checks.account.flag.names.vip=ignore",
            "checks.velocity.windows.rules.mine={ scope = \"account\", of = \"attempts\", span = \"6h\", count = 4, amount = { EUR = 800 }, outcome = \"pending\" }",
            "checks.velocity.windows.rules.mine.distinct=terminal",
            "checks.velocity.windows.rules.chip_minute.countries=[\"SE\"]",
            "checks.override.SE.velocity.windows.rules.mine.categories=[\"Payout\"]",
        ],
    ] {
        // A check that is off has no text in a ruleset.
        let on = ["checks.nfc.missing.enabled=true", "checks.nfc.sca.enabled=true"];
        let settings = set(&[&overrides[..], &on].concat()).unwrap();
        let text = settings.canonical_text();
        let ruleset = read_ruleset("kept", text).unwrap_or_else(|faults| panic!("{faults}"));
        assert_eq!(format!("{:?}", ruleset.checks), format!("{:?}", settings.checks));
        assert_eq!(format!("{:?}", ruleset.texts), format!("{:?}", settings.texts));
    }
}

#[test]
fn a_kept_ruleset_that_this_program_would_read_otherwise_is_refused() {
    let settings = set(&[]).unwrap();
    let text = settings.canonical_text();
    let line = |start: &str| text.lines().find(|line| line.starts_with(start)).unwrap();
    let tolerance = line("checks.basket.line_tolerance");
    let gross = line("texts.EN.pos.item.gross");
    for (altered, part) in [
        (text.replace(&format!("{tolerance}\n"), ""), "checks.basket.line_tolerance: is not in the ruleset"),
        (format!("{text}checks.basket.colour = 1\n"), "checks.basket.colour: is not a known key"),
        (
            text.replace(tolerance, "checks.basket.line_tolerance = 0.0200"),
            "is read otherwise than it was written",
        ),
        (text.replace(&format!("{gross}\n"), ""), "no text for code pos.item.gross"),
        (format!("{text}kafka.workers = 4\n"), "is no line of a ruleset"),
        (format!("{text}texts.XX.pos.item.gross = \"a\"\n"), "is no text of a language"),
    ] {
        let refused = read_ruleset("kept", &altered).unwrap_err().to_string();
        assert!(refused.contains(part), "{part}: {refused}");
        assert!(
            refused.contains("another version of tillgate kept this ruleset") || part.contains("known key")
        );
    }
}
