//! The messages of versions 1 and 2, which kept a check's number and the place of the code among its codes. Nothing is
//! added here: what is written today names the code.

use crate::domain::code::Code;

/// Numbers and codes of the checks there were.
const CHECKS: &[(u8, &[&str])] = &[
    (1, &["400.001"]),
    (2, &["400.002"]),
    (3, &["400.004"]),
    (4, &["400.005", "400.003"]),
    (5, &["400.007", "400.003"]),
    (6, &["400.003"]),
    (7, &["400.003"]),
    (8, &["pos.item.gross"]),
    (9, &["pos.item.unit"]),
    (10, &["400.102"]),
    (11, &["pos.total.tax"]),
    (12, &["pos.items.none"]),
    (13, &["pos.category.odd"]),
    (14, &["pos.currency.country"]),
    (15, &["pos.currency.account"]),
    (16, &["pos.language.odd", "pos.language.obsolete"]),
    (17, &["400.003"]),
    (18, &["pos.time.late"]),
    (19, &["pos.idempotency.repeat"]),
    (20, &["400.100"]),
    (21, &["pos.duplicate"]),
    (22, &["pos.state.unavailable"]),
    (23, &["pos.account.unknown"]),
    (24, &["pos.account.stopped"]),
    (25, &["pos.account.dunning"]),
    (26, &["pos.account.closed"]),
    (27, &["pos.account.default"]),
    (28, &["pos.account.flag"]),
    (29, &["200.903"]),
    (30, &["200.912"]),
    (31, &["pos.first.amount"]),
    (32, &["pos.holds"]),
    (33, &["pos.identity.ssn"]),
    (41, &["pos.velocity"]),
    (42, &["pos.withdrawal.cap"]),
    (44, &["pos.correction"]),
    (200, &["pos.pending.granted", "pos.pending.refused", "pos.pending.expired"]),
    (201, &["500"]),
];

/// The code at this place of the check of this number.
pub(super) fn code(check: u8, place: u8) -> Option<Code> {
    let (_, codes) = CHECKS.iter().find(|(number, _)| *number == check)?;
    codes.get(usize::from(place)).copied().map(Code::of)
}
