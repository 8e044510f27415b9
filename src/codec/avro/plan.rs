//! The plan of one record: the writer's fields in their order, each with where it goes. Compiled once
//! per writer's schema; reading a datum then is a loop without look-ups.

use super::input::Input;
use super::schema::{Record, RecordField, Use, WriterSchema};
use super::skip::{no_branch, pass_over};
use crate::codec::fault::{Fault, Read};
use crate::domain::visible::excerpt;

/// How a type of ours is read from some type of the writer's.
pub(super) trait Leaf {
    /// What is filled; its default stands for null.
    type Target<'a>: Default;

    /// Reads one value.
    fn read<'a>(&self, input: &mut Input<'a, '_>, target: &mut Self::Target<'a>) -> Read<()>;
}

/// A field of ours against the writer's type, unions included.
#[derive(Debug)]
pub(super) enum Slot<L> {
    /// The writer has no union.
    Always(L),
    /// The writer has only null.
    Null,
    /// The writer has a union.
    OneOf(Box<[Branch<L>]>),
}

/// One branch of a writer's union.
#[derive(Debug)]
pub(super) enum Branch<L> {
    Value(L),
    Null,
    /// Cannot be read as our type; the reason is told where a datum takes this branch.
    Refused(Box<str>),
}

impl<L: Leaf> Slot<L> {
    /// Reads one value; null leaves `target` as it is.
    #[inline]
    pub(super) fn read<'a>(&self, input: &mut Input<'a, '_>, target: &mut L::Target<'a>) -> Read<()> {
        match self {
            Self::Always(leaf) => leaf.read(input, target),
            Self::Null => Ok(()),
            Self::OneOf(branches) => {
                let index = input.size()?;
                match branches.get(index) {
                    Some(Branch::Value(leaf)) => leaf.read(input, target),
                    Some(Branch::Null) => Ok(()),
                    Some(Branch::Refused(reason)) => Err(Fault::unreadable(reason.to_string())),
                    None => Err(no_branch(index)),
                }
            }
        }
    }
}

/// The fields of one of our records.
pub(super) trait Fields: Sized + 'static {
    /// What the fields fill.
    type Record<'a>: Default;
    /// The record's name in our schema; a writer's must be the same, its namespace apart.
    const NAME: &'static str;
    /// Every field of our schema.
    const FIELDS: &'static [FieldSpec<Self>];

    /// Reads this field into its place.
    fn read<'a>(&self, input: &mut Input<'a, '_>, record: &mut Self::Record<'a>) -> Read<()>;
}

/// A field of our schema.
pub(super) struct FieldSpec<F> {
    pub(super) name: &'static str,
    /// Whether our schema has a default, which always is the empty value.
    pub(super) default: bool,
    pub(super) compile: fn(&WriterSchema, &Use) -> Read<F>,
}

/// The writer's fields in order.
#[derive(Debug)]
pub(super) struct RecordPlan<F> {
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

impl<F: Fields> RecordPlan<F> {
    /// Resolves the writer's record against ours.
    ///
    /// # Errors
    /// Where Avro's rules do not let it: another name, a field of ours that is missing and has no
    /// default, a type that ours cannot be read from.
    pub(super) fn compile(schema: &WriterSchema, writer: &Record) -> Read<Self> {
        if &*writer.name != F::NAME {
            let text = format!("expected the record {}, found {}", F::NAME, excerpt(&writer.name));
            return Err(Fault::unreadable(text));
        }
        let missing = F::FIELDS
            .iter()
            .find(|field| !field.default && !writer.fields.iter().any(|theirs| &*theirs.name == field.name));
        if let Some(field) = missing {
            return Err(
                Fault::unreadable("not in the writer's schema, and without a default").in_field(field.name)
            );
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
    pub(super) fn read_into<'a>(&self, input: &mut Input<'a, '_>, record: &mut F::Record<'a>) -> Read<()> {
        for step in &self.steps {
            let read = match &step.action {
                Action::Read(field) => field.read(input, record),
                Action::PassOver(place) => pass_over(*place, input),
            };
            if let Err(fault) = read {
                return Err(fault.in_field(&step.name));
            }
        }
        Ok(())
    }
}

/// A record within a record.
impl<F: Fields> Leaf for RecordPlan<F> {
    type Target<'a> = Option<F::Record<'a>>;

    fn read<'a>(&self, input: &mut Input<'a, '_>, target: &mut Self::Target<'a>) -> Read<()> {
        self.read_into(input, target.insert(F::Record::default()))
    }
}

/// Declares the fields of one of our records: an enum with a variant per field, and its [`Fields`].
macro_rules! record {
    ($(#[$doc:meta])* $fields:ident fills $record:ty, $name:literal {
        $($variant:ident($leaf:ty) = $member:ident, $field:literal, $default:literal, $compile:expr;)+
    }) => {
        $(#[$doc])*
        #[derive(Debug)]
        pub(super) enum $fields { $($variant(Slot<$leaf>)),+ }

        impl Fields for $fields {
            type Record<'a> = $record;
            const NAME: &'static str = $name;
            const FIELDS: &'static [FieldSpec<Self>] = &[$(FieldSpec {
                name: $field,
                default: $default,
                compile: |schema, writer| $compile(schema, writer).map(Self::$variant),
            }),+];

            #[inline]
            fn read<'a>(&self, input: &mut Input<'a, '_>, record: &mut Self::Record<'a>) -> Read<()> {
                match self { $(Self::$variant(slot) => slot.read(input, &mut record.$member)),+ }
            }
        }
    };
}
pub(super) use record;
