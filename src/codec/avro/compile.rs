//! Resolving a writer's type against a type of ours, as Avro's specification says, with three liberties: a decimal may
//! have any scale (values stay exact), a time any unit that the writer names, and a null where ours is required stands for
//! a field that is absent, which is answered as in JSON. Money and time without a logical type that says what they count
//! are refused: read at our own scale, 12.00 would be booked as 0.12.

use super::leaves::Leaf;
use super::plan::{Branch, Slot};
use super::schema::{Logical, Type, TypeUse, WriterSchema};
use crate::codec::fault::{FieldFault, Read};

impl<L: Leaf> Slot<L> {
    /// A field of ours against the writer's type.
    pub(in crate::codec) fn compile(schema: &WriterSchema, writer: &TypeUse) -> Read<Self> {
        match schema.kind(writer) {
            Type::Null => Ok(Self::Null),
            Type::Union(union) => Self::one_of(schema, union, Branch::Null),
            _ => L::compile(schema, writer).map(Self::Always),
        }
    }

    /// An item of a list of ours against the writer's type: it is never null.
    pub(in crate::codec) fn compile_item(schema: &WriterSchema, writer: &TypeUse) -> Read<Self> {
        match schema.kind(writer) {
            Type::Union(union) => {
                let null = Branch::Refused("null, which is no item of this list".into());
                Self::one_of(schema, union, null)
            }
            _ => L::compile(schema, writer).map(Self::Always),
        }
    }

    fn one_of(schema: &WriterSchema, union: &[TypeUse], null: Branch<L>) -> Read<Self> {
        let mut null = Some(null);
        let branch = |branch: &TypeUse| match schema.kind(branch) {
            // A union has it once.
            Type::Null => null.take().unwrap_or(Branch::Null),
            _ => match L::compile(schema, branch) {
                Ok(leaf) => Branch::Value(leaf),
                Err(fault) => Branch::Refused(fault.to_text().into()),
            },
        };
        let branches: Vec<_> = union.iter().map(branch).collect();
        match branches.as_slice() {
            // One type: its own reason says more.
            [Branch::Refused(reason)] => Err(FieldFault::unreadable(reason.to_string())),
            all if all.iter().all(|branch| matches!(branch, Branch::Refused(_))) => {
                Err(FieldFault::unreadable("no branch of the writer's union can be read as ours"))
            }
            _ => Ok(Self::OneOf(branches.into())),
        }
    }
}

/// The writer's type is none that ours can be read from.
#[cold]
pub(in crate::codec) fn mismatch(expected: &str, schema: &WriterSchema, writer: &TypeUse) -> Box<FieldFault> {
    let found = schema.kind(writer).name();
    let logical = match &writer.logical {
        Logical::None => String::new(),
        Logical::Decimal { scale } => format!(" with the logical type decimal of scale {scale}"),
        Logical::Timestamp(unit) => format!(" with the logical type {}", unit.name()),
        Logical::Other(name) => format!(" with the logical type {name:?}"),
        Logical::Invalid(reason) => format!(" with {reason}"),
    };
    FieldFault::unreadable(format!("expected {expected}, found {found}{logical} in the writer's schema"))
}

/// The writer's type could be read, if only it said what it counts.
#[cold]
pub(super) fn unlabelled(expected: &str, schema: &WriterSchema, writer: &TypeUse) -> Box<FieldFault> {
    let found = schema.kind(writer).name();
    FieldFault::unreadable(format!(
        "expected {expected}, found {found} without a logical type in the writer's schema"
    ))
}
