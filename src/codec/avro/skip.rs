//! Passing over values that the writer has and we do not. Bounded in depth and in steps, whatever the bytes say.

use super::datum::DatumReader;
use crate::codec::fault::{FieldFault, Read};

/// Depth to which a value that nobody asked for may nest (writer's schemas can be recursive).
const DEPTH_MAX: u32 = 100;

/// The shape of a value, as far as its length depends on it; other shapes by their place in the plan's list.
#[derive(Debug)]
pub enum Skip {
    /// So many bytes: null, boolean, float, double, fixed.
    Bytes(usize),
    /// int, long, enum.
    Varint,
    /// string, bytes.
    Prefixed,
    /// Blocks of items.
    Array(usize),
    /// Blocks of text and item.
    Map(usize),
    /// An index and that branch.
    Union(Box<[usize]>),
    /// One after the other.
    Record(Box<[usize]>),
}

/// Passes over one value of the shape at `place`.
pub(super) fn pass_over(place: usize, input: &mut DatumReader<'_, '_>) -> Read<()> {
    pass_over_within(place, input, 0)
}

fn pass_over_within(place: usize, input: &mut DatumReader<'_, '_>, depth: u32) -> Read<()> {
    input.step()?;
    if depth == DEPTH_MAX {
        return Err(FieldFault::unreadable(format!("nested more than {DEPTH_MAX} deep")));
    }
    let shapes = input.shapes;
    match shapes.get(place) {
        Some(Skip::Bytes(length)) => input.take(*length).map(drop),
        Some(Skip::Varint) => input.long().map(drop),
        Some(Skip::Prefixed) => input.prefixed().map(drop),
        Some(Skip::Array(item)) => blocks(input, |input| pass_over_within(*item, input, depth + 1)),
        Some(Skip::Map(value)) => blocks(input, |input| {
            input.prefixed()?;
            pass_over_within(*value, input, depth + 1)
        }),
        Some(Skip::Union(branches)) => {
            let index = input.size()?;
            match branches.get(index) {
                Some(branch) => pass_over_within(*branch, input, depth + 1),
                None => Err(no_branch(index)),
            }
        }
        Some(Skip::Record(fields)) => {
            fields.iter().try_for_each(|field| pass_over_within(*field, input, depth + 1))
        }
        None => Err(FieldFault::unreadable("a type that the schema does not define")),
    }
}

fn blocks<'a, 'p>(
    input: &mut DatumReader<'a, 'p>,
    mut item: impl FnMut(&mut DatumReader<'a, 'p>) -> Read<()>,
) -> Read<()> {
    loop {
        match input.block()? {
            (0, _) => return Ok(()),
            (_, Some(bytes)) => {
                input.step()?;
                input.take(bytes)?;
            }
            (count, None) => {
                for _ in 0..count {
                    item(input)?;
                }
            }
        }
    }
}

/// An index that the writer's union does not have.
#[cold]
pub(super) fn no_branch(index: usize) -> Box<FieldFault> {
    FieldFault::unreadable(format!("the writer's union has no branch {index}"))
}
