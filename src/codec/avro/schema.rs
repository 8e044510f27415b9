//! A writer's schema: its text as a flat list of types that name one another by their place in it.
//!
//! Our own reader, because a general parser is both stricter and looser than reading needs: it refuses schemas that
//! registries accept (namespaces, defaults), passes over a logical type that stands beside its type, and recurses as deep
//! as a schema makes it. Namespaces serve to find a name; defaults, docs and aliases play no part. Everything is bounded
//! before it is kept, the depth too; never panics.

use super::leaves::TimeUnit;
use super::skip::Skip;
use crate::codec::fault::{FieldFault, Read};
use crate::domain::visible::excerpt;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};

/// Longest text of a schema, bytes. The longest known, with their docs, have a few hundred kilobytes.
const SCHEMA_BYTES_MAX: usize = 1 << 20;
/// How deep types may nest in one another; JSON itself may nest 128 deep.
const DEPTH_MAX: usize = 64;
/// Types, fields, branches and symbols of a schema, together.
const PARTS_MAX: usize = 20_000;
/// Longest name of a type, its namespace included: it is kept for each type of the namespace.
const NAME_BYTES_MAX: usize = 1_000;
/// Scales beyond this are refused: their values would have to be written with as many zeros.
const DECIMAL_SCALE_MAX: u64 = 1_000;

/// The types of one schema.
#[derive(Debug)]
pub struct WriterSchema {
    types: Vec<Type>,
    root: TypeUse,
    parts: usize,
}

/// A type where it is used, with the logical type that holds there.
#[derive(Clone, Debug)]
pub struct TypeUse {
    place: usize,
    pub(super) logical: Logical,
}

/// What a writer's type is.
#[derive(Debug)]
pub enum Type {
    Null,
    Boolean,
    Int,
    Long,
    Float,
    Double,
    Bytes,
    String,
    Fixed(usize),
    Enum { name: Box<str>, symbols: Box<[Box<str>]> },
    Array(TypeUse),
    Map(TypeUse),
    Union(Box<[TypeUse]>),
    Record(RecordType),
}

/// A record of the writer's, its namespace left out.
#[derive(Debug, Default)]
pub struct RecordType {
    pub(super) name: Box<str>,
    pub(super) fields: Box<[RecordField]>,
}

/// A field of a record.
#[derive(Debug)]
pub struct RecordField {
    pub(super) name: Box<str>,
    pub(super) used: TypeUse,
}

/// What a writer says of a type besides, as far as money and time hang on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Logical {
    None,
    /// Unscaled units with so many decimals; whatever the precision is, values are exact.
    Decimal {
        scale: usize,
    },
    Timestamp(TimeUnit),
    /// One that means neither money nor a point in time.
    Other(Box<str>),
    /// Says something that cannot hold: the reason.
    Invalid(Box<str>),
}

/// The primitive types, each at its place in every list.
const PRIMITIVES: [(&str, Type); 8] = [
    ("null", Type::Null),
    ("boolean", Type::Boolean),
    ("int", Type::Int),
    ("long", Type::Long),
    ("float", Type::Float),
    ("double", Type::Double),
    ("bytes", Type::Bytes),
    ("string", Type::String),
];

impl WriterSchema {
    /// Reads a schema's text.
    ///
    /// # Errors
    /// Where it is no schema, or beyond a bound: the reason.
    pub(super) fn read(text: &str) -> Result<Self, String> {
        if text.len() > SCHEMA_BYTES_MAX {
            let length = text.len();
            return Err(format!("the schema has {length} bytes, at most {SCHEMA_BYTES_MAX} are read"));
        }
        let json: Value = serde_json::from_str(text).map_err(|error| format!("no Avro schema: {error}"))?;
        let types = PRIMITIVES.into_iter().map(|(_, primitive)| primitive).collect();
        let mut reading = SchemaReading { types, named: BTreeMap::new(), parts: 0 };
        match reading.used(&json, "", 0) {
            Ok(root) => Ok(Self { types: reading.types, root, parts: reading.parts }),
            Err(fault) => Err(format!("no Avro schema: {}", fault.to_text())),
        }
    }

    /// The type of the whole.
    pub(super) fn root(&self) -> &TypeUse {
        &self.root
    }

    /// The type behind a use.
    pub(in crate::codec) fn kind(&self, used: &TypeUse) -> &Type {
        &self.types[used.place]
    }

    /// How many types, fields, branches and symbols there are.
    pub(super) fn parts(&self) -> usize {
        self.parts
    }

    /// The shapes of all types, each at its type's place, for values that are passed over.
    pub(super) fn shapes(&self) -> Box<[Skip]> {
        let places = |uses: &[TypeUse]| uses.iter().map(|used| used.place).collect();
        let shape = |kind: &Type| match kind {
            Type::Null => Skip::Bytes(0),
            Type::Boolean => Skip::Bytes(1),
            Type::Float => Skip::Bytes(4),
            Type::Double => Skip::Bytes(8),
            Type::Fixed(size) => Skip::Bytes(*size),
            Type::Int | Type::Long | Type::Enum { .. } => Skip::Varint,
            Type::Bytes | Type::String => Skip::Prefixed,
            Type::Array(items) => Skip::Array(items.place),
            Type::Map(values) => Skip::Map(values.place),
            Type::Union(branches) => Skip::Union(places(branches)),
            Type::Record(record) => {
                Skip::Record(record.fields.iter().map(|field| field.used.place).collect())
            }
        };
        self.types.iter().map(shape).collect()
    }
}

impl TypeUse {
    /// Its type's place among the shapes.
    pub(super) fn place(&self) -> usize {
        self.place
    }
}

impl Type {
    /// What Avro calls it.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Boolean => "boolean",
            Self::Int => "int",
            Self::Long => "long",
            Self::Float => "float",
            Self::Double => "double",
            Self::Bytes => "bytes",
            Self::String => "string",
            Self::Fixed(_) => "fixed",
            Self::Enum { .. } => "enum",
            Self::Array(_) => "array",
            Self::Map(_) => "map",
            Self::Union(_) => "union",
            Self::Record(_) => "record",
        }
    }
}

/// What was read so far.
struct SchemaReading {
    types: Vec<Type>,
    /// By full name.
    named: BTreeMap<String, TypeUse>,
    parts: usize,
}

impl SchemaReading {
    /// A type where it is used. Recurses, at most [`DEPTH_MAX`] deep.
    fn used<'j>(&mut self, json: &'j Value, namespace: &'j str, depth: usize) -> Read<TypeUse> {
        if depth == DEPTH_MAX {
            return Err(FieldFault::unreadable(format!("types nest more than {DEPTH_MAX} deep")));
        }
        self.count(1)?;
        match json {
            Value::String(name) => self.find(name, namespace),
            Value::Array(branches) => self.union(branches, namespace, depth),
            Value::Object(object) => {
                let used = self.object(object, namespace, depth)?;
                Ok(self.with_logical(used, &logical_of(object)))
            }
            _ => Err(FieldFault::unreadable("a type that is neither a name, an object nor a list")),
        }
    }

    fn object<'j>(
        &mut self,
        object: &'j Map<String, Value>,
        namespace: &'j str,
        depth: usize,
    ) -> Read<TypeUse> {
        match object.get("type") {
            Some(Value::String(name)) => match name.as_str() {
                "record" | "error" => self.record(object, namespace, depth),
                "enum" => self.symbols(object, namespace),
                "fixed" => self.fixed(object, namespace),
                "array" => {
                    let items = self.used(member(object, "items")?, namespace, depth + 1)?;
                    Ok(self.push(Type::Array(items)))
                }
                "map" => {
                    let values = self.used(member(object, "values")?, namespace, depth + 1)?;
                    Ok(self.push(Type::Map(values)))
                }
                name => self.find(name, namespace),
            },
            Some(inner @ (Value::Object(_) | Value::Array(_))) => self.used(inner, namespace, depth + 1),
            _ => Err(FieldFault::unreadable("an object without \"type\"")),
        }
    }

    fn union<'j>(&mut self, branches: &'j [Value], namespace: &'j str, depth: usize) -> Read<TypeUse> {
        let mut uses = Vec::new();
        let mut seen = BTreeSet::new();
        for branch in branches {
            let used = self.used(branch, namespace, depth + 1)?;
            // What has a name, and every primitive, has a place of its own.
            let unlike = match &self.types[used.place] {
                Type::Union(_) => return Err(FieldFault::unreadable("a union within a union")),
                Type::Array(_) => seen.insert(usize::MAX),
                Type::Map(_) => seen.insert(usize::MAX - 1),
                _ => seen.insert(used.place),
            };
            if !unlike {
                return Err(FieldFault::unreadable("a union that has the same type twice"));
            }
            uses.push(used);
        }
        Ok(self.push(Type::Union(uses.into())))
    }

    fn record<'j>(
        &mut self,
        object: &'j Map<String, Value>,
        namespace: &'j str,
        depth: usize,
    ) -> Read<TypeUse> {
        let (namespace, name) = names(object, namespace)?;
        let used = self.push(Type::Record(RecordType::default()));
        self.define(namespace, name, &used)?;
        let Value::Array(declared) = member(object, "fields")? else {
            return Err(FieldFault::unreadable("\"fields\" is no list"));
        };
        let mut fields = Vec::new();
        let mut seen = BTreeSet::new();
        for field in declared {
            let Some((field, Value::String(name))) =
                field.as_object().and_then(|field| Some((field, field.get("name")?)))
            else {
                return Err(FieldFault::unreadable("a field without a name"));
            };
            let used = member(field, "type")
                .and_then(|declared| self.used(declared, namespace, depth + 1))
                .map_err(|fault| fault.in_field(&excerpt(name)))?;
            if !seen.insert(name) {
                return Err(FieldFault::unreadable("this field comes twice").in_field(&excerpt(name)));
            }
            let used = self.with_logical(used, &logical_of(field));
            fields.push(RecordField { name: name.as_str().into(), used });
        }
        self.types[used.place] = Type::Record(RecordType { name: name.into(), fields: fields.into() });
        Ok(used)
    }

    fn symbols(&mut self, object: &Map<String, Value>, namespace: &str) -> Read<TypeUse> {
        let (namespace, name) = names(object, namespace)?;
        let Value::Array(declared) = member(object, "symbols")? else {
            return Err(FieldFault::unreadable("\"symbols\" is no list"));
        };
        self.count(declared.len())?;
        let symbols = declared.iter().map(|symbol| symbol.as_str().map(Box::from)).collect::<Option<_>>();
        let symbols = symbols.ok_or_else(|| FieldFault::unreadable("a symbol that is no text"))?;
        let used = self.push(Type::Enum { name: name.into(), symbols });
        self.define(namespace, name, &used)?;
        Ok(used)
    }

    fn fixed(&mut self, object: &Map<String, Value>, namespace: &str) -> Read<TypeUse> {
        let (namespace, name) = names(object, namespace)?;
        let size = member(object, "size")?.as_u64().and_then(|size| usize::try_from(size).ok());
        let size = size.ok_or_else(|| FieldFault::unreadable("\"size\" is no whole number"))?;
        // Whoever refers to it by its name gets its logical type as well.
        let used = TypeUse { logical: logical_of(object), ..self.push(Type::Fixed(size)) };
        self.define(namespace, name, &used)?;
        Ok(used)
    }

    fn push(&mut self, kind: Type) -> TypeUse {
        self.types.push(kind);
        TypeUse { place: self.types.len() - 1, logical: Logical::None }
    }

    fn count(&mut self, parts: usize) -> Read<()> {
        self.parts = self.parts.saturating_add(parts);
        if self.parts > PARTS_MAX {
            let text = format!("more than {PARTS_MAX} types, fields, branches and symbols");
            return Err(FieldFault::unreadable(text));
        }
        Ok(())
    }

    fn define(&mut self, namespace: &str, name: &str, used: &TypeUse) -> Read<()> {
        if self.named.insert(full_name(namespace, name), used.clone()).is_some() {
            return Err(FieldFault::unreadable(format!("the type {:?} is defined twice", excerpt(name))));
        }
        Ok(())
    }

    /// A primitive, or a type that was defined before.
    fn find(&self, name: &str, namespace: &str) -> Read<TypeUse> {
        if let Some(place) = PRIMITIVES.iter().position(|(primitive, _)| *primitive == name) {
            return Ok(TypeUse { place, logical: Logical::None });
        }
        let found = match name.rsplit_once('.') {
            Some((namespace, name)) => self.named.get(&full_name(namespace, name)),
            // Without a namespace of its own it may be of the same, or of none.
            None => self.named.get(&full_name(namespace, name)).or_else(|| self.named.get(name)),
        };
        found.cloned().ok_or_else(|| {
            FieldFault::unreadable(format!("the type {:?} is not defined in the schema", excerpt(name)))
        })
    }

    /// The same use where `logical` stands beside the type: each branch of a union gets it.
    fn with_logical(&mut self, mut used: TypeUse, logical: &Logical) -> TypeUse {
        match &mut self.types[used.place] {
            Type::Union(branches) => {
                branches.iter_mut().for_each(|branch| branch.logical.join(logical));
            }
            _ => used.logical.join(logical),
        }
        used
    }
}

impl Logical {
    fn join(&mut self, beside: &Self) {
        if *self == Self::None {
            self.clone_from(beside);
        } else if *beside != Self::None && self != beside {
            *self = Self::Invalid("two logical types that contradict each other".into());
        }
    }
}

fn logical_of(object: &Map<String, Value>) -> Logical {
    match object.get("logicalType") {
        None => Logical::None,
        Some(Value::String(name)) => match name.as_str() {
            "decimal" => decimal_of(object),
            "timestamp-millis" => Logical::Timestamp(TimeUnit::Millis),
            "timestamp-micros" => Logical::Timestamp(TimeUnit::Micros),
            "timestamp-nanos" => Logical::Timestamp(TimeUnit::Nanos),
            other => Logical::Other(excerpt(other).into()),
        },
        Some(_) => Logical::Invalid("a logical type that is no text".into()),
    }
}

/// A scale above the precision is in the wild and says plainly what it means, so it holds.
fn decimal_of(object: &Map<String, Value>) -> Logical {
    if object.get("precision").and_then(Value::as_u64).is_none_or(|precision| precision == 0) {
        return Logical::Invalid("a decimal without a valid precision".into());
    }
    match object.get("scale").map_or(Some(0), Value::as_u64) {
        Some(scale) if scale <= DECIMAL_SCALE_MAX => Logical::Decimal { scale: scale as usize },
        Some(scale) => {
            Logical::Invalid(format!("a decimal of scale {scale} (at most {DECIMAL_SCALE_MAX})").into())
        }
        None => Logical::Invalid("a decimal without a valid scale".into()),
    }
}

fn member<'j>(object: &'j Map<String, Value>, name: &str) -> Read<&'j Value> {
    object.get(name).ok_or_else(|| FieldFault::unreadable(format!("\"{name}\" is missing")))
}

/// Namespace and name of what `object` defines.
fn names<'j>(object: &'j Map<String, Value>, namespace: &'j str) -> Read<(&'j str, &'j str)> {
    let Some(Value::String(name)) = object.get("name") else {
        return Err(FieldFault::unreadable("a record, enum or fixed without a name"));
    };
    let own = || object.get("namespace").and_then(Value::as_str).unwrap_or(namespace);
    let (namespace, name) = name.rsplit_once('.').unwrap_or_else(|| (own(), name));
    if namespace.len() + name.len() > NAME_BYTES_MAX {
        return Err(FieldFault::unreadable(format!("a name of more than {NAME_BYTES_MAX} bytes")));
    }
    Ok((namespace, name))
}

fn full_name(namespace: &str, name: &str) -> String {
    if namespace.is_empty() { name.to_owned() } else { format!("{namespace}.{name}") }
}
