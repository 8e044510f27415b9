//! The terminals of a run: spread over every country and kind of shop, each with a fixed name.

use super::articles::{SHOPS, Shop};
use super::country::{COUNTRIES, towns};
use super::draw::Draw;
use crate::domain::enums::CountryCode;

/// One terminal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terminal {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Where it stands.
    pub country: CountryCode,
    /// What is sold there.
    pub shop: &'static Shop,
    number: u32,
}

impl Terminal {
    /// How an article is priced here, per mille of its usual price: the same for everybody who buys it.
    #[must_use]
    pub fn price_per_mille(&self, article: u32) -> i64 {
        i64::from(850 + (self.number.wrapping_mul(7_919).wrapping_add(article * 104_729)) % 301)
    }
}

/// Every terminal of a run.
#[derive(Clone, Debug)]
pub struct Terminals(Vec<Terminal>);

impl Terminals {
    /// `count` terminals, at least one a country.
    #[must_use]
    pub fn new(count: u32) -> Self {
        let count = (count as usize).max(COUNTRIES.len());
        Self((0..count).map(terminal).collect())
    }

    /// One of the terminals of `country`.
    #[must_use]
    pub fn draw(&self, country: CountryCode, draw: &mut Draw) -> &Terminal {
        let place = COUNTRIES.iter().position(|other| *other == country).unwrap_or(0);
        let there = (self.0.len() - place).div_ceil(COUNTRIES.len());
        &self.0[place + draw.below(there as u32) as usize * COUNTRIES.len()]
    }

    /// All of them.
    #[must_use]
    pub fn all(&self) -> &[Terminal] {
        &self.0
    }
}

fn terminal(index: usize) -> Terminal {
    let country = COUNTRIES[index % COUNTRIES.len()];
    let within = index / COUNTRIES.len();
    let shop = &SHOPS[within % SHOPS.len()];
    let towns = towns(country);
    let town = towns[within / SHOPS.len() % towns.len()];
    Terminal {
        id: format!("POS-{index:06}"),
        name: format!("{} {town} {}", shop.sign, within / (SHOPS.len() * towns.len()) + 1),
        country,
        shop,
        number: index as u32,
    }
}
