//! A contact request: may we contact this person now, this way, about this?

use super::{Day, RecordFault, check_id, check_length, check_text, or_default, read};
use crate::domain::{Micros, limits};
use serde::{Deserialize, Serialize};

/// A question.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ContactRequest {
    /// The decision says it again.
    pub request_id: String,
    /// The person.
    pub person_id: String,
    /// What it is about.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "Vec::is_empty")]
    pub loan_ids: Vec<String>,
    /// How the person is to be contacted, a symbol of the contract.
    pub channel: String,
    /// Of the message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub theme: Option<String>,
    /// When.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_at: Option<Micros>,
    /// When, where only the day is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_date: Option<Day>,
    /// Whether a machine dials, or a recording speaks.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "std::ops::Not::not")]
    pub is_autodialed: bool,
    /// By which of the person's contacts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contact_id: Option<String>,
    /// The same by the lender's own id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contact_external_id: Option<String>,
    /// The contact itself, in place of an id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contact_details: Option<ContactDetails>,
}

/// What to reach a person by.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ContactDetails {
    /// `phone`, `email` or `address`.
    pub kind: String,
    /// The number or the address.
    pub value: String,
}

impl ContactRequest {
    /// Out of the value of a record.
    ///
    /// # Errors
    /// It cannot be used: why.
    pub fn read(value: &[u8]) -> Result<Self, RecordFault> {
        let read: Self = read(value)?;
        read.check()?;
        Ok(read)
    }

    /// When it counts as asked where it is a line of a file: as the contact is to begin, of a day at its start in UTC.
    #[must_use]
    pub fn time_of_line(&self) -> Option<Micros> {
        let of_day = |Day(date): Day| {
            let midnight = date.at(0, 0, 0, 0).to_zoned(jiff::tz::TimeZone::UTC).ok()?;
            Some(Micros(midnight.timestamp().as_microsecond()))
        };
        self.start_at.or_else(|| self.start_date.and_then(of_day))
    }

    fn check(&self) -> Result<(), RecordFault> {
        check_id("requestId", &self.request_id)?;
        check_id("personId", &self.person_id)?;
        check_length("loanIds", self.loan_ids.len(), limits::LOANS_MAX, "ids")?;
        self.loan_ids.iter().try_for_each(|id| check_id("loanIds", id))?;
        for (field, id) in [("contactId", &self.contact_id), ("contactExternalId", &self.contact_external_id)]
        {
            id.as_deref().map_or(Ok(()), |id| check_id(field, id))?;
        }
        let details = self.contact_details.as_ref();
        for (field, text) in [
            ("channel", Some(&self.channel)),
            ("subject", self.subject.as_ref()),
            ("theme", self.theme.as_ref()),
            ("contactDetails.kind", details.map(|details| &details.kind)),
        ] {
            check_text(field, text.map(String::as_str))?;
        }
        // Such as becomes a contact that is remembered.
        details.map_or(Ok(()), |details| check_id("contactDetails.value", &details.value))
    }
}
