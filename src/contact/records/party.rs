//! What is known of a person: the party record, and facts of accounts.

use super::{Day, RecordFault, check_id, check_length, or_default, read};
use crate::contact::words::Statuses;
use crate::domain::limits;
use serde::{Deserialize, Serialize};

/// What is known of a person. A later record takes the place of an earlier one whole.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PartyRecord {
    /// The person.
    pub party_id: String,
    /// By whose policy: `US`, `US-NY`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jurisdiction: Option<String>,
    /// Zones where the person may be.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "Vec::is_empty")]
    pub time_zones: Vec<String>,
    /// Places where the person may be: `US-TX`.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "Vec::is_empty")]
    pub places: Vec<String>,
    /// By what the person is reached.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "Vec::is_empty")]
    pub contacts: Vec<Contact>,
    /// Loans, with and without an account here.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "Vec::is_empty")]
    pub loans: Vec<Loan>,
    /// What speaks against contacts.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "Vec::is_empty")]
    pub cases: Vec<Case>,
    /// When contacts are inconvenient.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "Vec::is_empty")]
    pub inconvenient_times: Vec<InconvenientTime>,
    /// Where they are.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "Vec::is_empty")]
    pub inconvenient_places: Vec<String>,
}

/// A telephone number or an address.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Contact {
    /// Its id.
    pub contact_id: String,
    /// The lender's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_id: Option<String>,
    /// `phone`, `email` or `address`.
    pub kind: String,
    /// The number or the address.
    pub value: String,
    /// `home`, `work`, or a word of the person's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
    /// Zones where the person may be who is reached by it.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "Vec::is_empty")]
    pub time_zones: Vec<String>,
    /// Whether the person agreed to autodialed and prerecorded calls.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "std::ops::Not::not")]
    pub consent_autodialed_call: bool,
    /// Electronic channels that the person does not want any more.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "Vec::is_empty")]
    pub opted_out: Vec<String>,
}

/// A loan.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Loan {
    /// The account number, or another id.
    pub loan_id: String,
    /// The lender's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_id: Option<String>,
    /// What it is, besides what account events tell.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "Vec::is_empty")]
    pub statuses: Vec<String>,
}

/// What speaks against contacts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Case {
    /// Its id.
    pub case_id: String,
    /// A symbol of [`crate::contact::CaseKind`].
    pub kind: String,
    /// The first day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Day>,
    /// The last day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Day>,
    /// Channels that it refuses.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "Vec::is_empty")]
    pub channels: Vec<String>,
    /// Themes that it refuses.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "Vec::is_empty")]
    pub themes: Vec<String>,
    /// What it is about; none: everything.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "Vec::is_empty")]
    pub loan_ids: Vec<String>,
}

/// When contacts are inconvenient, in the person's local time.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct InconvenientTime {
    /// `mon` to `sun`; none: every day.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "Vec::is_empty")]
    pub days: Vec<String>,
    /// `HH:MM` or `HH:MM:SS`, within.
    pub from: String,
    /// The same, not within; `24:00` is the day's end.
    pub to: String,
}

/// Days of the week, from Monday on.
pub const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

impl InconvenientTime {
    /// Seconds of the day of a time as it is written; none where it is none.
    #[must_use]
    pub fn seconds(text: &str) -> Option<u32> {
        let mut parts = text.split(':');
        let mut next = || -> Option<u32> {
            let part = parts.next()?;
            (part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit())).then(|| part.parse().ok())?
        };
        let (hour, minute, second) = (next()?, next()?, next());
        let is_long = text.len() == 8 && second.is_some();
        let second = second.unwrap_or(0);
        let is_form = (text.len() == 5 || is_long) && minute < 60 && second < 60;
        let seconds = hour * 3_600 + minute * 60 + second;
        (is_form && seconds <= 86_400).then_some(seconds)
    }
}

impl PartyRecord {
    /// Out of the value of a record.
    ///
    /// # Errors
    /// It cannot be used: why.
    pub fn read(value: &[u8]) -> Result<Self, RecordFault> {
        check_length("the record", value.len(), limits::PARTY_RECORD_BYTES_MAX, "bytes")?;
        let mut read: Self = read(value)?;
        read.check()?;
        read.shrink();
        Ok(read)
    }

    /// Gives up what lists have room for: a million of these are in memory, and a list that grows has room for four.
    pub fn shrink(&mut self) {
        self.time_zones.shrink_to_fit();
        self.places.shrink_to_fit();
        self.contacts.shrink_to_fit();
        self.loans.shrink_to_fit();
        self.cases.shrink_to_fit();
        self.inconvenient_times.shrink_to_fit();
        self.inconvenient_places.shrink_to_fit();
    }

    fn check(&self) -> Result<(), RecordFault> {
        check_id("partyId", &self.party_id)?;
        for (field, length) in [
            ("contacts", self.contacts.len()),
            ("loans", self.loans.len()),
            ("cases", self.cases.len()),
            ("inconvenientTimes", self.inconvenient_times.len()),
        ] {
            check_length(field, length, limits::PARTY_LIST_MAX, "entries")?;
        }
        for (field, words) in self.words() {
            check_length(field, words.len(), limits::PARTY_WORDS_MAX, "entries")?;
            words.iter().try_for_each(|word| check_short(field, Some(word)))?;
        }
        let ids = self.contacts.iter().map(|contact| ("contacts.contactId", &contact.contact_id));
        let ids = ids.chain(self.loans.iter().map(|loan| ("loans.loanId", &loan.loan_id)));
        let mut ids = ids.chain(self.cases.iter().map(|case| ("cases.caseId", &case.case_id)));
        ids.try_for_each(|(field, id)| check_id(field, id))?;
        check_short("jurisdiction", self.jurisdiction.as_deref())?;
        for contact in &self.contacts {
            check_short("contacts.externalId", contact.external_id.as_deref())?;
            check_short("contacts.kind", Some(&contact.kind))?;
            check_short("contacts.place", contact.place.as_deref())?;
        }
        self.loans
            .iter()
            .try_for_each(|loan| check_short("loans.externalId", loan.external_id.as_deref()))?;
        self.cases.iter().try_for_each(|case| check_short("cases.kind", Some(&case.kind)))?;
        for time in &self.inconvenient_times {
            for (field, text) in [("inconvenientTimes.from", &time.from), ("inconvenientTimes.to", &time.to)]
            {
                if InconvenientTime::seconds(text).is_none() {
                    return Err(RecordFault::of_form(field, "a time is written 09:30 or 09:30:00"));
                }
            }
            if !time.days.iter().all(|day| DAYS.contains(&day.as_str())) {
                return Err(RecordFault::of_form("inconvenientTimes.days", "a day is one of mon to sun"));
            }
        }
        Ok(())
    }

    /// The lists of words in it, with their names.
    fn words(&self) -> impl Iterator<Item = (&'static str, &[String])> {
        let own = [
            ("timeZones", &*self.time_zones),
            ("places", &*self.places),
            ("inconvenientPlaces", &*self.inconvenient_places),
        ];
        let of_contacts = self.contacts.iter().flat_map(|contact| {
            [("contacts.timeZones", &*contact.time_zones), ("contacts.optedOut", &*contact.opted_out)]
        });
        let of_loans = self.loans.iter().map(|loan| ("loans.statuses", &*loan.statuses));
        let of_cases = self.cases.iter().flat_map(|case| {
            [
                ("cases.channels", &*case.channels),
                ("cases.themes", &*case.themes),
                ("cases.loanIds", &*case.loan_ids),
            ]
        });
        let of_times = self.inconvenient_times.iter().map(|time| ("inconvenientTimes.days", &*time.days));
        own.into_iter().chain(of_contacts).chain(of_loans).chain(of_cases).chain(of_times)
    }
}

/// That a text is no longer than an id may be.
fn check_short(field: &str, text: Option<&str>) -> Result<(), RecordFault> {
    check_length(field, text.map_or(0, |text| text.chars().count()), limits::ID_CHARS_MAX, "characters")
}

/// A fact of an account of a person, as the flow of POS events tells it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PartyFact {
    /// The person.
    pub party_id: String,
    /// The account.
    pub account: String,
    /// What it is: symbols of [`crate::contact::Status`].
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "Vec::is_empty")]
    pub statuses: Vec<String>,
    /// Whether it is another person's from now on.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "std::ops::Not::not")]
    pub withdrawn: bool,
}

impl PartyFact {
    /// Out of the value of a record.
    ///
    /// # Errors
    /// It cannot be used: why.
    pub fn read(value: &[u8]) -> Result<Self, RecordFault> {
        let read: Self = read(value)?;
        check_id("partyId", &read.party_id)?;
        check_id("account", &read.account)?;
        Ok(read)
    }

    /// What the account is.
    #[must_use]
    pub fn statuses(&self) -> Statuses {
        Statuses::of(self.statuses.iter().map(String::as_str))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_the_day_are_read_in_two_spellings() {
        for (text, seconds) in [
            ("00:00", Some(0)),
            ("09:30", Some(34_200)),
            ("09:30:15", Some(34_215)),
            ("24:00", Some(86_400)),
            ("24:01", None),
            ("9:30", None),
            ("09:60", None),
            ("09:30:1", None),
            ("09:30:15:00", None),
            ("", None),
        ] {
            assert_eq!(InconvenientTime::seconds(text), seconds, "{text}");
        }
    }
}
