//! Resolving a writer's type against a type of ours, as Avro's specification says, with two liberties:
//! a decimal may have any precision and scale (values stay exact), and a time any unit that the writer names.

use super::leaves::{
    BooleanLeaf, ChipsLeaf, DecimalLeaf, LongLeaf, SymbolLeaf, TextLeaf, TimeLeaf, TimeUnit,
};
use super::plan::{Branch, Fields, Leaf, RecordPlan, Slot};
use super::skip::Skip;
use crate::codec::fault::{Fault, Read};
use apache_avro::Schema;
use apache_avro::schema::{InnerDecimalSchema, Name, NamesRef, UuidSchema};

/// Scales beyond this are refused: their values would have to be written with as many zeros.
const DECIMAL_SCALE_MAX: usize = 1_000;

/// Whether our schema lets a field be null.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Nullable {
    Yes,
    No,
}

/// Compiles one writer's schema.
pub(super) struct Compiler<'s> {
    names: &'s NamesRef<'s>,
    /// Named types that are passed over, with the place of each in `skips`.
    skipped: Vec<(Name, usize)>,
    skips: Vec<Skip>,
}

impl<'s> Compiler<'s> {
    /// A compiler that finds the schema's named types in `names`.
    pub(super) fn new(names: &'s NamesRef<'s>) -> Self {
        Self { names, skipped: Vec::new(), skips: Vec::new() }
    }

    /// The named types that what was compiled passes over.
    pub(super) fn into_skips(self) -> Box<[Skip]> {
        self.skips.into()
    }

    /// The schema that a reference stands for; other schemas stand for themselves.
    fn actual<'t>(&self, writer: &'t Schema) -> Read<&'t Schema>
    where
        's: 't,
    {
        match writer {
            Schema::Ref { name } => match self.names.get(name) {
                Some(schema) => Ok(schema),
                None => Err(Fault::unreadable(format!("the type {name} is not defined"))),
            },
            schema => Ok(schema),
        }
    }

    /// A field of ours against the writer's type.
    pub(super) fn slot<L: Leaf>(
        &mut self,
        writer: &Schema,
        nullable: Nullable,
        leaf: impl Fn(&mut Self, &Schema) -> Read<L>,
    ) -> Read<Slot<L>> {
        match writer {
            Schema::Null if nullable == Nullable::Yes => Ok(Slot::Null),
            Schema::Union(union) => {
                let branches: Vec<_> =
                    union.variants().iter().map(|variant| self.branch(variant, nullable, &leaf)).collect();
                if branches.iter().all(|branch| matches!(branch, Branch::Refused(_))) {
                    return Err(Fault::unreadable("no branch of the writer's union can be read as ours"));
                }
                Ok(Slot::OneOf(branches.into()))
            }
            writer => {
                let writer = self.actual(writer)?;
                leaf(self, writer).map(Slot::Always)
            }
        }
    }

    fn branch<L: Leaf>(
        &mut self,
        variant: &Schema,
        nullable: Nullable,
        leaf: impl Fn(&mut Self, &Schema) -> Read<L>,
    ) -> Branch<L> {
        if *variant == Schema::Null {
            return match nullable {
                Nullable::Yes => Branch::Null,
                Nullable::No => Branch::Refused("null, which our schema does not allow here".into()),
            };
        }
        match self.actual(variant).and_then(|variant| leaf(self, variant)) {
            Ok(leaf) => Branch::Value(leaf),
            Err(fault) => Branch::Refused(fault.to_text().into()),
        }
    }

    /// The shape of a value that is passed over.
    pub(super) fn skip(&mut self, writer: &Schema) -> Read<Skip> {
        Ok(match writer {
            Schema::Null => Skip::Bytes(0),
            Schema::Boolean => Skip::Bytes(1),
            Schema::Float => Skip::Bytes(4),
            Schema::Double => Skip::Bytes(8),
            Schema::Int | Schema::Date | Schema::TimeMillis => Skip::Varint,
            Schema::Long
            | Schema::TimeMicros
            | Schema::TimestampMillis
            | Schema::TimestampMicros
            | Schema::TimestampNanos
            | Schema::LocalTimestampMillis
            | Schema::LocalTimestampMicros
            | Schema::LocalTimestampNanos
            | Schema::Enum(_) => Skip::Varint,
            Schema::Bytes
            | Schema::String
            | Schema::BigDecimal
            | Schema::Uuid(UuidSchema::String | UuidSchema::Bytes) => Skip::Prefixed,
            Schema::Decimal(decimal) => match &decimal.inner {
                InnerDecimalSchema::Bytes => Skip::Prefixed,
                InnerDecimalSchema::Fixed(fixed) => Skip::Bytes(fixed.size),
            },
            Schema::Fixed(fixed) | Schema::Duration(fixed) | Schema::Uuid(UuidSchema::Fixed(fixed)) => {
                Skip::Bytes(fixed.size)
            }
            Schema::Array(array) => Skip::Array(Box::new(self.skip(&array.items)?)),
            Schema::Map(map) => Skip::Map(Box::new(self.skip(&map.types)?)),
            Schema::Union(union) => {
                Skip::Union(union.variants().iter().map(|variant| self.skip(variant)).collect::<Read<_>>()?)
            }
            Schema::Record(record) => self.skip_named(&record.name, writer)?,
            Schema::Ref { name } => {
                let actual = self.actual(writer)?;
                self.skip_named(name, actual)?
            }
        })
    }

    /// A named type is compiled once, so that a recursive one ends.
    fn skip_named(&mut self, name: &Name, schema: &Schema) -> Read<Skip> {
        let Schema::Record(record) = schema else {
            return self.skip(schema);
        };
        if let Some((_, place)) = self.skipped.iter().find(|(skipped, _)| skipped == name) {
            return Ok(Skip::Named(*place));
        }
        let place = self.skips.len();
        self.skipped.push((name.clone(), place));
        self.skips.push(Skip::Bytes(0));
        let fields = record.fields.iter().map(|field| self.skip(&field.schema)).collect::<Read<_>>()?;
        self.skips[place] = Skip::Record(fields);
        Ok(Skip::Named(place))
    }
}

/// Text from string, uuid as string, or bytes.
pub(super) fn text(_: &mut Compiler<'_>, writer: &Schema) -> Read<TextLeaf> {
    match writer {
        Schema::String | Schema::Bytes | Schema::Uuid(UuidSchema::String) => Ok(TextLeaf),
        other => Err(mismatch("a string", other)),
    }
}

/// A decimal from bytes or fixed; plain bytes are taken at our own scale.
pub(super) fn decimal(our_scale: usize) -> impl Fn(&mut Compiler<'_>, &Schema) -> Read<DecimalLeaf> {
    move |_, writer| match writer {
        Schema::Bytes => Ok(DecimalLeaf { fixed: None, scale: our_scale }),
        Schema::Decimal(decimal) if decimal.scale > DECIMAL_SCALE_MAX => Err(Fault::unreadable(format!(
            "a decimal of scale {} (at most {DECIMAL_SCALE_MAX})",
            decimal.scale
        ))),
        Schema::Decimal(decimal) => {
            let fixed = match &decimal.inner {
                InnerDecimalSchema::Bytes => None,
                InnerDecimalSchema::Fixed(fixed) => Some(fixed.size),
            };
            Ok(DecimalLeaf { fixed, scale: decimal.scale })
        }
        other => Err(mismatch("a decimal", other)),
    }
}

/// A time from a timestamp of any unit; a plain long or int counts microseconds, as our schema says.
pub(super) fn time(_: &mut Compiler<'_>, writer: &Schema) -> Read<TimeLeaf> {
    let unit = match writer {
        Schema::TimestampMillis => TimeUnit::Millis,
        Schema::TimestampMicros | Schema::Long => TimeUnit::Micros,
        Schema::TimestampNanos => TimeUnit::Nanos,
        Schema::Int => TimeUnit::MicrosInInt,
        other => return Err(mismatch("a timestamp", other)),
    };
    Ok(TimeLeaf { unit })
}

/// A whole number from long or int.
pub(super) fn long(_: &mut Compiler<'_>, writer: &Schema) -> Read<LongLeaf> {
    match writer {
        Schema::Long => Ok(LongLeaf::Long),
        Schema::Int => Ok(LongLeaf::Int),
        other => Err(mismatch("a long", other)),
    }
}

/// A boolean.
pub(super) fn boolean(_: &mut Compiler<'_>, writer: &Schema) -> Read<BooleanLeaf> {
    match writer {
        Schema::Boolean => Ok(BooleanLeaf),
        other => Err(mismatch("a boolean", other)),
    }
}

/// A list of texts.
pub(super) fn chips(compiler: &mut Compiler<'_>, writer: &Schema) -> Read<ChipsLeaf> {
    match writer {
        Schema::Array(array) => Ok(ChipsLeaf(compiler.slot(&array.items, Nullable::No, text)?)),
        other => Err(mismatch("an array", other)),
    }
}

/// An enum of the same name, read open: the writer's symbols are looked up now, once.
pub(super) fn symbol<T: Copy + PartialEq>(
    name: &'static str,
    from_symbol: fn(&str) -> Option<T>,
    unrecognized: T,
) -> impl Fn(&mut Compiler<'_>, &Schema) -> Read<SymbolLeaf<T>> {
    move |_, writer| match writer {
        Schema::Enum(theirs) if theirs.name.name() == name => {
            let known = |symbol: &String| match from_symbol(symbol) {
                Some(value) if value != unrecognized => Ok(value),
                _ => Err(symbol.as_str().into()),
            };
            Ok(SymbolLeaf(theirs.symbols.iter().map(known).collect()))
        }
        Schema::Enum(theirs) => {
            Err(Fault::unreadable(format!("expected the enum {name}, found {}", theirs.name.name())))
        }
        other => Err(mismatch("an enum", other)),
    }
}

/// A record.
pub(super) fn record<F: Fields>(compiler: &mut Compiler<'_>, writer: &Schema) -> Read<RecordPlan<F>> {
    match writer {
        Schema::Record(record) => RecordPlan::compile(compiler, record),
        other => Err(mismatch("a record", other)),
    }
}

/// The writer's type is none that ours can be read from.
#[cold]
pub(super) fn mismatch(expected: &str, found: &Schema) -> Box<Fault> {
    let found = apache_avro::schema::SchemaKind::from(found);
    Fault::unreadable(format!("expected {expected}, found {found:?} in the writer's schema"))
}
