//! What a till in a country looks like: currency, languages, VAT rates, price level, towns.
//!
//! Figures for realistic baskets, never for a decision: the checks have parameters of their own.

use crate::domain::enums::{CountryCode, Currency, Language};

/// Every country of the contract.
pub const COUNTRIES: [CountryCode; 9] = [
    CountryCode::No,
    CountryCode::Se,
    CountryCode::Fi,
    CountryCode::Dk,
    CountryCode::De,
    CountryCode::At,
    CountryCode::Ch,
    CountryCode::Nl,
    CountryCode::Be,
];

/// The VAT class of an article.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Vat {
    /// The standard rate.
    Standard,
    /// Food from a shop.
    Food,
    /// Food from a kitchen.
    Meal,
    /// Medicine over the counter.
    Medicine,
}

/// The currency of `country`.
#[must_use]
pub fn currency(country: CountryCode) -> Currency {
    match country {
        CountryCode::No => Currency::Nok,
        CountryCode::Se => Currency::Sek,
        CountryCode::Dk => Currency::Dkk,
        CountryCode::Ch => Currency::Chf,
        _ => Currency::Eur,
    }
}

/// Languages that people at tills of `country` are spoken to in, the commonest first.
#[must_use]
pub fn languages(country: CountryCode) -> &'static [Language] {
    match country {
        CountryCode::No => &[Language::No],
        CountryCode::Se => &[Language::Sv],
        CountryCode::Fi => &[Language::Fi],
        CountryCode::Dk => &[Language::Da],
        CountryCode::Ch => &[Language::De, Language::De, Language::Fr],
        CountryCode::Nl => &[Language::Nl],
        CountryCode::Be => &[Language::Nl, Language::Nl, Language::Fr],
        _ => &[Language::De],
    }
}

/// The VAT rate of `class` in `country`, per mille.
#[must_use]
pub fn vat_rate(country: CountryCode, class: Vat) -> i64 {
    let [standard, food, meal, medicine] = match country {
        CountryCode::No => [250, 150, 250, 250],
        CountryCode::Se => [250, 120, 120, 250],
        CountryCode::Fi => [255, 135, 135, 135],
        CountryCode::Dk => [250, 250, 250, 250],
        CountryCode::De => [190, 70, 70, 190],
        CountryCode::At => [200, 100, 100, 100],
        CountryCode::Ch => [81, 26, 81, 26],
        CountryCode::Nl => [210, 90, 90, 90],
        _ => [210, 60, 120, 60],
    };
    match class {
        Vat::Standard => standard,
        Vat::Food => food,
        Vat::Meal => meal,
        Vat::Medicine => medicine,
    }
}

/// Minor units in `currency` for what costs `euro_cents` in euros, at a round price level.
#[must_use]
pub fn price_level(currency: Currency, euro_cents: i64) -> i64 {
    let per_mille = match currency {
        Currency::Nok => 11_500,
        Currency::Sek => 11_200,
        Currency::Dkk => 7_460,
        Currency::Chf => 950,
        _ => 1_000,
    };
    (euro_cents * per_mille + 500) / 1_000
}

/// Towns of `country`.
#[must_use]
pub fn towns(country: CountryCode) -> &'static [&'static str] {
    match country {
        CountryCode::No => &["Oslo", "Bergen", "Trondheim", "Stavanger"],
        CountryCode::Se => &["Stockholm", "Göteborg", "Malmö", "Uppsala"],
        CountryCode::Fi => &["Helsinki", "Tampere", "Turku", "Oulu"],
        CountryCode::Dk => &["København", "Aarhus", "Odense", "Aalborg"],
        CountryCode::De => &["Berlin", "Hamburg", "Köln", "Leipzig"],
        CountryCode::At => &["Wien", "Graz", "Linz", "Salzburg"],
        CountryCode::Ch => &["Zürich", "Bern", "Lausanne", "Basel"],
        CountryCode::Nl => &["Amsterdam", "Utrecht", "Rotterdam", "Groningen"],
        _ => &["Brussel", "Gent", "Antwerpen", "Liège"],
    }
}
