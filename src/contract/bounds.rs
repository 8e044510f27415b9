//! What the configuration lets pass, as documents say it: lengths, lines, decimals. The contract's own bounds are in
//! `domain/limits.rs`. Checks nothing.

use crate::checks::ParameterSets;
use crate::domain::enums::{CountryCode, Currency};
use crate::domain::{decimal::DIGITS_MAX, limits};

/// What the form checks let pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FormBounds {
    /// Characters of an id.
    pub id_chars: usize,
    /// Characters of any other text.
    pub text_chars: usize,
    /// Lines of a basket.
    pub items: usize,
    /// Decimals of totals.
    pub total_decimals: u8,
    /// Decimals of what a line charges.
    pub charged_decimals: u8,
    /// Decimals of everything else in a line.
    pub item_decimals: u8,
}

impl FormBounds {
    /// Of these parameters, without what they override for a country or a currency.
    #[must_use]
    pub fn of(checks: &ParameterSets) -> Self {
        let form = &checks.of(CountryCode::Unrecognized, Currency::Unrecognized).form;
        let length = |bound: usize, always: usize| if form.length { bound.min(always) } else { always };
        let decimals = |most: u8| if form.decimals { most } else { DIGITS_MAX as u8 };
        Self {
            id_chars: length(form.id_max, limits::ID_CHARS_MAX),
            text_chars: length(form.text_max, limits::TEXT_CHARS_MAX),
            items: length(form.items_max, limits::ITEMS_MAX),
            total_decimals: decimals(form.total_decimals),
            charged_decimals: decimals(form.charged_decimals),
            item_decimals: decimals(form.item_decimals),
        }
    }
}
