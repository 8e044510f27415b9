//! What the person agreed to, contact by contact.

use super::question::{ContactMeans, Question};
use super::reason;
use crate::contact::decision::Reason;
use crate::contact::party::is_same;
use crate::contact::records::ContactDetails;
use crate::contact::words::Channel;

pub const AUTODIALED: &str = "contact.consent.autodialed";
pub const ELECTRONIC: &str = "contact.consent.electronic";

/// What a contact refuses, under whatever id the same number or address stands in the party record. One that a request brought along has agreed to nothing.
pub fn judge(question: &Question<'_>, reasons: &mut Vec<Reason>) {
    let channel = question.channel;
    let (agreed, opted_out) = match question.contact {
        ContactMeans::Listed(contact) => {
            let details = ContactDetails { kind: contact.kind.clone(), value: contact.value.clone() };
            let same = || {
                let all = question.record().into_iter().flat_map(|record| &record.contacts);
                all.filter(|other| is_same((&other.kind, &other.value), &details))
            };
            // "all", and what is no channel, is every one.
            let is_out = |word: &String| Channel::from_symbol(word).is_none_or(|out| out == channel);
            let agreed = same().all(|contact| contact.consent_autodialed_call);
            (agreed, same().any(|contact| contact.opted_out.iter().any(is_out)))
        }
        ContactMeans::Found(_) => (false, true),
    };
    if channel == Channel::Voice && question.is_autodialed && !agreed {
        reasons.push(reason(
            AUTODIALED,
            "there is no consent to autodialed or prerecorded calls to this number",
        ));
    }
    if Channel::ELECTRONIC.contains(&channel) && opted_out {
        let why = match question.contact {
            ContactMeans::Listed(_) => format!("the contact has opted out of {channel}"),
            ContactMeans::Found(_) => {
                format!("the contact is new: nothing is known of a consent to {channel}")
            }
        };
        reasons.push(reason(ELECTRONIC, why));
    }
}
