//! What one decision sees of the shared profiles of its terminal and its chip: read once, recorded in the outcome as
//! evidence, and read out of it again by a replay. Looks nothing up and judges nothing.

use super::Micros;
use super::enums::{CountryCode, symbols};
use super::outcome::Evidence;
use smallvec::SmallVec;
use std::borrow::Cow;
use std::fmt;

/// What is known of an event's terminal and chip across accounts. What is not known, or says nothing about this event, is
/// as in the default, and leaves no evidence.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProfileView {
    /// The terminal.
    pub terminal: TerminalView,
    /// The chip.
    pub chip: ChipView,
    /// Where other terminals stand at which the account used the chip, by the hash of their ids; each once, sorted.
    pub places: SmallVec<[(u64, Position); 2]>,
}

/// What a decision asks of the shared profiles.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProfileQuestion<'e> {
    /// Hash of the account's number.
    pub account: u64,
    /// When the event happened.
    pub time: Micros,
    /// In which country; none: that is not compared.
    pub country: Option<CountryCode>,
    /// The terminal's name, where the event gives one and it is compared.
    pub name: Option<Cow<'e, str>>,
    /// Hash of the terminal's id; 0: none.
    pub terminal: u64,
    /// Hash of the chip's id; 0: none.
    pub chip: u64,
    /// Whether it matters for whom the chip is registered: not where it is for this account.
    pub owner: bool,
    /// Whether it matters that a terminal is not listed.
    pub unlisted: bool,
    /// How far from the event the uses of other accounts count, either way.
    pub span: Micros,
    /// Days since 1970 whose fraud counts, the last one not included.
    pub fraud_days: (i32, i32),
    /// How far from the event places count, either way; 0: they do not.
    pub travel: Micros,
    /// Other terminals at which the account used the chip.
    pub others: SmallVec<[u64; 2]>,
}

/// What is known of a terminal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TerminalView {
    /// Whether a reference record lists it; none where that was not looked at.
    pub listed: Option<Listed>,
    /// The name that it had before, where the event gives another.
    pub other_name: Option<String>,
    /// Its country, where the event gives another.
    pub other_country: Option<CountryCode>,
    /// Where it stands.
    pub position: Option<Position>,
    /// Other accounts than the event's that used it within the span of the fan-out.
    pub other_accounts: u32,
    /// Its confirmed fraud.
    pub fraud: FraudCount,
}

symbols! {
    /// Whether a reference record lists a terminal.
    Listed {
        /// None does.
        No = "none",
        /// One does.
        Enabled = "enabled",
        /// One does, and says that it is out of service.
        Disabled = "disabled",
    }
}

/// Events of a terminal on the days that are looked at, and how many of them were confirmed as fraud.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FraudCount {
    /// Confirmed as fraud.
    pub confirmed: u32,
    /// All that were judged.
    pub judged: u32,
}

/// What is known of a chip.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChipView {
    /// A reference record blocks it.
    pub blocked: bool,
    /// It is registered for other accounts, and not for the event's.
    pub of_another: bool,
    /// Other accounts than the event's that used it within the span of the fan-out.
    pub other_accounts: u32,
    /// Its last use by another account.
    pub last: Option<LastUse>,
}

/// Where and when a chip was used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LastUse {
    /// When.
    pub time: Micros,
    /// In which country.
    pub country: CountryCode,
    /// Hash of the terminal's id.
    pub terminal: u64,
    /// Where that stands, if it is known.
    pub position: Option<Position>,
}

/// A place on earth in millionths of a degree: north and east are positive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    latitude: i32,
    longitude: i32,
}

impl Position {
    /// At these millionths of a degree; none where there is no such place.
    #[must_use]
    pub fn new(latitude: i32, longitude: i32) -> Option<Self> {
        let fits = latitude.abs() <= 90_000_000 && longitude.abs() <= 180_000_000;
        fits.then_some(Self { latitude, longitude })
    }

    /// Millionths of a degree north.
    #[must_use]
    pub fn latitude(self) -> i32 {
        self.latitude
    }

    /// Millionths of a degree east.
    #[must_use]
    pub fn longitude(self) -> i32 {
        self.longitude
    }

    /// Out of `59.913868,10.752245`: degrees with at most six decimals.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (latitude, longitude) = text.split_once(',')?;
        Self::new(millionths(latitude)?, millionths(longitude)?)
    }
}

/// Degrees with at most six decimals.
fn millionths(text: &str) -> Option<i32> {
    let (sign, digits) = text.strip_prefix('-').map_or((1, text), |digits| (-1, digits));
    let (whole, decimals) = digits.split_once('.').unwrap_or((digits, "0"));
    let are_digits = |text: &str| !text.is_empty() && text.bytes().all(|letter| letter.is_ascii_digit());
    if !are_digits(whole) || !are_digits(decimals) || whole.len() > 3 || decimals.len() > 6 {
        return None;
    }
    let whole: i32 = whole.parse().ok()?;
    let decimals: i32 = format!("{decimals:0<6}").parse().ok()?;
    Some(sign * (whole * 1_000_000 + decimals))
}

/// Six decimals each.
impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let part = |millionths: i32| {
            let (sign, size) = (if millionths < 0 { "-" } else { "" }, millionths.unsigned_abs());
            format!("{sign}{}.{:06}", size / 1_000_000, size % 1_000_000)
        };
        write!(f, "{},{}", part(self.latitude), part(self.longitude))
    }
}

const LISTED: &str = "terminal.record";
const NAME: &str = "terminal.name";
const COUNTRY: &str = "terminal.country";
const TERMINAL_ACCOUNTS: &str = "terminal.other_accounts";
const FRAUD: &str = "terminal.fraud";
const POSITION: &str = "terminal.position";
const BLOCKED: &str = "chip.record";
const OWNER: &str = "chip.registered_for";
const CHIP_ACCOUNTS: &str = "chip.other_accounts";
const LAST: &str = "chip.last_use";
const PLACE: &str = "position.";

impl ProfileView {
    /// The facts that it consists of, in a fixed order: what an outcome records.
    #[must_use]
    pub fn evidence(&self) -> Vec<Evidence> {
        let Self { terminal, chip, places } = self;
        let mut facts = Vec::new();
        let mut add = |fact: &str, value: Option<String>| {
            facts.extend(value.map(|value| Evidence { fact: fact.to_owned(), value }));
        };
        let counted = |count: u32| (count > 0).then(|| count.to_string());
        add(LISTED, terminal.listed.map(|listed| listed.symbol().to_owned()));
        add(NAME, terminal.other_name.clone());
        add(COUNTRY, terminal.other_country.map(|country| country.symbol().to_owned()));
        add(POSITION, terminal.position.map(|position| position.to_string()));
        add(TERMINAL_ACCOUNTS, counted(terminal.other_accounts));
        let FraudCount { confirmed, judged } = terminal.fraud;
        add(FRAUD, (confirmed > 0).then(|| format!("{confirmed}/{judged}")));
        add(BLOCKED, chip.blocked.then(|| "blocked".to_owned()));
        add(OWNER, chip.of_another.then(|| "another account".to_owned()));
        add(CHIP_ACCOUNTS, counted(chip.other_accounts));
        add(LAST, chip.last.map(|last| last.to_string()));
        for (terminal, position) in places {
            add(&format!("{PLACE}{terminal:016x}"), Some(position.to_string()));
        }
        facts
    }

    /// Out of an outcome's evidence.
    ///
    /// # Errors
    /// A fact that is none, or its value; in words.
    pub fn of_evidence<'e>(facts: impl IntoIterator<Item = (&'e str, &'e str)>) -> Result<Self, String> {
        let mut view = Self::default();
        for (fact, value) in facts {
            view.take(fact, value)
                .ok_or_else(|| format!("evidence {fact:?} with the value {value:?} is not known here"))?;
        }
        view.places.sort_unstable();
        Ok(view)
    }

    fn take(&mut self, fact: &str, value: &str) -> Option<()> {
        let Self { terminal, chip, places } = self;
        match fact {
            LISTED => terminal.listed = Some(Listed::from_symbol(value)?),
            NAME => terminal.other_name = Some(value.to_owned()),
            COUNTRY => terminal.other_country = Some(CountryCode::from_symbol(value)?),
            POSITION => terminal.position = Some(Position::parse(value)?),
            TERMINAL_ACCOUNTS => terminal.other_accounts = value.parse().ok()?,
            FRAUD => {
                let (confirmed, judged) = value.split_once('/')?;
                terminal.fraud =
                    FraudCount { confirmed: confirmed.parse().ok()?, judged: judged.parse().ok()? };
            }
            BLOCKED => chip.blocked = value == "blocked",
            OWNER => chip.of_another = true,
            CHIP_ACCOUNTS => chip.other_accounts = value.parse().ok()?,
            LAST => chip.last = Some(LastUse::parse(value)?),
            _ => {
                let terminal = u64::from_str_radix(fact.strip_prefix(PLACE)?, 16).ok()?;
                places.push((terminal, Position::parse(value)?));
            }
        }
        Some(())
    }

    /// Where a terminal of this hash stands, if that is known.
    #[must_use]
    pub fn position_of(&self, terminal: u64) -> Option<Position> {
        let known = self.places.iter().find(|(hash, _)| *hash == terminal);
        known.map(|(_, position)| *position)
    }
}

impl LastUse {
    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.splitn(4, ' ');
        let time = Micros::parse_rfc3339(parts.next()?)?;
        let country = CountryCode::from_symbol(parts.next()?)?;
        let terminal = u64::from_str_radix(parts.next()?, 16).ok()?;
        let position = parts.next().map(Position::parse);
        Some(Self { time, country, terminal, position: position.map_or(Some(None), |at| at.map(Some))? })
    }
}

/// Time, country, terminal, and position where it is known.
impl fmt::Display for LastUse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {:016x}", self.time, self.country.symbol(), self.terminal)?;
        self.position.map_or(Ok(()), |position| write!(f, " {position}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn position() -> impl Strategy<Value = Position> {
        (-90_000_000..=90_000_000, -180_000_000..=180_000_000)
            .prop_map(|(latitude, longitude)| Position::new(latitude, longitude).expect("on earth"))
    }

    fn country() -> impl Strategy<Value = CountryCode> {
        prop::sample::select(CountryCode::ALL)
    }

    fn terminal() -> impl Strategy<Value = TerminalView> {
        let listed = prop::sample::select(Listed::ALL);
        let fraud = prop::option::of((1u32..9, 9u32..99));
        let (name, place) = (prop::option::of(".{1,9}"), prop::option::of(position()));
        (prop::option::of(listed), name, prop::option::of(country()), place, 0u32..9, fraud).prop_map(
            |(listed, other_name, other_country, position, other_accounts, fraud)| {
                let fraud = fraud.map(|(confirmed, judged)| FraudCount { confirmed, judged });
                let fraud = fraud.unwrap_or_default();
                TerminalView { listed, other_name, other_country, position, other_accounts, fraud }
            },
        )
    }

    fn chip() -> impl Strategy<Value = ChipView> {
        let last = (0..253_402_300_799_999_999_i64, country(), any::<u64>(), prop::option::of(position()));
        let last = last.prop_map(|(time, country, terminal, position)| {
            let time = Micros(time);
            LastUse { time, country, terminal, position }
        });
        (any::<bool>(), any::<bool>(), 0u32..9, prop::option::of(last)).prop_map(
            |(blocked, of_another, other_accounts, last)| ChipView {
                blocked,
                of_another,
                other_accounts,
                last,
            },
        )
    }

    proptest! {
        #[test]
        fn is_read_out_of_its_evidence_as_it_was(
            terminal in terminal(),
            chip in chip(),
            places in prop::collection::btree_map(any::<u64>(), position(), 0..3),
        ) {
            let view = ProfileView { terminal, chip, places: places.into_iter().collect() };
            let evidence = view.evidence();
            let facts = evidence.iter().map(|evidence| (&*evidence.fact, &*evidence.value));
            prop_assert_eq!(ProfileView::of_evidence(facts), Ok(view));
        }
    }

    #[test]
    fn what_is_not_known_leaves_no_evidence() {
        assert_eq!(ProfileView::default().evidence(), []);
        let fault = ProfileView::of_evidence([("terminal.colour", "red")]).expect_err("no such fact");
        assert!(fault.contains("terminal.colour"), "{fault}");
    }

    #[test]
    fn positions_are_of_this_earth() {
        let reads = |text: &str| Position::parse(text).map(|position| position.to_string());
        assert_eq!(reads("59.913868,-10.75").as_deref(), Some("59.913868,-10.750000"));
        assert_eq!(reads("-0.5,180").as_deref(), Some("-0.500000,180.000000"));
        for none in ["", "1", "91,0", "0,180.000001", "1.0000001,0", "1.,0", "+1,0", "1e1,0", "--1,0"] {
            assert_eq!(reads(none), None, "{none}");
        }
    }
}
