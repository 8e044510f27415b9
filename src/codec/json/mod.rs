//! The public contracts' JSON: events read and written, outcomes written.
//!
//! Numbers are exact decimals from token to token. Unknown members are passed over; a member we know
//! that comes twice is a fault, because two readers could take different ones.

mod account_event;
mod members;
mod outcome;
mod peek;
mod pos_event;
mod readable;
mod reader;
mod reply;
mod write;

pub use account_event::{read_account_event, write_account_event};
pub use members::Members;
pub use outcome::write_outcome;
pub use peek::{Peek, peek_account_event, peek_pos_event};
pub use pos_event::{read_pos_event, write_pos_event};
pub use readable::read_readable;
pub use reply::{ReadReply, read_reply, write_reply};

use super::fault::{Fault, Read};
use crate::domain::pos_event::Text;
use crate::domain::{Decimal, Field, Micros};
use reader::JsonReader;

/// Which of an object's known members were seen.
#[derive(Default)]
struct Seen(u32);

impl Seen {
    /// Notes the member with this number (below 32).
    ///
    /// # Errors
    /// Where it was noted before.
    fn note(&mut self, number: u32) -> Read<()> {
        let bit = 1 << number;
        if self.0 & bit != 0 {
            return Err(Fault::unreadable("this member comes twice"));
        }
        self.0 |= bit;
        Ok(())
    }
}

fn text<'a>(reader: &mut JsonReader<'a>) -> Read<Option<Text<'a>>> {
    if reader.null()? { Ok(None) } else { reader.string().map(Some) }
}

fn boolean(reader: &mut JsonReader<'_>) -> Read<Option<bool>> {
    if reader.null()? { Ok(None) } else { reader.boolean().map(Some) }
}

fn decimal<'a>(reader: &mut JsonReader<'a>) -> Read<Field<'a, Decimal>> {
    if reader.null()? {
        return Ok(Field::Absent);
    }
    let token = reader.number()?;
    Ok(Decimal::parse(token).map_or_else(|_| Field::Invalid(token.into()), Field::Value))
}

fn time<'a>(reader: &mut JsonReader<'a>) -> Read<Field<'a, Micros>> {
    Ok(match text(reader)? {
        None => Field::Absent,
        Some(text) => Micros::parse_rfc3339(&text).map_or(Field::Invalid(text), Field::Value),
    })
}

/// An enum's symbol; the contract's `Unrecognized` is none that a sender may use.
fn symbol<'a, T: Copy + PartialEq>(
    reader: &mut JsonReader<'a>,
    from_symbol: fn(&str) -> Option<T>,
    unrecognized: T,
) -> Read<Field<'a, T>> {
    Ok(match text(reader)? {
        None => Field::Absent,
        Some(text) => match from_symbol(&text) {
            Some(value) if value != unrecognized => Field::Value(value),
            _ => Field::Invalid(text),
        },
    })
}
