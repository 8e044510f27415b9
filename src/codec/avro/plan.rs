//! The plan of one record: the writer's fields in their order, each with where it goes. Compiled once
//! per writer's schema; reading a datum then is a loop without look-ups.

use super::compile::mismatch;
use super::datum::DatumReader;
use super::leaves::{Leaf, present};
use super::schema::{RecordField, RecordType, Type, TypeUse, WriterSchema};
use super::skip::{no_branch, pass_over};
use super::write::Unwritable;
use crate::codec::fault::{FieldFault, Read};
use crate::codec::record::{Presence, RecordFields};
use crate::domain::visible::excerpt;

/// A field of ours against the writer's type, unions included.
#[derive(Debug)]
pub enum Slot<L> {
    /// The writer has no union.
    Always(L),
    /// The writer has only null.
    Null,
    /// The writer has a union.
    OneOf(Box<[Branch<L>]>),
}

/// One branch of a writer's union.
#[derive(Debug)]
pub enum Branch<L> {
    Value(L),
    Null,
    /// Cannot be read as our type; the reason is told where a datum takes this branch.
    Refused(Box<str>),
}

impl<L: Leaf> Slot<L> {
    /// Reads one value; null leaves `target` as it is.
    #[inline]
    pub(in crate::codec) fn read<'a>(
        &self,
        reader: &mut DatumReader<'a, '_>,
        target: &mut L::Target<'a>,
    ) -> Read<()> {
        match self {
            Self::Always(leaf) => leaf.read(reader, target),
            Self::Null => Ok(()),
            Self::OneOf(branches) => {
                let index = reader.size()?;
                match branches.get(index) {
                    Some(Branch::Value(leaf)) => leaf.read(reader, target),
                    Some(Branch::Null) => Ok(()),
                    Some(Branch::Refused(reason)) => Err(FieldFault::unreadable(reason.to_string())),
                    None => Err(no_branch(index)),
                }
            }
        }
    }
}

/// The writer's fields in order.
#[derive(Debug)]
pub struct RecordPlan<F> {
    steps: Box<[Step<F>]>,
}

#[derive(Debug)]
struct Step<F> {
    name: Box<str>,
    action: Action<F>,
}

#[derive(Debug)]
enum Action<F> {
    Read(F),
    /// Not ours: the place of its shape.
    PassOver(usize),
}

impl<F: RecordFields> RecordPlan<F> {
    /// Resolves the writer's record against ours.
    ///
    /// # Errors
    /// Where Avro's rules do not let it: another name, a field of ours that is missing and has no
    /// default, a type that ours cannot be read from.
    fn resolve(schema: &WriterSchema, writer: &RecordType) -> Read<Self> {
        if &*writer.name != F::NAME {
            let text = format!("expected the record {}, found {}", F::NAME, excerpt(&writer.name));
            return Err(FieldFault::unreadable(text));
        }
        let missing = F::FIELDS.iter().find(|field| {
            field.presence == Presence::Required
                && !writer.fields.iter().any(|theirs| &*theirs.name == field.name)
        });
        if let Some(field) = missing {
            return Err(FieldFault::unreadable("not in the writer's schema, and without a default")
                .in_field(field.name));
        }
        let step = |theirs: &RecordField| {
            let action = match F::FIELDS.iter().find(|field| field.name == &*theirs.name) {
                Some(field) => (field.compile)(schema, &theirs.used).map(Action::Read),
                None => Ok(Action::PassOver(theirs.used.place())),
            };
            match action {
                Ok(action) => Ok(Step { name: excerpt(&theirs.name).into(), action }),
                Err(fault) => Err(fault.in_field(&theirs.name)),
            }
        };
        Ok(Self { steps: writer.fields.iter().map(step).collect::<Read<_>>()? })
    }

    /// Reads one record.
    #[inline]
    pub(in crate::codec) fn read_into<'a>(
        &self,
        reader: &mut DatumReader<'a, '_>,
        record: &mut F::Record<'a>,
    ) -> Read<()> {
        for step in &self.steps {
            let read = match &step.action {
                Action::Read(field) => field.read(reader, record),
                Action::PassOver(place) => pass_over(*place, reader),
            };
            if let Err(fault) = read {
                return Err(fault.in_field(&step.name));
            }
        }
        Ok(())
    }
}

/// A record within a record.
impl<F: RecordFields> Leaf for RecordPlan<F> {
    type Target<'a> = Option<F::Record<'a>>;

    fn compile(schema: &WriterSchema, writer: &TypeUse) -> Read<Self> {
        match schema.kind(writer) {
            Type::Record(record) => Self::resolve(schema, record),
            _ => Err(mismatch("a record", schema, writer)),
        }
    }

    fn read<'a>(&self, reader: &mut DatumReader<'a, '_>, target: &mut Self::Target<'a>) -> Read<()> {
        self.read_into(reader, target.insert(F::Record::default()))
    }

    fn write(
        value: &Option<F::Record<'_>>,
        field: &'static str,
        out: &mut Vec<u8>,
    ) -> Result<(), Unwritable> {
        F::write(present(value.as_ref(), field)?, out)
    }
}
