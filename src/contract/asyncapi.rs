//! The AsyncAPI document of the topics: what stands in each, by which key, who writes and who reads it. Names are those of the
//! configuration. Its operations are tillgate's: `receive` is what it reads, `send` what it writes.

use super::RecordSchema;
use super::node::{Node, node};
use super::others::dead_letter_headers;
use crate::config::{KafkaSettings, TopicSettings};
use crate::domain::reply::{REQUEST_ID, REQUEST_ID_CHARS_MAX};

/// The version of AsyncAPI that the document is written in.
const VERSION: &str = "3.0.0";
/// How its messages name JSON Schemas, and Avro schemas.
const JSON_SCHEMA: &str = "application/schema+json;version=draft-2020-12";
const AVRO_SCHEMA: &str = "application/vnd.apache.avro+json;version=1.9.0";
/// What a message's value is.
#[derive(Clone, Copy)]
enum Payload {
    /// JSON of this schema, or Avro where it has one.
    Record(RecordSchema),
    /// The record as it came, with headers on top.
    DeadLetter,
    /// Text.
    Text(&'static str),
    /// Bytes that tillgate alone reads.
    Own(&'static str),
}

/// What tillgate does with a topic besides writing it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Does {
    Read,
    NotRead,
}

/// A topic of the configuration.
struct TopicChannel<'t> {
    /// The setting's name behind `topics.`.
    setting: &'static str,
    topic: &'t str,
    title: &'static str,
    description: &'static str,
    /// What its keys are.
    key: &'static str,
    value: Payload,
    does: Does,
    /// Whether only the latest record of a key counts.
    compacted: bool,
}

#[rustfmt::skip]
fn channels(topics: &TopicSettings) -> [TopicChannel<'_>; 21] {
    const PROFILE: &str = "pos/ or nfc/ and the hash of a terminal's or chip's id, 16 hexadecimal digits.";
    const PERSON: &str = "The person: partyId, personId.";
    let channel = |setting, topic, title, description, key, value, does| TopicChannel {
        setting,
        topic,
        title,
        description,
        key,
        value,
        does,
        compacted: matches!(setting, "rulesets" | "profiles"),
    };
    [
        channel("pos_events", &topics.pos_events, "POS events", "Written by POS gateways, and by tillgate's HTTP gateway. Each event gets one outcome.", "The account: accountNumber.", Payload::Record(RecordSchema::PosEvent), Does::Read),
        channel("account_events", &topics.account_events, "Account events", "Written by the account system, and by tillgate's HTTP gateway. They change what POS events are judged by. Partitioned as the POS events are.", "The account.", Payload::Record(RecordSchema::AccountEvent), Does::Read),
        channel("pos_outcomes", &topics.pos_outcomes, "Outcomes", "Read by billing and POS gateways with read_committed: what is not committed was never decided. The partition has the event's number.", "The account: accountNumber.", Payload::Record(RecordSchema::PosOutcome), Does::NotRead),
        channel("account_results", &topics.account_results, "Results of account events", "Read by whoever sent an account event with a requestId header, with read_committed.", "The account.", Payload::Record(RecordSchema::AccountResult), Does::Read),
        channel("dead_letters", &topics.dead_letters, "Dead letters", "Read by operators: records that could not be read or applied, as they came.", "The record's own.", Payload::DeadLetter, Does::NotRead),
        channel("profile_records", &topics.profile_records, "Profile records", "Written by operators, by tillgate profiles put, remove and import: what is known of terminals and chips beforehand.", PROFILE, Payload::Record(RecordSchema::ProfileRecord), Does::Read),
        channel("profiles", &topics.profiles, "Profiles", "Read by every tillgate process, and by whoever wants to know what decisions know of a terminal or a chip.", PROFILE, Payload::Record(RecordSchema::Profile), Does::Read),
        channel("profile_dead_letters", &topics.profile_dead_letters, "Dead letters of profiles", "Read by operators: profile records and observations that could not be read, as they came.", "The record's own.", Payload::DeadLetter, Does::NotRead),
        channel("ticks", &topics.ticks, "Ticks", "tillgate's own: by what time passes on a partition where nothing else comes.", "The number of a partition.", Payload::Record(RecordSchema::Tick), Does::Read),
        channel("rulesets", &topics.rulesets, "Rulesets", "tillgate's own, for people to read: every ruleset that decided, and from where on each of them did.", "The ruleset's hash, 32 hexadecimal digits; or partition/ and its number and positions, with a flow's name before it or none.", Payload::Text("Lines of KEY = VALUE that the hash is of; or the hash of the ruleset that decides from these positions on."), Does::Read),
        channel("journal", &topics.journal, "Journal", "tillgate's own: the state of every account, as a log of what changed.", "The number of a partition.", Payload::Own("A journal record."), Does::Read),
        channel("observations", &topics.observations, "Observations", "tillgate's own: what decisions saw of terminals and chips.", "The number of a partition.", Payload::Own("Observations."), Does::Read),
        channel("contact_requests", &topics.contact_requests, "Contact requests", "Written by back offices, and by tillgate's HTTP gateway: may we contact this person? Each one that can be read gets one decision.", PERSON, Payload::Record(RecordSchema::ContactRequest), Does::Read),
        channel("interactions", &topics.interactions, "Interactions", "Written by back offices, and by tillgate's HTTP gateway: contacts that took place.", PERSON, Payload::Record(RecordSchema::Interaction), Does::Read),
        channel("party_records", &topics.party_records, "Party records", "Written by back offices, and by tillgate parties put, remove and import: how a person is reached, and what speaks against it. The latest one of a person counts.", PERSON, Payload::Record(RecordSchema::PartyRecord), Does::Read),
        channel("contact_decisions", &topics.contact_decisions, "Contact decisions", "Read by whoever sent a request, with read_committed. The partition has the request's number.", PERSON, Payload::Record(RecordSchema::ContactDecision), Does::Read),
        channel("interaction_results", &topics.interaction_results, "Results of interactions", "Read by whoever sent an interaction with a requestId header, with read_committed.", PERSON, Payload::Record(RecordSchema::AccountResult), Does::Read),
        channel("contact_dead_letters", &topics.contact_dead_letters, "Dead letters of contact decisions", "Read by operators: requests, interactions and party records that could not be used, as they came.", "The record's own.", Payload::DeadLetter, Does::NotRead),
        channel("parties", &topics.parties, "Facts of accounts", "tillgate's own: whose an account is, and what it is, as account events tell it.", PERSON, Payload::Record(RecordSchema::PartyFact), Does::Read),
        channel("contact_journal", &topics.contact_journal, "Journal of contact decisions", "tillgate's own: what is known of every person, as a log of what changed.", "The number of a partition.", Payload::Own("A journal record."), Does::Read),
        channel("profile_journal", &topics.profile_journal, "Journal of profiles", "tillgate's own: the state of every profile, as a log of what changed.", "The number of a partition.", Payload::Own("A journal record."), Does::Read),
    ]
}

/// The whole document.
#[must_use]
pub fn asyncapi(kafka: &KafkaSettings, topics: &TopicSettings) -> Node {
    let all = channels(topics);
    let channels: Node = all.iter().map(|channel| (channel.setting, channel.node())).collect();
    let operations: Node = all.iter().flat_map(TopicChannel::operations).collect();
    node!({
        "asyncapi": (VERSION),
        "info": {
            "title": "tillgate",
            "version": (env!("CARGO_PKG_VERSION")),
            "description": (INFO)
        },
        "defaultContentType": "application/json",
        "servers": {
            "kafka": {
                "host": (kafka.bootstrap_servers.as_str()),
                "protocol": "kafka",
                "description": "The cluster of the setting kafka.bootstrap_servers."
            }
        },
        "channels": (channels),
        "operations": (operations),
        "components": {
            "messageTraits": {
                "deadLetter": { "headers": (json(dead_letter_headers().without(&["$schema"]))) }
            }
        }
    })
}

const INFO: &str = "\
tillgate reads events of points of sale and of accounts, decides on each POS event, and publishes the outcome, exactly once. Inputs, \
state and outcomes move together in transactions: read with isolation.level=read_committed.

Values are JSON, or Avro: behind the five bytes of a schema registry, behind the header __value_schema_id, or in single-object \
encoding. Each record is recognised by itself. Keys go to partitions as topics.partitioner says (murmur2 by default): a record whose \
key belongs elsewhere is not decided.";

fn json(schema: Node) -> Node {
    node!({ "schemaFormat": (JSON_SCHEMA), "schema": (schema) })
}

impl TopicChannel<'_> {
    fn node(&self) -> Node {
        let messages: Node = self.messages().into_iter().collect();
        let cleanup = vec![if self.compacted { "compact" } else { "delete" }];
        let configuration =
            (!self.setting.ends_with("journal")).then(|| node!({ "cleanup.policy": (cleanup) }));
        let kafka = node!({ "topic": (self.topic) }).with_some("topicConfiguration", configuration);
        node!({
            "address": (self.topic),
            "title": (self.title),
            "description": (self.description),
            "messages": (messages),
            "bindings": { "kafka": (kafka.with("bindingVersion", "0.5.0")) }
        })
    }

    fn messages(&self) -> Vec<(&'static str, Node)> {
        match self.value {
            Payload::Record(schema) => {
                let value = json(Node::reference(&schema.file()));
                let mut messages = vec![("json", self.message(schema.symbol(), "application/json", value))];
                if matches!(
                    schema,
                    RecordSchema::PosEvent | RecordSchema::AccountEvent | RecordSchema::PosOutcome
                ) {
                    let file = Node::reference(&schema.file_of("avsc"));
                    let value = node!({ "schemaFormat": (AVRO_SCHEMA), "schema": (file) });
                    messages.push(("avro", self.message(schema.symbol(), "avro/binary", value)));
                }
                messages
            }
            Payload::DeadLetter => {
                let payload = node!({ "description": "The record's value as it came." });
                let message = self.message("DeadLetter", "application/octet-stream", payload);
                let traits = node!([{ "$ref": "#/components/messageTraits/deadLetter" }]);
                vec![("record", message.with("traits", traits))]
            }
            Payload::Text(description) => {
                let payload = node!({ "type": "string", "description": (description) });
                vec![("text", self.message("Ruleset", "text/plain", payload))]
            }
            Payload::Own(description) => {
                let payload = node!({ "description": (description) });
                vec![("bytes", self.message("Own", "application/octet-stream", payload))]
            }
        }
    }

    fn message(&self, name: &str, content_type: &str, payload: Node) -> Node {
        let key = node!({ "type": "string", "description": (self.key) });
        let is_request = matches!(self.setting, "account_events" | "interactions");
        let headers = is_request.then(|| {
            let header = node!({
                "description": "An id of the sender's own: what becomes of the record is then told in the results. A longer one asks for nothing.",
                "type": "string", "minLength": 1, "maxLength": (REQUEST_ID_CHARS_MAX)
            });
            json(node!({ "type": "object", "properties": (Node::object().with(REQUEST_ID, header)) }))
        });
        let correlation = match self.setting {
            "account_events" | "interactions" => Some("$message.header#/requestId"),
            "account_results" | "interaction_results" | "contact_requests" | "contact_decisions" => {
                Some("$message.payload#/requestId")
            }
            _ => None,
        };
        let correlation = correlation.map(|location| {
            node!({ "description": "Leads from a request to its answer.", "location": (location) })
        });
        node!({ "name": (name), "title": (self.title), "contentType": (content_type) })
            .with_some("headers", headers)
            .with_some("correlationId", correlation)
            .with("payload", payload)
            .with("bindings", node!({ "kafka": { "key": (key), "bindingVersion": "0.5.0" } }))
    }

    fn operations(&self) -> Vec<(String, Node)> {
        let operation = |action: &str, what: &str| {
            let summary = format!("tillgate {what} {}", self.topic);
            let channel = Node::reference(&format!("#/channels/{}", self.setting));
            (
                format!("{action}_{}", self.setting),
                node!({ "action": (action), "channel": (channel), "summary": (summary) }),
            )
        };
        let mut operations = vec![operation("send", "writes")];
        if self.does == Does::Read {
            operations.insert(0, operation("receive", "reads"));
        }
        operations
    }
}
