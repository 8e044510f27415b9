//! The fields of a public record, each said once: its name, its type, and whether it may be absent. Both formats read and
//! write by it, so that a field cannot be in one of them alone. Judges no value.

use super::avro::Unwritable;
use super::avro::datum::DatumReader;
use super::avro::leaves::{Absent, Leaf};
use super::avro::schema::{TypeUse, WriterSchema};
use super::fault::{FieldFault, Read};
use super::json::reader::JsonReader;
use super::json::write::Writer;
use std::fmt;

/// The fields of one of our records; a value is one of them against a writer's Avro schema.
pub trait RecordFields: Sized + fmt::Debug + 'static {
    /// What the fields fill.
    type Record<'a>: Default;
    /// The record's name in our schema; a writer's must be the same, its namespace apart.
    const NAME: &'static str;
    /// Every field of our schema.
    const FIELDS: &'static [FieldSpec<Self>];

    /// Reads this field of an Avro datum into its place.
    fn read<'a>(&self, input: &mut DatumReader<'a, '_>, record: &mut Self::Record<'a>) -> Read<()>;

    /// Appends the Avro datum of our own schema.
    fn write(record: &Self::Record<'_>, out: &mut Vec<u8>) -> Result<(), Unwritable>;

    /// Reads the value of a JSON member of this name into its place, or passes over it.
    fn read_member<'a>(
        record: &mut Self::Record<'a>,
        seen: &mut SeenMembers,
        reader: &mut JsonReader<'a>,
        name: &str,
    ) -> Read<()>;

    /// Adds what is there to a JSON object.
    fn write_members(record: &Self::Record<'_>, object: &mut Writer<'_>);
}

/// A field of our Avro schema.
pub struct FieldSpec<F> {
    pub(super) name: &'static str,
    pub(super) presence: Presence,
    pub(super) compile: fn(&WriterSchema, &TypeUse) -> Read<F>,
}

/// Whether a field may be absent, as our Avro schema says it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// It may not.
    Required,
    /// A union of null and its type, null by default.
    Optional,
    /// Its type, empty by default.
    Defaulted,
}

/// Appends a field of an Avro datum of our own schema.
#[inline]
pub(super) fn write_field<L: Leaf>(
    presence: Presence,
    name: &'static str,
    value: &L::Target<'_>,
    out: &mut Vec<u8>,
) -> Result<(), Unwritable> {
    if presence == Presence::Optional {
        let is_there = !value.is_absent();
        super::avro::write::branch(is_there, out);
        if !is_there {
            return Ok(());
        }
    }
    L::write(value, name, out)
}

/// Which of an object's known members were seen.
#[derive(Default)]
pub struct SeenMembers(u32);

impl SeenMembers {
    /// Notes the member with this number (below 32).
    ///
    /// # Errors
    /// Where it was noted before: two readers could take different ones.
    #[inline]
    pub(super) fn note(&mut self, number: u32) -> Read<()> {
        let bit = 1 << number;
        if self.0 & bit != 0 {
            return Err(FieldFault::unreadable("this member comes twice"));
        }
        self.0 |= bit;
        Ok(())
    }
}

/// Declares the fields of a record: an enum with a variant per field, and its [`RecordFields`].
macro_rules! fields {
    ($(#[$doc:meta])* $fields:ident of $record:ident, $schema:literal {
        $($member:ident: $leaf:ty = $name:literal $presence:ident;)+
    }) => {
        $(#[$doc])*
        #[derive(Debug)]
        #[allow(non_camel_case_types, reason = "a variant is called as the member that it fills")]
        pub enum $fields { $($member(Slot<$leaf>)),+ }

        impl RecordFields for $fields {
            type Record<'a> = $record<'a>;
            const NAME: &'static str = $schema;
            const FIELDS: &'static [FieldSpec<Self>] = &[$(FieldSpec {
                name: $name,
                presence: Presence::$presence,
                compile: |schema, writer| Slot::compile(schema, writer).map(Self::$member),
            }),+];

            #[inline]
            fn read<'a>(&self, input: &mut DatumReader<'a, '_>, record: &mut $record<'a>) -> Read<()> {
                match self { $(Self::$member(slot) => slot.read(input, &mut record.$member)),+ }
            }

            fn write(record: &$record<'_>, out: &mut Vec<u8>) -> Result<(), Unwritable> {
                $(write_field::<$leaf>(Presence::$presence, $name, &record.$member, out)?;)+
                Ok(())
            }

            #[inline]
            fn read_member<'a>(
                record: &mut $record<'a>,
                seen: &mut SeenMembers,
                reader: &mut JsonReader<'a>,
                name: &str,
            ) -> Read<()> {
                #[allow(non_camel_case_types, reason = "as the members")]
                enum MemberPlace { $($member),+ }
                match name {
                    $($name => {
                        seen.note(MemberPlace::$member as u32)?;
                        record.$member = <$leaf>::read_json(reader)?;
                    })+
                    _ => reader.skip()?,
                }
                Ok(())
            }

            fn write_members(record: &$record<'_>, object: &mut Writer<'_>) {
                $(<$leaf>::write_json(&record.$member, $name, object);)+
            }
        }
    };
}
pub(super) use fields;
