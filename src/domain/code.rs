//! Codes of messages: what a machine tells the reasons for an outcome by. A code never changes its meaning.

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

/// The code of a message, as a text of up to a few dozen characters. As small as a text on the heap, and for what the
/// catalogue has nothing is allocated: accounts keep the codes of their last answers.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Code(CodeText);

#[derive(Clone, PartialEq, Eq, Hash)]
enum CodeText {
    /// Place in [`BUILT_IN`].
    BuiltIn(u8),
    /// Of no check of this program: of a ruleset's own rule, or of another release.
    Own(Arc<str>),
}

/// The codes of the catalogue.
const BUILT_IN: &[&str] = &[
    "200.903",
    "200.912",
    "400.001",
    "400.002",
    "400.003",
    "400.004",
    "400.005",
    "400.007",
    "400.100",
    "400.102",
    "500",
    "pos.account.closed",
    "pos.account.default",
    "pos.account.dunning",
    "pos.account.flag",
    "pos.account.stopped",
    "pos.account.unknown",
    "pos.category.odd",
    "pos.correction",
    "pos.correction.unlinked",
    "pos.currency.account",
    "pos.currency.country",
    "pos.duplicate",
    "pos.fanout",
    "pos.first.amount",
    "pos.holds",
    "pos.idempotency.repeat",
    "pos.identity.ssn",
    "pos.item.gross",
    "pos.item.unit",
    "pos.items.none",
    "pos.language.obsolete",
    "pos.language.odd",
    "pos.nfc.blocked",
    "pos.nfc.missing",
    "pos.nfc.unknown",
    "pos.pending.corrected",
    "pos.pending.expired",
    "pos.pending.granted",
    "pos.pending.refused",
    "pos.sca",
    "pos.state.unavailable",
    "pos.tax.unchecked",
    "pos.terminal",
    "pos.terminal.country",
    "pos.terminal.fraud",
    "pos.terminal.name",
    "pos.time.late",
    "pos.total.tax",
    "pos.travel",
    "pos.velocity",
    "pos.withdrawal.cap",
];

impl Code {
    /// A code of the catalogue.
    ///
    /// # Panics
    /// There is none of this text; in a constant that is a fault of the build.
    #[must_use]
    pub const fn built_in(text: &str) -> Self {
        let mut place = 0;
        while place < BUILT_IN.len() {
            if alike(BUILT_IN[place].as_bytes(), text.as_bytes()) {
                return Self(CodeText::BuiltIn(place as u8));
            }
            place += 1;
        }
        panic!("no code of the catalogue");
    }

    /// The code of this text, whoever has it.
    #[must_use]
    pub fn of(text: &str) -> Self {
        match BUILT_IN.binary_search(&text) {
            Ok(place) => Self(CodeText::BuiltIn(place as u8)),
            Err(_) => Self(CodeText::Own(text.into())),
        }
    }

    /// Its text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match &self.0 {
            CodeText::BuiltIn(place) => BUILT_IN[usize::from(*place)],
            CodeText::Own(text) => text,
        }
    }

    /// Bytes on the heap.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        match &self.0 {
            CodeText::BuiltIn(_) => 0,
            CodeText::Own(text) => text.len(),
        }
    }
}

const fn alike(left: &[u8], right: &[u8]) -> bool {
    if left.len() != right.len() {
        return false;
    }
    let mut place = 0;
    while place < left.len() {
        if left[place] != right[place] {
            return false;
        }
        place += 1;
    }
    true
}

impl Ord for Code {
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_str().cmp(other.as_str())
    }
}

impl PartialOrd for Code {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.as_str())
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_text_is_one_code_however_it_was_come_by() {
        assert!(BUILT_IN.is_sorted_by(|a, b| a < b), "each once, in the order of texts");
        for text in BUILT_IN {
            assert_eq!(Code::of(text), Code::built_in(text));
            assert_eq!(Code::of(text).as_str(), *text);
            assert_eq!(Code::of(text).heap_bytes(), 0);
        }
        let own = Code::of("shop.own.rule");
        assert_eq!((own.as_str(), own.heap_bytes()), ("shop.own.rule", 13));
        assert_eq!(own, Code::of("shop.own.rule"));
        assert_eq!(size_of::<Code>(), size_of::<Box<str>>());
    }
}
