//! Resolving a writer's type against a type of ours, as Avro's specification says, with three liberties: a decimal may
//! have any scale (values stay exact), a time any unit that the writer names, and a null where ours is required stands for
//! a field that is absent, which is answered as in JSON. Money and time without a logical type that says what they count
//! are refused: read at our own scale, 12.00 would be booked as 0.12.

use super::leaves::{BooleanLeaf, ChipsLeaf, DecimalLeaf, LongLeaf, SymbolLeaf, TextLeaf, TimeLeaf};
use super::plan::{Branch, Fields, Leaf, RecordPlan, Slot};
use super::schema::{Logical, Type, Use, WriterSchema};
use crate::codec::fault::{Fault, Read};
use crate::domain::visible::excerpt;

/// A field of ours against the writer's type.
pub(super) fn slot<L: Leaf>(
    schema: &WriterSchema,
    writer: &Use,
    leaf: impl Fn(&WriterSchema, &Use) -> Read<L>,
) -> Read<Slot<L>> {
    match schema.kind(writer) {
        Type::Null => Ok(Slot::Null),
        Type::Union(_) => one_of(schema, writer, Branch::Null, leaf),
        _ => leaf(schema, writer).map(Slot::Always),
    }
}

/// An item of a list of ours against the writer's type: it is never null.
pub(super) fn element<L: Leaf>(
    schema: &WriterSchema,
    writer: &Use,
    leaf: impl Fn(&WriterSchema, &Use) -> Read<L>,
) -> Read<Slot<L>> {
    match schema.kind(writer) {
        Type::Union(_) => {
            one_of(schema, writer, Branch::Refused("null, which is no item of this list".into()), leaf)
        }
        _ => leaf(schema, writer).map(Slot::Always),
    }
}

fn one_of<L: Leaf>(
    schema: &WriterSchema,
    writer: &Use,
    null: Branch<L>,
    leaf: impl Fn(&WriterSchema, &Use) -> Read<L>,
) -> Read<Slot<L>> {
    let Type::Union(union) = schema.kind(writer) else { return Err(mismatch("a union", schema, writer)) };
    let mut null = Some(null);
    let branch = |branch: &Use| match schema.kind(branch) {
        // A union has it once.
        Type::Null => null.take().unwrap_or(Branch::Null),
        _ => match leaf(schema, branch) {
            Ok(leaf) => Branch::Value(leaf),
            Err(fault) => Branch::Refused(fault.to_text().into()),
        },
    };
    let branches: Vec<_> = union.iter().map(branch).collect();
    match branches.as_slice() {
        // One type: its own reason says more.
        [Branch::Refused(reason)] => Err(Fault::unreadable(reason.to_string())),
        all if all.iter().all(|branch| matches!(branch, Branch::Refused(_))) => {
            Err(Fault::unreadable("no branch of the writer's union can be read as ours"))
        }
        _ => Ok(Slot::OneOf(branches.into())),
    }
}

/// Text from string, or from bytes that mean nothing else.
pub(super) fn text(schema: &WriterSchema, writer: &Use) -> Read<TextLeaf> {
    match (schema.kind(writer), &writer.logical) {
        (Type::String, _) | (Type::Bytes, Logical::None) => Ok(TextLeaf),
        _ => Err(mismatch("a string", schema, writer)),
    }
}

/// A decimal from bytes or fixed.
pub(super) fn decimal(schema: &WriterSchema, writer: &Use) -> Read<DecimalLeaf> {
    let fixed = match schema.kind(writer) {
        Type::Bytes => None,
        Type::Fixed(size) => Some(*size),
        _ => return Err(mismatch("a decimal", schema, writer)),
    };
    match &writer.logical {
        Logical::Decimal { scale } => Ok(DecimalLeaf { fixed, scale: *scale }),
        Logical::None => Err(unlabelled("a decimal with its precision and scale", schema, writer)),
        _ => Err(mismatch("a decimal with its precision and scale", schema, writer)),
    }
}

const TIMESTAMP: &str = "a long with the logical type timestamp-millis, timestamp-micros or timestamp-nanos";

/// A time from a timestamp of any unit.
pub(super) fn time(schema: &WriterSchema, writer: &Use) -> Read<TimeLeaf> {
    match (schema.kind(writer), &writer.logical) {
        (Type::Long, Logical::Timestamp(unit)) => Ok(TimeLeaf { unit: *unit }),
        (Type::Long | Type::Int, Logical::None) => Err(unlabelled(TIMESTAMP, schema, writer)),
        _ => Err(mismatch(TIMESTAMP, schema, writer)),
    }
}

/// A whole number from long or int; one that means a decimal or a time is none.
pub(super) fn long(schema: &WriterSchema, writer: &Use) -> Read<LongLeaf> {
    match (schema.kind(writer), &writer.logical) {
        (Type::Long, Logical::None | Logical::Other(_)) => Ok(LongLeaf::Long),
        (Type::Int, Logical::None | Logical::Other(_)) => Ok(LongLeaf::Int),
        _ => Err(mismatch("a long", schema, writer)),
    }
}

/// A boolean.
pub(super) fn boolean(schema: &WriterSchema, writer: &Use) -> Read<BooleanLeaf> {
    match schema.kind(writer) {
        Type::Boolean => Ok(BooleanLeaf),
        _ => Err(mismatch("a boolean", schema, writer)),
    }
}

/// A list of texts.
pub(super) fn chips(schema: &WriterSchema, writer: &Use) -> Read<ChipsLeaf> {
    match schema.kind(writer) {
        Type::Array(items) => Ok(ChipsLeaf(element(schema, items, text)?)),
        _ => Err(mismatch("an array", schema, writer)),
    }
}

/// An enum of the same name, read open: the writer's symbols are looked up now, once.
pub(super) fn symbol<T: Copy + PartialEq>(
    name: &'static str,
    from_symbol: fn(&str) -> Option<T>,
    unrecognized: T,
) -> impl Fn(&WriterSchema, &Use) -> Read<SymbolLeaf<T>> {
    move |schema, writer| match schema.kind(writer) {
        Type::Enum { name: theirs, symbols } if &**theirs == name => {
            let known = |symbol: &str| match from_symbol(symbol) {
                Some(value) if value != unrecognized => Ok(value),
                _ => Err(symbol.into()),
            };
            Ok(SymbolLeaf(symbols.iter().map(|symbol| known(symbol)).collect()))
        }
        Type::Enum { name: theirs, .. } => {
            Err(Fault::unreadable(format!("expected the enum {name}, found {}", excerpt(theirs))))
        }
        _ => Err(mismatch("an enum", schema, writer)),
    }
}

/// A record.
pub(super) fn record<F: Fields>(schema: &WriterSchema, writer: &Use) -> Read<RecordPlan<F>> {
    match schema.kind(writer) {
        Type::Record(record) => RecordPlan::compile(schema, record),
        _ => Err(mismatch("a record", schema, writer)),
    }
}

/// The writer's type is none that ours can be read from.
#[cold]
pub(super) fn mismatch(expected: &str, schema: &WriterSchema, writer: &Use) -> Box<Fault> {
    let found = schema.kind(writer).name();
    let logical = match &writer.logical {
        Logical::None => String::new(),
        Logical::Decimal { scale } => format!(" with the logical type decimal of scale {scale}"),
        Logical::Timestamp(unit) => format!(" with the logical type {}", unit.name()),
        Logical::Other(name) => format!(" with the logical type {name:?}"),
        Logical::Invalid(reason) => format!(" with {reason}"),
    };
    Fault::unreadable(format!("expected {expected}, found {found}{logical} in the writer's schema"))
}

/// The writer's type could be read, if only it said what it counts.
#[cold]
fn unlabelled(expected: &str, schema: &WriterSchema, writer: &Use) -> Box<Fault> {
    let found = schema.kind(writer).name();
    Fault::unreadable(format!(
        "expected {expected}, found {found} without a logical type in the writer's schema"
    ))
}
