//! What came to the catalogue after the first release, and what held before: so a ruleset that an earlier release kept is
//! read as it was meant, and the text of a configuration that uses nothing new, which its hash is of, stays as it was.

use std::collections::BTreeMap;

use super::fault::{Faults, Origin};
use super::layers::{Spelling, entries};
use super::schema::{RULES, Schema, Tree, pattern_of_rule};
use super::texts;
use crate::checks::Check;
use crate::checks::catalogue::{FIRST, MEANINGS};
use crate::domain::code::Code;
use crate::domain::enums::Language;

/// What a ruleset of today has that one of the first release had not.
#[derive(Clone, Debug)]
pub struct Later {
    /// Parameters, and what held before there were such: the value as the text of a ruleset spells it. `*` stands for the
    /// name of a window's rule. What switches a new check on was `false`.
    pub parameters: &'static [(&'static str, &'static str)],
    /// Checks, each with its codes that no earlier one has.
    pub checks: Vec<(&'static str, Vec<&'static str>)>,
    /// The releases with which the meaning of checks changed, [`MEANINGS`].
    pub meanings: &'static [&'static str],
}

/// The parameters that came later. A line is added here with each, and never altered.
const PARAMETERS: &[(&str, &str)] = &[
    // With 0.2.
    ("checks.basket.tax_above_total", "\"allow\""),
    ("checks.basket.tax_tolerance", "0.01"),
    ("checks.basket.tax_unchecked.enabled", "false"),
    ("checks.basket.tax_unchecked.outcome", "\"note\""),
    ("checks.form.decimals.charged", "6"),
    ("checks.correction.originals", "\"90d\""),
    ("checks.correction.unlinked", "\"note\""),
    ("checks.nfc.blocked.enabled", "false"),
    ("checks.nfc.blocked.outcome", "\"reject\""),
    ("checks.nfc.missing.enabled", "false"),
    ("checks.nfc.missing.outcome", "\"pending\""),
    ("checks.nfc.sca.counter", "\"sum\""),
    ("checks.nfc.sca.enabled", "false"),
    ("checks.nfc.sca.number", "5"),
    ("checks.nfc.sca.outcome", "\"pending\""),
    ("checks.nfc.sca.single.CHF", "45.00"),
    ("checks.nfc.sca.single.DKK", "350.00"),
    ("checks.nfc.sca.single.EUR", "50.00"),
    ("checks.nfc.sca.single.NOK", "500.00"),
    ("checks.nfc.sca.single.SEK", "500.00"),
    ("checks.nfc.sca.sum.CHF", "135.00"),
    ("checks.nfc.sca.sum.DKK", "1050.00"),
    ("checks.nfc.sca.sum.EUR", "150.00"),
    ("checks.nfc.sca.sum.NOK", "1500.00"),
    ("checks.nfc.sca.sum.SEK", "1500.00"),
    ("checks.nfc.travel.abroad", "\"10min\""),
    ("checks.nfc.travel.enabled", "false"),
    ("checks.nfc.travel.nearby", "50"),
    ("checks.nfc.travel.outcome", "\"pending\""),
    ("checks.nfc.travel.speed", "900"),
    ("checks.nfc.travel.within", "\"12h\""),
    ("checks.nfc.unknown.enabled", "false"),
    ("checks.nfc.unknown.outcome", "\"pending\""),
    ("checks.pending.rejudge", "false"),
    ("checks.pos.terminal.enabled", "false"),
    ("checks.pos.terminal.outcome", "\"reject\""),
    ("checks.pos.terminal.unlisted", "\"ignore\""),
    ("checks.pos.terminal_country.enabled", "false"),
    ("checks.pos.terminal_country.outcome", "\"pending\""),
    ("checks.pos.terminal_fraud.days", "7"),
    ("checks.pos.terminal_fraud.delay", "7"),
    ("checks.pos.terminal_fraud.enabled", "false"),
    ("checks.pos.terminal_fraud.events", "50"),
    ("checks.pos.terminal_fraud.outcome", "\"pending\""),
    ("checks.pos.terminal_fraud.rate", "0.05"),
    ("checks.pos.terminal_name.enabled", "false"),
    ("checks.pos.terminal_name.outcome", "\"note\""),
    ("checks.repeat.account_events", "\"35d\""),
    ("checks.repeat.refused_max", "64"),
    ("checks.repeat.remember", "\"72h\""),
    ("checks.repeat.retry_within", "\"1h\""),
    ("checks.repeat.scope", "\"account\""),
    ("checks.velocity.fanout.chip", "2"),
    ("checks.velocity.fanout.enabled", "false"),
    ("checks.velocity.fanout.outcome", "\"pending\""),
    ("checks.velocity.fanout.span", "\"24h\""),
    ("checks.velocity.fanout.terminal", "0"),
    ("checks.velocity.windows.rules.*.categories", "[]"),
    ("checks.velocity.windows.rules.*.countries", "[]"),
    ("checks.velocity.windows.rules.*.distinct", "\"none\""),
    ("checks.velocity.windows.rules.*.event_types", "[]"),
];

/// What the line with the version of the catalogue begins with; a ruleset without it is of the first one.
pub const CATALOGUE: &str = "catalogue";

impl Later {
    /// What this program has.
    pub fn of_this_program() -> Self {
        let entries = Check::ALL.iter().map(|check| check.entry());
        let (first, later): (Vec<_>, Vec<_>) = entries.partition(|entry| entry.since == FIRST);
        let is_new = |code: &&Code| first.iter().all(|entry| !entry.codes.contains(code));
        let checks = later.iter().map(|entry| {
            let codes = entry.codes.iter().filter(is_new).map(Code::as_str);
            (entry.name, codes.collect())
        });
        Self { parameters: PARAMETERS, checks: checks.collect(), meanings: MEANINGS }
    }

    /// The text of a ruleset: a line for each of `canonical` that decides, without those that say what held before.
    pub fn text(&self, canonical: &BTreeMap<String, String>) -> String {
        let is_as_before = |key: &str, value: &str| {
            let pattern = pattern_of_rule(key);
            self.parameters.iter().any(|(later, before)| *later == pattern && *before == value)
        };
        let deciding =
            |key: &str| key.starts_with("checks.") || key.starts_with("texts.") && key != texts::DIR;
        let mut lines: Vec<(&String, &String)> =
            canonical.iter().filter(|(key, value)| deciding(key) && !is_as_before(key, value)).collect();
        let keys: Vec<&str> = lines.iter().map(|(key, _)| key.as_str()).collect();
        let unused: Vec<&str> = self.unused_codes(&keys).collect();
        lines.retain(|(key, _)| text_of(key).is_none_or(|(_, code)| !unused.contains(&code)));
        let version = self.meanings.len();
        let head = if version > 1 { format!("{CATALOGUE} = {version}\n") } else { String::new() };
        lines.into_iter().fold(head, |text, (key, value)| text + key + " = " + value + "\n")
    }

    /// Codes of later checks that nothing of a ruleset with these keys switches on.
    fn unused_codes<'a>(&'a self, keys: &'a [&str]) -> impl Iterator<Item = &'static str> + 'a {
        let is_used = |name: &str| {
            let switch = format!(".{name}.enabled");
            keys.iter().any(|key| key.starts_with("checks.") && key.ends_with(&switch))
        };
        let unused = self.checks.iter().filter(move |(name, _)| !is_used(name));
        unused.flat_map(|(_, codes)| codes.iter().copied())
    }

    /// Adds to the tree of a kept ruleset what held when it was kept.
    pub fn complete(&self, schema: &Schema, tree: &mut Tree, faults: &mut Faults) {
        for (key, before) in self.before(tree.keys()) {
            if !tree.contains_key(&key) {
                let found = entries(schema, key, before, &Origin::Default, Spelling::Toml);
                schema.merge(tree, found, faults);
            }
        }
    }

    /// What held before there were the later parameters, by key; for each of the rules that `keys` name.
    pub fn before<'a>(&self, keys: impl Iterator<Item = &'a String>) -> Vec<(String, &'static str)> {
        let names = |key: &String| key.strip_prefix(RULES)?.split('.').nth(1).map(str::to_owned);
        let mut rules: Vec<String> = keys.filter_map(names).collect();
        rules.dedup();
        let of_pattern = |(pattern, before): &(&str, &'static str)| match pattern.contains('*') {
            true => rules.iter().map(|rule| (pattern.replace('*', rule), *before)).collect(),
            false => vec![((*pattern).to_owned(), *before)],
        };
        self.parameters.iter().flat_map(of_pattern).collect()
    }

    /// Adds the texts that a kept ruleset with these keys could do without; nobody will read them.
    pub fn complete_texts(&self, keys: &[&str], texts: &mut BTreeMap<(Language, String), String>) {
        for code in self.unused_codes(keys) {
            for language in Language::SPOKEN {
                texts.entry((language, code.to_owned())).or_insert_with(|| code.to_owned());
            }
        }
    }

    /// What to do with a ruleset of this version of the catalogue; nothing where it is this program's.
    pub fn other_release(&self, version: usize) -> Option<String> {
        let known = self.meanings.len();
        let from = version.checked_sub(1).and_then(|place| self.meanings.get(place));
        match (from, self.meanings.get(version)) {
            (Some(_), None) => None,
            (Some(from), Some(until)) => Some(format!(
                "replay with a release from {from} on that is older than {until}: checks mean something else since"
            )),
            (None, _) => Some(format!(
                "replay with the release that kept it: this one is older and knows versions up to {known}"
            )),
        }
    }
}

/// Language symbol and code of `texts.EN.pos.item.gross`.
pub fn text_of(key: &str) -> Option<(&str, &str)> {
    key.strip_prefix("texts.")?.split_once('.')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_switches_a_later_check_on_was_off() {
        let later = Later::of_this_program();
        for (name, _) in &later.checks {
            let switch = format!("checks.{name}.enabled");
            let is_off = |parameter: &(&str, &str)| *parameter == (&*switch, "false");
            assert!(later.parameters.iter().any(is_off), "{name} has no line in PARAMETERS");
        }
    }
}
