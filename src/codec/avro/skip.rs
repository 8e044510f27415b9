//! Passing over values that the writer has and we do not. Bounded in depth and in steps, whatever the bytes say.

use super::input::Input;
use crate::codec::fault::{Fault, Read};

/// Depth to which a value that nobody asked for may nest (writer's schemas can be recursive).
const DEPTH_MAX: u32 = 100;

/// The shape of a value, as far as its length depends on it.
#[derive(Debug)]
pub(super) enum Skip {
    /// So many bytes: null, boolean, float, double, fixed.
    Bytes(usize),
    /// int, long, enum.
    Varint,
    /// string, bytes.
    Prefixed,
    /// Blocks of items.
    Array(Box<Skip>),
    /// Blocks of text and item.
    Map(Box<Skip>),
    /// An index and that branch.
    Union(Box<[Skip]>),
    /// One after the other.
    Record(Box<[Skip]>),
    /// A named type, by its place in the plan's list.
    Named(usize),
}

impl Skip {
    /// Passes over one value.
    pub(super) fn run(&self, input: &mut Input<'_, '_>) -> Read<()> {
        self.run_within(input, 0)
    }

    fn run_within(&self, input: &mut Input<'_, '_>, depth: u32) -> Read<()> {
        input.step()?;
        if depth == DEPTH_MAX {
            return Err(Fault::unreadable(format!("nested more than {DEPTH_MAX} deep")));
        }
        match self {
            Self::Bytes(length) => input.take(*length).map(drop),
            Self::Varint => input.long().map(drop),
            Self::Prefixed => input.prefixed().map(drop),
            Self::Array(item) => blocks(input, |input| item.run_within(input, depth + 1)),
            Self::Map(value) => blocks(input, |input| {
                input.prefixed()?;
                value.run_within(input, depth + 1)
            }),
            Self::Union(branches) => {
                let index = input.size()?;
                match branches.get(index) {
                    Some(branch) => branch.run_within(input, depth + 1),
                    None => Err(no_branch(index)),
                }
            }
            Self::Record(fields) => {
                for field in fields {
                    field.run_within(input, depth + 1)?;
                }
                Ok(())
            }
            Self::Named(place) => match input.named.get(*place) {
                Some(skip) => skip.run_within(input, depth + 1),
                None => Err(Fault::unreadable("a named type that the schema does not define")),
            },
        }
    }
}

fn blocks<'a, 'p>(
    input: &mut Input<'a, 'p>,
    mut item: impl FnMut(&mut Input<'a, 'p>) -> Read<()>,
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
pub(super) fn no_branch(index: usize) -> Box<Fault> {
    Fault::unreadable(format!("the writer's union has no branch {index}"))
}
