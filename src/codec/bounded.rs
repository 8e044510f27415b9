//! An outcome's value within what its topic surely takes.

use crate::domain::limits;
use crate::domain::outcome::Outcome;

/// Appends to `out` what `write` makes of the outcome; of a [shortened](Outcome::shorten) one where that is larger than
/// [`limits::OUTCOME_BYTES_MAX`].
pub fn write_bounded(outcome: &Outcome<'_>, out: &mut Vec<u8>, write: impl Fn(&Outcome<'_>, &mut Vec<u8>)) {
    let start = out.len();
    write(outcome, out);
    if out.len() - start > limits::OUTCOME_BYTES_MAX {
        out.truncate(start);
        let mut outcome = outcome.clone();
        outcome.shorten();
        write(&outcome, out);
    }
}
