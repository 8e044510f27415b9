//! What a code means in a sentence without figures: what a repeat says of the answer it gives again.

use super::findings::{Effect, neutral};
use crate::domain::enums::{ActionCode, MessageType};

/// The sentence of a code; where the reason is withheld, and for a code that no check has, the neutral one that fits.
#[must_use]
pub fn summary(code: &str, kind: MessageType, action: ActionCode) -> &'static str {
    of_code(code).unwrap_or_else(|| {
        neutral(match (kind, action) {
            (MessageType::NotificationMessage, _) => Effect::Note,
            (_, ActionCode::Unavailable | ActionCode::OfferSecurePaymentMethods) => Effect::Reject,
            _ => Effect::Pending,
        })
    })
}

/// The sentence of a code that is told openly.
#[must_use]
pub fn of_code(code: &str) -> Option<&'static str> {
    Some(match code {
        "400.102" => "totalAmount is not the sum of the lines",
        "400.100" => "this accountTransactionId was used for another event",
        "pos.item.gross" => "grossAmount of a line is not unitPrice x quantity - discount",
        "pos.item.unit" => "net and tax of a line do not make its price",
        "pos.total.tax" => "totalTax is not the sum of the taxes",
        "pos.tax.unchecked" => "totalTax cannot be checked, because a line has no tax",
        "pos.items.none" => "the event has totals but no items to hold them against",
        "pos.category.odd" => "categoryType does not go with eventType",
        "pos.currency.country" => "the currency is not that of the country",
        "pos.currency.account" => "the currency is not that of the account",
        "pos.language.odd" => "conversationLanguage is unusual in the country",
        "pos.language.obsolete" => "conversationLanguage is obsolete",
        "pos.time.late" => "the event came late: the customer has to confirm it",
        "pos.duplicate" => "the same basket came from this terminal shortly before or after",
        "pos.account.unknown" => "the account is unknown",
        "pos.identity.ssn" => "the amount needs a known social security number",
        "pos.nfc.missing" => "a purchase or withdrawal at a terminal has no nfcId",
        "pos.terminal" => "the terminal is out of service, or not registered",
        "pos.terminal.name" => "the terminal had another name before",
        "pos.terminal.country" => "the terminal stands in another country than the event says",
        "pos.correction" => "there is no event of which so much could be taken back",
        "pos.correction.unlinked" => "no event is found of which this is to be taken back",
        "pos.pending.granted" => "the step that was asked for is finished: the event is accepted",
        "pos.pending.refused" => "the step that was asked for is refused: nothing is booked",
        "pos.pending.expired" => "the step that was asked for was not finished in time: nothing is booked",
        "pos.pending.corrected" => "corrections have taken all of it back: nothing is booked",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::Check;

    #[test]
    fn what_is_told_openly_has_a_sentence_and_what_is_withheld_has_none() {
        // Form faults are never remembered; 19 and 22 are the repeat itself and what is not kept.
        let kept = |check: &&Check| {
            let number = check.entry().number;
            (8..=200).contains(&number) && ![17, 19, 22].contains(&number)
        };
        for check in Check::ALL.iter().filter(kept) {
            for code in check.entry().codes {
                assert_eq!(of_code(code.as_str()).is_none(), check.withholds_reason(), "{code}");
            }
        }
    }
}
