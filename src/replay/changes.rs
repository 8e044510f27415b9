//! Answers that changed: what is decided now beside what was recorded, by answer, code and amount, and the first ones by their
//! transactions. Every list is bounded, whatever recorded answers say.

use crate::codec::recorded;
use crate::domain::PartitionId;
use crate::domain::amount::{AMOUNT_SCALE, Amount};
use crate::domain::decimal::{Decimal, write_units};
use crate::domain::outcome::Outcome;
use serde::{Serialize, Serializer};
use std::collections::BTreeMap;
use std::fmt;

/// Changes that are told one by one; further ones are counted.
pub const CHANGES_TOLD: usize = 20;
/// Different codes, currencies or rulesets that are counted each by itself: recorded answers may say anything.
const NAMES_MAX: usize = 1_000;
/// Under which the rest is counted.
const OTHERS: &str = "(others)";

/// An answer, as far as it is compared.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Answer {
    /// In one word, such as Accepted.
    pub answer: String,
    /// The codes of its messages or reasons.
    pub codes: Vec<String>,
    /// The account, and the sender's id of the transaction or the request: by which answers to the same are found.
    #[serde(skip)]
    pub of: (String, String),
    /// What was booked, with its currency.
    #[serde(skip)]
    pub booked: Option<(String, Amount)>,
    /// The ruleset that gave it.
    #[serde(skip)]
    pub ruleset: String,
}

impl Answer {
    /// An outcome.
    #[must_use]
    pub fn of(outcome: &Outcome<'_>) -> Self {
        let currency = outcome.currency.unwrap_or_default().to_owned();
        Self {
            answer: outcome.verdict.symbol().to_owned(),
            codes: outcome.messages.iter().map(|message| message.code.as_str().to_owned()).collect(),
            of: (
                outcome.account_number.clone().into_owned(),
                outcome.account_transaction_id.as_deref().unwrap_or_default().to_owned(),
            ),
            booked: outcome.posted_amount.map(|amount| (currency, amount)),
            ruleset: outcome.ruleset.to_owned(),
        }
    }

    /// A recorded outcome, in JSON or Avro; none where it cannot be read.
    #[must_use]
    pub fn read(value: &[u8]) -> Option<Self> {
        let (mut answer, mut currency, mut posted) = (Self::default(), String::new(), None);
        for (path, value) in recorded::fields(value).ok()? {
            let text = || serde_json::from_str::<Option<String>>(&value).ok().flatten().unwrap_or_default();
            match path.as_str() {
                "accountNumber" => answer.of.0 = text(),
                "accountTransactionId" => answer.of.1 = text(),
                "outcome" => answer.answer = text(),
                "currency" => currency = text(),
                "ruleset" => answer.ruleset = text(),
                "postedAmount" => posted = Decimal::parse(&value).ok().and_then(Amount::from_decimal),
                path if path.starts_with("riskCheckMessages[") && path.ends_with("].code") => {
                    answer.codes.push(text());
                }
                _ => {}
            }
        }
        answer.booked = posted.map(|amount| (currency, amount));
        (!answer.answer.is_empty()).then_some(answer)
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.answer)?;
        if self.codes.is_empty() { Ok(()) } else { write!(f, " ({})", self.codes.join(", ")) }
    }
}

/// An exact sum of amounts: so many of them that it overflows cannot be counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sum(i128);

impl fmt::Display for Sum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_units(f, self.0, AMOUNT_SCALE)
    }
}

/// As text, since most parsers of JSON round numbers.
impl Serialize for Sum {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// What was booked in one currency.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Booked {
    /// By the recorded answers.
    pub recorded: Sum,
    /// By those of now.
    pub now: Sum,
}

/// Answers that went from one to another.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Moved {
    /// How many.
    pub count: u64,
    /// What they booked, by currency.
    pub booked: BTreeMap<String, Booked>,
}

/// How often a code was there on one side alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct CodeMoves {
    /// It was recorded, and is gone.
    pub gone: u64,
    /// It is new.
    pub new: u64,
}

/// One change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Change {
    /// The place of the record among those that were counted together.
    #[serde(skip)]
    pub place: usize,
    /// Topic of the input record.
    pub topic: String,
    /// Its partition.
    pub partition: PartitionId,
    /// Its offset.
    pub offset: i64,
    /// The sender's id of the transaction, or the request's.
    pub transaction: String,
    /// As it was recorded; none: nothing was.
    pub recorded: Option<Answer>,
    /// As it is now; none: there is none any more.
    pub now: Option<Answer>,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}/{} {}: ", self.topic, self.partition, self.offset, self.transaction)?;
        let side = |answer: &Option<Answer>| answer.as_ref().map_or(NONE.to_owned(), ToString::to_string);
        write!(f, "{} -> {}", side(&self.recorded), side(&self.now))
    }
}

/// Where there is no answer.
const NONE: &str = "nothing";

/// Answers of now beside recorded ones.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Changes {
    /// The same bytes.
    pub identical: u64,
    /// The same answer and codes; the bytes differ, be it in a balance or the ruleset.
    pub alike: u64,
    /// Recorded answers that cannot be read.
    pub unreadable: u64,
    /// How many answers changed.
    pub changed: u64,
    /// From what to what.
    #[serde(rename = "changes", serialize_with = "as_list")]
    pub moved: BTreeMap<[String; 2], Moved>,
    /// Codes of those.
    pub codes: BTreeMap<String, CodeMoves>,
    /// How many answers each recorded ruleset gave, but for the identical ones.
    pub recorded_rulesets: BTreeMap<String, u64>,
    /// The first changes.
    pub first: Vec<Change>,
}

/// As a list, since what went to what has two names.
fn as_list<S: Serializer>(moved: &BTreeMap<[String; 2], Moved>, serializer: S) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct ChangeRow<'a> {
        recorded: &'a str,
        now: &'a str,
        #[serde(flatten)]
        moved: &'a Moved,
    }
    serializer.collect_seq(moved.iter().map(|([recorded, now], moved)| ChangeRow { recorded, now, moved }))
}

/// What is counted under a name; under that of all others where there are too many.
fn at<'m, T: Default>(names: &'m mut BTreeMap<String, T>, name: &str) -> &'m mut T {
    let is_full = names.len() >= NAMES_MAX && !names.contains_key(name);
    names.entry(if is_full { OTHERS } else { name }.to_owned()).or_default()
}

impl Changes {
    /// Counts an answer to the record at `(topic, partition, offset)`, of which at least one side is there.
    pub fn count(
        &mut self,
        place: usize,
        (topic, partition, offset): (&str, PartitionId, i64),
        recorded: Option<Answer>,
        now: Option<Answer>,
    ) {
        if let Some(recorded) = &recorded {
            *at(&mut self.recorded_rulesets, &recorded.ruleset) += 1;
        }
        if let (Some(recorded), Some(now)) = (&recorded, &now)
            && (&recorded.answer, &recorded.codes) == (&now.answer, &now.codes)
        {
            self.alike += 1;
            return;
        }
        self.count_change([&recorded, &now].map(Option::as_ref));
        if self.first.len() < CHANGES_TOLD {
            let either = now.as_ref().or(recorded.as_ref());
            let transaction = either.map(|answer| answer.of.1.clone()).unwrap_or_default();
            let topic = topic.to_owned();
            self.first.push(Change { place, topic, partition, offset, transaction, recorded, now });
        }
    }

    fn count_change(&mut self, sides: [Option<&Answer>; 2]) {
        self.changed += 1;
        let key = sides.map(|side| side.map_or(NONE, |answer| &answer.answer).to_owned());
        let moved = self.moved_of(key);
        moved.count += 1;
        for (side, answer) in sides.into_iter().enumerate() {
            let Some((currency, amount)) = answer.and_then(|answer| answer.booked.as_ref()) else { continue };
            let booked = at(&mut moved.booked, currency);
            let sum = if side == 0 { &mut booked.recorded } else { &mut booked.now };
            sum.0 += i128::from(amount.ten_thousandths());
        }
        let codes = sides.map(|side| side.map_or(&[][..], |answer| &answer.codes));
        for code in codes[0].iter().filter(|code| !codes[1].contains(code)) {
            at(&mut self.codes, code).gone += 1;
        }
        for code in codes[1].iter().filter(|code| !codes[0].contains(code)) {
            at(&mut self.codes, code).new += 1;
        }
    }

    fn moved_of(&mut self, key: [String; 2]) -> &mut Moved {
        let is_full = self.moved.len() >= NAMES_MAX && !self.moved.contains_key(&key);
        self.moved.entry(if is_full { [OTHERS; 2].map(str::to_owned) } else { key }).or_default()
    }

    /// Adds what another part counted. What is told of the first changes stays as it is.
    pub fn add(&mut self, other: &Self) {
        self.identical += other.identical;
        self.alike += other.alike;
        self.unreadable += other.unreadable;
        self.changed += other.changed;
        for (key, theirs) in &other.moved {
            let mine = self.moved_of(key.clone());
            mine.count += theirs.count;
            for (currency, booked) in &theirs.booked {
                let sum = at(&mut mine.booked, currency);
                sum.recorded.0 += booked.recorded.0;
                sum.now.0 += booked.now.0;
            }
        }
        for (code, theirs) in &other.codes {
            let mine = at(&mut self.codes, code);
            mine.gone += theirs.gone;
            mine.new += theirs.new;
        }
        for (ruleset, count) in &other.recorded_rulesets {
            *at(&mut self.recorded_rulesets, ruleset) += count;
        }
    }

    /// Tells these changes behind those that are told, as far as there is room.
    pub fn tell(&mut self, mut next: Vec<Change>) {
        next.sort_by_key(|change| change.place);
        let room = CHANGES_TOLD.saturating_sub(self.first.len());
        self.first.extend(next.into_iter().take(room));
    }
}

impl fmt::Display for Changes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "beside what was recorded")?;
        writeln!(f, "  {:<26}{:>12}", "identical", self.identical)?;
        if self.alike > 0 {
            writeln!(f, "  {:<26}{:>12}", "same answer, other bytes", self.alike)?;
        }
        if self.unreadable > 0 {
            writeln!(f, "  {:<26}{:>12}", "cannot be read", self.unreadable)?;
        }
        writeln!(f, "  {:<26}{:>12}", "changed", self.changed)?;
        for ([recorded, now], moved) in &self.moved {
            writeln!(f, "  {:<26}{:>12}", format!("{recorded} -> {now}"), moved.count)?;
            for (currency, Booked { recorded, now }) in &moved.booked {
                writeln!(f, "    booked {currency} {recorded} -> {now}")?;
            }
        }
        for (code, CodeMoves { gone, new }) in &self.codes {
            writeln!(f, "  {code:<26}{:>12}", format!("-{gone} +{new}"))?;
        }
        if self.changed > 0 {
            let told = self.first.len();
            writeln!(f, "the first {told} of {} changes", self.changed)?;
        }
        self.first.iter().try_for_each(|change| writeln!(f, "  {change}"))?;
        for (ruleset, count) in &self.recorded_rulesets {
            writeln!(f, "recorded by ruleset {ruleset}: {count} of these outcomes that are not identical")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(offset: i64) -> (&'static str, PartitionId, i64) {
        ("pos.events", PartitionId::new(0), offset)
    }

    fn answer(answer: &str, codes: &[&str], booked: Option<i64>) -> Answer {
        Answer {
            answer: answer.to_owned(),
            codes: codes.iter().map(|code| (*code).to_owned()).collect(),
            of: ("A-1".to_owned(), "T-1".to_owned()),
            booked: booked.and_then(Amount::new).map(|amount| ("EUR".to_owned(), amount)),
            ruleset: "r".to_owned(),
        }
    }

    #[test]
    fn counts_what_changed_by_answer_and_code_and_sums_what_is_booked_exactly() {
        let (mut one, mut other) = (Changes::default(), Changes::default());
        let largest = Amount::MAX.ten_thousandths();
        let pending = answer("Pending", &["pos.first.amount", "pos.items.none"], None);
        for changes in [&mut one, &mut other] {
            let accepted = answer("Accepted", &["pos.items.none"], Some(largest));
            changes.count(1, at(7), Some(pending.clone()), Some(accepted));
            changes.count(0, at(6), None, Some(answer("Rejected", &[], None)));
            changes.count(2, at(8), Some(pending.clone()), Some(pending.clone()));
        }
        let first = std::mem::take(&mut other.first);
        one.add(&other);
        one.tell(first);
        assert_eq!((one.alike, one.changed), (2, 4));
        let told = one.to_string();
        for line in [
            "  nothing -> Rejected                  2\n",
            "  Pending -> Accepted                  2\n    booked EUR 0.00 -> 199999999999999.9998\n",
            "  pos.first.amount                 -2 +0\n",
            "  pos.events 0/6 T-1: nothing -> Rejected\n",
            "  pos.events 0/7 T-1: Pending (pos.first.amount, pos.items.none) -> Accepted (pos.items.none)\n",
        ] {
            assert!(told.contains(line), "{told}");
        }
        assert!(!told.contains("  pos.items.none "), "it is there on both sides: {told}");
    }

    #[test]
    fn holds_no_more_than_its_bounds_whatever_recorded_answers_say() {
        let mut changes = Changes::default();
        for number in 0..3 * NAMES_MAX {
            let name = number.to_string();
            let recorded = Answer { ruleset: name.clone(), ..answer(&name, &[&name], None) };
            changes.count(number, at(0), Some(recorded), None);
        }
        assert_eq!(changes.first.len(), CHANGES_TOLD);
        assert_eq!(changes.changed, 3 * NAMES_MAX as u64);
        assert!(changes.codes.len() <= NAMES_MAX + 1 && changes.recorded_rulesets.len() <= NAMES_MAX + 1);
        assert!(changes.moved.len() <= NAMES_MAX + 1);
    }
}
