//! JSON Schemas (2020-12) of the three public records, out of the very Avro schemas that the codec compiles its plans from,
//! with the JSON spelling of `codec/json`: times are RFC 3339, decimals are numbers, what an outcome does not have it leaves
//! out. Never says more than the codec and the form checks hold.

use super::bounds::FormBounds;
use super::fields::{Bound, field};
use super::node::{Node, node};
use crate::codec::avro::{ACCOUNT_EVENT_SCHEMA, POS_EVENT_SCHEMA, POS_OUTCOME_SCHEMA};

/// The dialect of all schemas.
const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";

/// Who writes a record: what tillgate writes is narrower than what it reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WrittenBy {
    /// Others: what is null is as if it were not there, and symbols are those that a sender may use.
    Others,
    /// tillgate: what is null is left out, and lists are always there.
    Tillgate,
}

/// The schema of a record, out of this Avro schema.
pub(super) fn of_avro(schema: &str, writer: WrittenBy, bounds: &FormBounds) -> Node {
    headed(RecordSchemas { writer, bounds }.record(&avro(schema)))
}

/// `pos.events`
pub(super) fn pos_event(bounds: &FormBounds) -> Node {
    of_avro(POS_EVENT_SCHEMA, WrittenBy::Others, bounds).with("oneOf", total_by_event_type(bounds))
}

/// `account.events`
pub(super) fn account_event(bounds: &FormBounds) -> Node {
    // JSON may leave createdAt out, which Avro cannot: the event then has the time of its record.
    let required = vec!["id", "account", "eventType"];
    let schema = of_avro(ACCOUNT_EVENT_SCHEMA, WrittenBy::Others, bounds);
    schema.with("required", required).with("oneOf", one_payload(false))
}

/// The same as a request has it: every type with its object.
pub(super) fn account_event_request(bounds: &FormBounds) -> Node {
    account_event(bounds).with("oneOf", one_payload(true))
}

/// `pos.outcomes`
pub(super) fn pos_outcome(bounds: &FormBounds) -> Node {
    of_avro(POS_OUTCOME_SCHEMA, WrittenBy::Tillgate, bounds)
}

/// A schema as a file of its own.
pub(super) fn headed(schema: Node) -> Node {
    let Node::Object(members) = schema else { return schema };
    let head = [("$schema".to_owned(), Node::from(DIALECT))];
    Node::Object(head.into_iter().chain(members).collect())
}

/// Check 6: which totals an event may have goes by its type. Branches rather than conditions, because programs that make
/// values out of a schema can follow them.
fn total_by_event_type(bounds: &FormBounds) -> Node {
    let branch = |title: &str, event_types: &[&str], total: Node| {
        let event_type = node!({ "enum": (event_types.to_vec()) });
        let properties = node!({ "eventType": (event_type), "totalAmount": (total.with("type", "number")) });
        node!({ "title": (title), "properties": (properties), "required": ["totalAmount"] })
    };
    // The least that is above 0.
    let least = match bounds.total_decimals {
        0 => "1".to_owned(),
        decimals => format!("0.{}1", "0".repeat(usize::from(decimals) - 1)),
    };
    let least = node!({ "minimum": (Node::Number(least)) });
    let above = ["Withdrawal", "WithdrawalCorrection", "WithdrawalCommission", "Interest"];
    node!([
        { "title": "Information", "properties": { "eventType": { "enum": ["Info"] } } },
        (branch("Purchase", &["Purchase"], node!({ "minimum": 0 }))),
        (branch("Withdrawal, fee or interest", &above, least)),
        (branch("Correction", &["Correction"], Node::object()))
    ])
}

/// Event types of an account and the objects that go with them; whether the object has to be there.
const PAYLOADS: [(&str, &str, bool); 7] = [
    ("payment", "payment", true),
    ("flag", "flag", true),
    ("cash_advance", "cashAdvance", true),
    ("default", "default", false),
    ("close", "close", false),
    ("limit", "limit", true),
    ("update", "update", true),
];

/// Exactly the object that the event type names is set; `all`: of every type.
fn one_payload(all: bool) -> Node {
    let branch = |(event_type, payload, required): (&str, &str, bool)| {
        let required = required || all;
        let mut properties = node!({ "eventType": { "const": (event_type) } });
        if required {
            properties = properties.with(payload, node!({ "type": "object" }));
        }
        for (_, other, _) in PAYLOADS.iter().filter(|(_, other, _)| *other != payload) {
            properties = properties.with(other, node!({ "type": "null" }));
        }
        let branch = node!({ "title": (event_type), "properties": (properties) });
        branch.with_some("required", required.then(|| vec![payload]))
    };
    PAYLOADS.map(branch).to_vec().into()
}

/// A schema of ours, which is JSON.
fn avro(text: &str) -> Node {
    Node::parse(text).unwrap_or(Node::Null)
}

/// Makes the schema of a record.
struct RecordSchemas<'b> {
    writer: WrittenBy,
    bounds: &'b FormBounds,
}

impl RecordSchemas<'_> {
    /// The schema of a record, out of its Avro schema.
    fn record(&self, record: &Node) -> Node {
        let name = record.text_of("name");
        let mut properties = Node::object();
        let mut required: Vec<&str> = Vec::new();
        for member in record.items_of("fields") {
            let field_name = member.text_of("name");
            let (kind, nullable) = branches(member.get("type").unwrap_or(&Node::Null));
            let always = self.writer == WrittenBy::Tillgate && !nullable;
            // A JSON null where ours has a default is as if the field were not there.
            let nullable = nullable || member.get("default").is_some();
            if member.get("default").is_none() || always {
                required.push(field_name);
            }
            let known = field(name, field_name);
            let bound = known.map_or(Bound::Any, |field| field.2);
            let schema = bound.bound(self.value(kind), self.bounds);
            let schema = if nullable && self.writer == WrittenBy::Others { or_null(schema) } else { schema };
            let said = member
                .get("doc")
                .and_then(Node::text)
                .filter(|_| known.is_none_or(|field| field.1.is_empty()));
            let description = said.or(known.map(|field| field.1).filter(|words| !words.is_empty()));
            properties = properties.with(field_name, described(schema, description));
        }
        let head = node!({ "title": (name) }).with_some("description", record.get("doc").cloned());
        let schema = head.with("type", "object").with("properties", properties);
        schema.with_some("required", (!required.is_empty()).then_some(required))
    }

    fn value(&self, kind: &Node) -> Node {
        match kind.text().unwrap_or_else(|| kind.text_of("type")) {
            "record" => self.record(kind),
            "enum" => {
                let symbols = kind.items_of("symbols").iter();
                let may_be_sent = |symbol: &&Node| {
                    let name = symbol.text().unwrap_or_default();
                    self.writer == WrittenBy::Tillgate || !name.eq_ignore_ascii_case("unrecognized")
                };
                let symbols: Vec<Node> = symbols.filter(may_be_sent).cloned().collect();
                node!({ "type": "string", "enum": (symbols) })
            }
            "array" => {
                let items = kind.get("items").map_or(Node::Null, |items| self.value(items));
                node!({ "type": "array", "items": (items) })
            }
            "map" => {
                let values = kind.get("values").map_or(Node::Null, |values| self.value(values));
                node!({ "type": "object", "additionalProperties": (values) })
            }
            "bytes" => node!({ "type": "number" }),
            "long" if kind.text_of("logicalType") == "timestamp-micros" => {
                node!({ "type": "string", "format": "date-time" })
            }
            "long" => node!({ "type": "integer", "format": "int64" }),
            "int" if kind.text_of("logicalType") == "date" => node!({ "type": "string", "format": "date" }),
            "int" => node!({ "type": "integer", "format": "int32" }),
            other => node!({ "type": (other) }),
        }
    }
}

/// The type of a field, and whether it may be null.
fn branches(kind: &Node) -> (&Node, bool) {
    match kind {
        Node::List(branches) => {
            let is_null = |branch: &&Node| branch.text() == Some("null");
            (
                branches.iter().find(|branch| !is_null(branch)).unwrap_or(kind),
                branches.iter().any(|b| is_null(&b)),
            )
        }
        _ => (kind, false),
    }
}

/// A schema that null fulfils as well.
fn or_null(schema: Node) -> Node {
    let kinds = schema.get("type").cloned().map_or(Node::Null, |kind| Node::List(vec![kind, "null".into()]));
    let symbols = schema.get("enum").map(|symbols| {
        let symbols = symbols.items().iter().cloned();
        symbols.chain([Node::Null]).collect::<Vec<_>>()
    });
    schema.with("type", kinds).with_some("enum", symbols)
}

/// A schema with a description, behind its title and type.
fn described(schema: Node, description: Option<&str>) -> Node {
    let Some(description) = description else { return schema };
    let Node::Object(mut members) = schema else { return schema };
    members.retain(|(name, _)| name != "description");
    let place = usize::from(members.first().is_some_and(|(name, _)| name == "title"));
    members.insert(place, ("description".to_owned(), description.into()));
    Node::Object(members)
}

#[cfg(test)]
mod tests {
    use super::super::RecordSchema;
    use super::super::fields::FIELDS;
    use super::*;
    use std::collections::BTreeSet;

    fn fields_of(record: &Node, into: &mut Vec<String>) {
        let name = record.text_of("name");
        for field in record.items_of("fields") {
            into.push(format!("{name}.{}", field.text_of("name")));
        }
        for field in record.items_of("fields") {
            let (kind, _) = branches(field.get("type").expect("a type"));
            let kind = kind.get("items").unwrap_or(kind);
            if kind.text_of("type") == "record" {
                fields_of(kind, into);
            }
        }
    }

    #[test]
    fn every_field_of_the_avro_schemas_has_a_meaning_and_bounds() {
        let mut fields = Vec::new();
        for schema in RecordSchema::ALL.iter().filter_map(|schema| schema.avro()) {
            fields_of(&avro(schema), &mut fields);
        }
        let all = || FIELDS.iter().chain(super::super::contact::FIELDS);
        let listed: BTreeSet<&str> = all().map(|field| field.0).collect();
        let there: BTreeSet<&str> = fields.iter().map(String::as_str).collect();
        assert_eq!(listed, there, "FIELDS in src/contract/fields.rs and the Avro schemas differ");
        assert_eq!(all().count(), listed.len(), "a field stands there twice");
    }
}
