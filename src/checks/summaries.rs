//! What a code means in a sentence without figures: what a repeat says of the answer it gives again.

/// The sentence of a code; of one that no check has, a neutral one.
#[must_use]
pub fn summary(code: &str) -> &'static str {
    match code {
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
        "pos.correction" => "there is no event of which so much could be taken back",
        "pos.correction.unlinked" => "no event is found of which this is to be taken back",
        "pos.pending.granted" => "the step that was asked for is finished: the event is accepted",
        "pos.pending.refused" => "the step that was asked for is refused: nothing is booked",
        "pos.pending.expired" => "the step that was asked for was not finished in time: nothing is booked",
        "pos.pending.corrected" => "corrections have taken all of it back: nothing is booked",
        _ => "this cannot be charged to the account",
    }
}
