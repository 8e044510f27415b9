//! Which keys there are, and of what kind: the embedded default files say it, and this file adds the few tables whose
//! keys are free. Merges layers; what does not fit is a fault and changes nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use super::document;
use super::fault::{Faults, Origin, SettingFault};
use super::librdkafka;
use super::nearest::nearest;
use super::value::{LayerEntry, Shape, Value};

/// The default files, in the order they are shown, with the names a folder given by `--config` holds them under.
pub const FILES: &[(&str, &str)] = &[
    ("tillgate.toml", include_str!("../../config/tillgate.toml")),
    ("checks.toml", include_str!("../../config/checks.toml")),
    ("contact.toml", include_str!("../../config/contact.toml")),
];

/// The merged configuration: effective key -> the entry that won, which keeps the key it was written under.
pub type Tree = BTreeMap<String, LayerEntry>;

/// What the free keys of a table are, and so how an environment variable spells them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Names {
    /// Symbols of the contract, such as currencies: as they are.
    Symbols,
    /// Words of the operator's own: in small letters.
    Words,
    /// Properties with dots: in small letters, an underscore for each dot; TOML may write the dots as nested tables.
    Properties,
}

/// A table whose keys are free.
#[derive(Clone, Copy, Debug)]
pub struct OpenMap {
    /// The table.
    pub path: &'static str,
    /// What each of its keys takes.
    pub shape: Shape,
    /// What its keys are.
    pub names: Names,
}

const fn open(path: &'static str, shape: Shape, names: Names) -> OpenMap {
    OpenMap { path, shape, names }
}

/// All tables whose keys are free.
pub const OPEN_MAPS: &[OpenMap] = &[
    open("kafka.librdkafka", Shape::Scalar, Names::Properties),
    open("gateway.auth.api_keys", Shape::Text, Names::Words),
    open("checks.sense.category.usual", Shape::List, Names::Symbols),
    open("checks.sense.currency_country.usual", Shape::Text, Names::Symbols),
    open("checks.sense.currency_country.tolerated", Shape::List, Names::Symbols),
    open("checks.sense.language.usual", Shape::List, Names::Symbols),
    open("checks.account.flag.names", Shape::Text, Names::Words),
    open("checks.limit.default", Shape::Decimal, Names::Symbols),
    open("checks.limit.first_amount.cap", Shape::Decimal, Names::Symbols),
    open("checks.identity.ssn.above", Shape::Decimal, Names::Symbols),
    open("checks.nfc.sca.single", Shape::Decimal, Names::Symbols),
    open("checks.nfc.sca.sum", Shape::Decimal, Names::Symbols),
    open("checks.velocity.windows.rules.*.amount", Shape::Decimal, Names::Symbols),
    open("checks.velocity.withdrawal_cap.each", Shape::Decimal, Names::Symbols),
    open("checks.velocity.withdrawal_cap.day", Shape::Decimal, Names::Symbols),
    open("contact.reading.types", Shape::List, Names::Words),
    open("contact.reading.channels", Shape::List, Names::Words),
    open("contact.reading.outcomes", Shape::List, Names::Words),
    open("contact.reading.purposes", Shape::Text, Names::Words),
    open("contact.places", Shape::List, Names::Symbols),
    open("contact.subjects", Shape::Text, Names::Symbols),
];

/// Settings that take an amount as well as the word that stands for their default.
pub const TOLERANCES: &[&str] =
    &["checks.basket.line_tolerance", "checks.basket.tax_tolerance", "checks.basket.total_tolerance"];

/// Windows of velocity.
pub const RULES: &str = "checks.velocity.windows.rules";
/// Policies of jurisdictions.
pub const POLICIES: &str = "contact.policies";
/// Their sections have free names (written `*` in patterns) and all the same keys: those of the default ones.
const NAMED: [&str; 2] = [RULES, POLICIES];

/// Below `checks.override.SE` and the like stand the keys of `checks` again.
pub const OVERRIDE: &str = "checks.override";
/// What is repeated below an override.
pub const OVERRIDDEN: &str = "checks";

/// What a key means.
#[derive(Clone, Copy, Debug)]
pub enum KeyMeaning {
    /// A setting of this shape.
    Setting(Shape),
    /// An entry of a table with free keys.
    Open(OpenMap),
    Section,
    Unknown,
}

/// The known keys.
#[derive(Debug)]
pub struct Schema {
    /// By pattern.
    shapes: BTreeMap<String, Shape>,
    /// By pattern.
    sections: BTreeSet<String>,
    /// Every key that has a default.
    keys: BTreeSet<String>,
}

impl Schema {
    /// Reads the embedded files: the schema, and the tree of defaults.
    pub fn embedded(faults: &mut Faults) -> (Self, Tree) {
        let mut tree = Tree::new();
        let mut shapes = BTreeMap::new();
        let mut sections = BTreeSet::from([OVERRIDE.to_owned()]);
        sections.extend(OPEN_MAPS.iter().map(|map| map.path.to_owned()));
        for (name, text) in FILES {
            let path: Arc<Path> = Arc::from(Path::new(name));
            for entry in document::entries(text, &path, faults) {
                let pattern = pattern_of_rule(&entry.key);
                if entry.value == Value::Section {
                    sections.insert(pattern);
                    continue;
                }
                if open_map(&pattern).is_none() {
                    let is_tolerance = TOLERANCES.contains(&pattern.as_str());
                    let shape = if is_tolerance { Shape::Tolerance } else { entry.value.shape() };
                    shapes.insert(pattern, shape);
                }
                tree.insert(entry.key.clone(), LayerEntry { origin: Origin::Default, ..entry });
            }
        }
        let keys = tree.keys().cloned().collect();
        (Self { shapes, sections, keys }, tree)
    }

    /// What `key` means.
    pub fn place(&self, key: &str) -> KeyMeaning {
        let Some(pattern) = pattern(key) else {
            return KeyMeaning::Section;
        };
        if let Some((map, _)) = open_map(&pattern) {
            return KeyMeaning::Open(map);
        }
        match self.shapes.get(&pattern) {
            Some(shape) => KeyMeaning::Setting(*shape),
            None if self.sections.contains(&pattern) => KeyMeaning::Section,
            None => KeyMeaning::Unknown,
        }
    }

    /// The key that the environment variable `TILLGATE_<name>` sets, `name` with `__` between its levels.
    pub fn key_of_variable(&self, name: &str) -> String {
        let written = name.replace("__", ".");
        let mut known = self.keys.iter();
        if let Some(key) = known.find(|key| key.eq_ignore_ascii_case(&written)) {
            return key.clone();
        }
        let small = written.to_ascii_lowercase();
        if let Some((scope, rest)) = below_override(&small).and_then(|below| below.split_once('.')) {
            let original =
                self.key_of_variable(&format!("{OVERRIDDEN}.{}", &written[small.len() - rest.len()..]));
            let rest = &original[OVERRIDDEN.len()..];
            return format!("{OVERRIDE}.{}{rest}", scope.to_ascii_uppercase());
        }
        match pattern(&small).as_deref().and_then(open_map) {
            Some((map, name)) if map.names == Names::Symbols => {
                let name_at = small.len() - name.len();
                format!("{}{}", &small[..name_at], &written[name_at..])
            }
            Some((map, name)) if map.names == Names::Properties => {
                format!("{}{}", &small[..small.len() - name.len()], name.replace('_', "."))
            }
            _ => small,
        }
    }

    /// The setting that a variable with single underscores for dots was surely meant for.
    pub fn key_of_flat_variable(&self, name: &str) -> Option<&str> {
        let known = self.keys.iter().map(String::as_str);
        let mut matching = known.filter(|key| key.replace('.', "_").eq_ignore_ascii_case(name));
        matching.next()
    }

    /// Lays `entries` over `tree`.
    pub fn merge(&self, tree: &mut Tree, entries: Vec<LayerEntry>, faults: &mut Faults) {
        let mut refused: Option<String> = None;
        for entry in entries {
            let below_refused = refused
                .as_deref()
                .and_then(|section| entry.key.strip_prefix(section))
                .is_some_and(|rest| rest.starts_with('.'));
            if below_refused {
                continue;
            }
            match self.check(&entry) {
                Err(fault) => {
                    if entry.value == Value::Section {
                        refused = Some(entry.key);
                    }
                    faults.0.push(fault);
                }
                Ok(()) if entry.value == Value::Section => {}
                Ok(()) => {
                    tree.insert(entry.key.clone(), entry);
                }
            }
        }
    }

    fn check(&self, entry: &LayerEntry) -> Result<(), SettingFault> {
        let given = entry.value.shape();
        let wanted = match self.place(&entry.key) {
            KeyMeaning::Unknown => return Err(self.unknown(entry)),
            KeyMeaning::Section => Shape::Section,
            KeyMeaning::Setting(shape) => shape,
            KeyMeaning::Open(map) if map.names == Names::Properties && given == Shape::Section => {
                Shape::Section
            }
            KeyMeaning::Open(map) => map.shape,
        };
        if wanted.takes(given) {
            return Ok(());
        }
        let shown = match given {
            Shape::Section => String::new(),
            _ if is_secret(&entry.key) => String::new(),
            _ => format!(" ({})", entry.value.to_toml()),
        };
        Err(SettingFault {
            origin: entry.origin.clone(),
            key: entry.key.clone(),
            problem: format!("is {}{shown} and must be {}", given.words(), wanted.words()),
            remedy: wanted.example().to_owned(),
        })
    }

    fn unknown(&self, entry: &LayerEntry) -> SettingFault {
        let section = entry.value == Value::Section;
        SettingFault {
            origin: entry.origin.clone(),
            key: entry.key.clone(),
            problem: format!("is not a known {}", if section { "section" } else { "key" }),
            remedy: match self.suggestion(&entry.key, section) {
                Some(key) => format!("did you mean {key}?"),
                None => "`tillgate config show` lists the known ones".to_owned(),
            },
        }
    }

    /// A key near to this one, or one of the same last name elsewhere.
    fn suggestion(&self, key: &str, section: bool) -> Option<String> {
        if let Some((scope, rest)) = below_override(key).and_then(|below| below.split_once('.')) {
            let found = self.suggestion(&format!("{OVERRIDDEN}.{rest}"), section)?;
            let rest = found.strip_prefix(OVERRIDDEN).filter(|_| !found.starts_with(OVERRIDE))?;
            return Some(format!("{OVERRIDE}.{scope}{rest}"));
        }
        let known: Vec<&str> = if section {
            self.sections.iter().map(String::as_str).collect()
        } else {
            self.shapes.keys().map(String::as_str).collect()
        };
        let last = |key: &str| key.rsplit('.').next().unwrap_or_default().to_owned();
        let alike = nearest(&pattern_of_rule(key), known.iter().copied()).or_else(|| {
            let mut same = known.iter().filter(|known| last(known) == last(key));
            same.next().copied().filter(|_| same.next().is_none())
        });
        let rule = NAMED.iter().find_map(|named| key.strip_prefix(named)?.split('.').nth(1));
        match (alike?, rule) {
            (pattern, Some(rule)) => Some(pattern.replace('*', rule)),
            (pattern, None) => Some(pattern.to_owned()).filter(|key| !key.contains('*')),
        }
    }
}

/// Whether the value of `key` must never be shown. Of librdkafka's properties all but those that are known to hold no
/// secret: one that is new, or misspelt, may be a password.
pub fn is_secret(key: &str) -> bool {
    const KEYS: &[&str] = &["registry.password", "registry.token"];
    match key.strip_prefix("kafka.librdkafka.") {
        Some(name) => !librdkafka::is_harmless(name),
        None => KEYS.contains(&key) || key.starts_with("gateway.auth.api_keys."),
    }
}

/// The open map that a key of this pattern is an entry of, and the entry's name.
fn open_map(pattern: &str) -> Option<(OpenMap, &str)> {
    OPEN_MAPS.iter().find_map(|map| {
        let name = pattern.strip_prefix(map.path)?.strip_prefix('.')?;
        (!name.is_empty()).then_some((*map, name))
    })
}

/// `SE.a.b` of `checks.override.SE.a.b`.
fn below_override(key: &str) -> Option<&str> {
    key.strip_prefix(OVERRIDE)?.strip_prefix('.')
}

/// The key without its override and with `*` for the name of a rule; nothing for the section of an override itself.
fn pattern(key: &str) -> Option<String> {
    let Some(below) = below_override(key) else {
        return Some(pattern_of_rule(key));
    };
    let (_, rest) = below.split_once('.')?;
    Some(pattern_of_rule(&format!("{OVERRIDDEN}.{rest}")))
}

/// The key with `*` for the name of a window's rule or a policy.
pub fn pattern_of_rule(key: &str) -> String {
    let below = NAMED.iter().find_map(|named| Some((named, key.strip_prefix(named)?.strip_prefix('.')?)));
    match below {
        None => key.to_owned(),
        Some((named, below)) => {
            let rest = below.find('.').map_or("", |at| &below[at..]);
            format!("{named}.*{rest}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schema() -> Schema {
        Schema::embedded(&mut Faults::default()).0
    }

    fn kind(key: &str) -> String {
        match schema().place(key) {
            KeyMeaning::Setting(shape) => format!("setting: {}", shape.words()),
            KeyMeaning::Open(map) => format!("open: {}", map.shape.words()),
            KeyMeaning::Section => "section".to_owned(),
            KeyMeaning::Unknown => "unknown".to_owned(),
        }
    }

    #[test]
    fn knows_keys_open_maps_rules_and_overrides() {
        for (key, expected) in [
            ("kafka.workers", "setting: a whole number"),
            ("kafka", "section"),
            ("kafka.nothing", "unknown"),
            ("kafka.librdkafka.sasl.username", "open: a text, a number, true or false"),
            ("checks.limit.first_amount.cap.EUR", "open: a number"),
            ("checks.velocity.windows.rules", "section"),
            ("checks.velocity.windows.rules.mine", "section"),
            ("checks.velocity.windows.rules.mine.span", "setting: a text"),
            ("checks.velocity.windows.rules.mine.amount.EUR", "open: a number"),
            ("checks.velocity.windows.rules.mine.else", "unknown"),
            ("checks.override", "section"),
            ("checks.override.SE", "section"),
            ("checks.override.SE.basket", "section"),
            ("checks.override.SE.basket.line_tolerance", "setting: an amount or \"rounding\""),
            ("checks.override.SE.velocity.windows.rules.mine.amount.EUR", "open: a number"),
            ("checks.override.SE.override.NO.basket.line_tolerance", "unknown"),
            ("checks.override.SE.workers", "unknown"),
        ] {
            assert_eq!(kind(key), expected, "{key}");
        }
    }

    #[test]
    fn reads_names_of_environment_variables() {
        for (name, key) in [
            ("KAFKA__GROUP_ID", "kafka.group_id"),
            ("KAFKA__LIBRDKAFKA__SASL_USERNAME", "kafka.librdkafka.sasl.username"),
            ("CHECKS__LIMIT__DEFAULT__EUR", "checks.limit.default.EUR"),
            ("CHECKS__IDENTITY__SSN__ABOVE__DKK", "checks.identity.ssn.above.DKK"),
            ("CHECKS__SENSE__CATEGORY__USUAL__PURCHASE", "checks.sense.category.usual.Purchase"),
            ("CHECKS__ACCOUNT__FLAG__NAMES__VIP", "checks.account.flag.names.vip"),
            ("CHECKS__OVERRIDE__SE__BASKET__LINE_TOLERANCE", "checks.override.SE.basket.line_tolerance"),
            ("CHECKS__OVERRIDE__SE__LIMIT__DEFAULT__DKK", "checks.override.SE.limit.default.DKK"),
            ("SOMETHING__ELSE", "something.else"),
        ] {
            assert_eq!(schema().key_of_variable(name), key);
        }
    }

    #[test]
    fn suggests_the_key_that_was_meant() {
        let schema = schema();
        for (key, suggestion) in [
            ("kafka.bootstrap_server", Some("kafka.bootstrap_servers")),
            ("basket.line_tolerance", Some("checks.basket.line_tolerance")),
            ("checks.override.SE.basket.line_tolerence", Some("checks.override.SE.basket.line_tolerance")),
            ("nothing.like.it", None),
        ] {
            assert_eq!(schema.suggestion(key, false).as_deref(), suggestion);
        }
    }
}
