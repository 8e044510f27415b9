//! JSON Schemas of the records that have no Avro schema: results of account events, profile records, profiles, ticks, and
//! the headers of dead letters. Each says what the code that writes it writes; `tests/contract/validate.py` holds real
//! records against them.

use super::fields::HASH;
use super::node::{Node, node};
use super::records::headed;
use crate::domain::dead_letter::{
    ATTEMPT, ERROR_CODE, ERROR_MESSAGE, HEADERS_BYTES, KEY_BYTES, LEFT_OUT, SAID, SENDERS, SOURCE_OFFSET,
    SOURCE_PARTITION, SOURCE_TOPIC, VALUE_BYTES,
};
use crate::domain::enums::CountryCode;
use crate::domain::limits::{
    DEAD_LETTER_MESSAGE_CHARS_MAX, ID_CHARS_MAX, PROFILE_ACCOUNTS_MAX, PROFILE_DAYS_MAX, PROFILE_OWNERS_MAX,
};
use crate::domain::reply::{Fate, REQUEST_ID_CHARS_MAX};

/// What became of an account event or an interaction that came with a `requestId` header.
pub(super) fn account_result() -> Node {
    let optional = |description: &str| node!({ "description": (description), "type": ["string", "null"] });
    headed(node!({
        "title": "AccountResult",
        "description": "What became of an account event or an interaction whose record had a requestId header. Record key: account, or partyId. What is not known is left out, or null.",
        "type": "object",
        "properties": {
            "requestId": {
                "description": "The header's value.", "type": "string", "minLength": 1, "maxLength": (REQUEST_ID_CHARS_MAX)
            },
            "result": {
                "description": "applied: it changed what is known. repeat: it was applied before. conflict: its id or idempotencyKey was used with other content. refused: it cannot apply, or cannot be read.",
                "type": "string", "enum": (Fate::ALL.iter().map(|fate| fate.symbol()).collect::<Vec<_>>())
            },
            "id": (optional("Id of the event, where it could be read; of a repeat only where it was applied under this id.")),
            "createdAt": {
                "description": "When the event was created; of a repeat, when the one was that was applied.",
                "type": ["string", "null"], "format": "date-time"
            },
            "code": (optional("Code of the refusal or the conflict, as in the catalogue of checks.")),
            "message": (optional("What is wrong, in words.").with("maxLength", DEAD_LETTER_MESSAGE_CHARS_MAX)),
            "source": {
                "description": "The record of the event.",
                "type": "object",
                "properties": {
                    "topic": { "description": "Its topic.", "type": "string" },
                    "partition": { "description": "Its partition.", "type": "integer", "format": "int32", "minimum": 0 },
                    "offset": { "description": "Its offset.", "type": "integer", "format": "int64", "minimum": 0 }
                },
                "required": ["topic", "partition", "offset"]
            }
        },
        "required": ["requestId", "result", "source"]
    }))
}

/// What an operator says of a terminal or a chip.
pub(super) fn profile_record() -> Node {
    headed(node!({
        "title": "ProfileRecord",
        "description": "What is known of a terminal or a chip beforehand. Record key: pos/ or nfc/ and the hash of its id. A record takes the place of the one before it whole; a tombstone takes it away.",
        "anyOf": [(terminal_record()), (chip_record())]
    }))
}

fn terminal_record() -> Node {
    node!({
        "title": "TerminalRecord",
        "description": "Of a terminal.",
        "type": "object",
        "properties": {
            "posId": { "description": "Its id, for people.", "type": ["string", "null"], "maxLength": (ID_CHARS_MAX) },
            "disabled": { "description": "Out of service: no event may come from it.", "type": "boolean", "default": false },
            "country": (country("The country that it stands in.")),
            "position": {
                "description": "Where it stands: degrees north and east, with at most six decimals.",
                "type": ["string", "null"], "pattern": (POSITION)
            }
        },
        "additionalProperties": false
    })
}

fn chip_record() -> Node {
    node!({
        "title": "ChipRecord",
        "description": "Of a chip.",
        "type": "object",
        "properties": {
            "blocked": { "description": "Blocked for all accounts: lost or stolen.", "type": "boolean" }
        },
        "required": ["blocked"],
        "additionalProperties": false
    })
}

/// Degrees north and east.
const POSITION: &str = r"^-?[0-9]{1,3}(\.[0-9]{1,6})?,-?[0-9]{1,3}(\.[0-9]{1,6})?$";

fn country(description: &str) -> Node {
    let symbols = CountryCode::ALL[1..].iter().map(|country| Node::from(country.symbol()));
    let symbols: Vec<Node> = symbols.chain([Node::Null]).collect();
    node!({ "description": (description), "type": ["string", "null"], "enum": (symbols) })
}

/// What decisions know of a terminal or a chip.
pub(super) fn profile() -> Node {
    let natural =
        |description: &str| node!({ "description": (description), "type": "integer", "minimum": 0 });
    let terminal = node!({
        "title": "Terminal",
        "type": "object",
        "properties": {
            "kind": { "const": "terminal" },
            "posId": { "description": "Its id, for people.", "type": "string" },
            "record": (terminal_record()),
            "name": { "description": "The name of the last event that was accepted there and gave one.", "type": "string" },
            "country": (country("The country of the last event that was accepted there.")),
            "accounts": (accounts("The accounts that used it last, the latest first, as many as a fan-out asks for.")),
            "days": {
                "description": "Its events by day, the earliest first, where some were confirmed as fraud.",
                "type": "array", "maxItems": (PROFILE_DAYS_MAX),
                "items": {
                    "type": "object",
                    "properties": {
                        "day": { "description": "Days since 1970, in UTC.", "type": "integer", "format": "int32" },
                        "judged": (natural("How many were judged.")),
                        "confirmed": (natural("How many of them were confirmed as fraud."))
                    },
                    "required": ["day", "judged", "confirmed"]
                }
            }
        },
        "required": ["kind"]
    });
    let chip = node!({
        "title": "Chip",
        "type": "object",
        "properties": {
            "kind": { "const": "chip" },
            "record": (chip_record()),
            "registered": {
                "description": "The accounts that it is registered for, by the hash of their numbers.",
                "type": "array", "maxItems": (PROFILE_OWNERS_MAX), "items": (hash(""))
            },
            "accounts": (accounts("The accounts that used it last, the latest first, where they are two or more."))
        },
        "required": ["kind"]
    });
    headed(node!({
        "title": "Profile",
        "description": "What decisions know of a terminal or a chip across accounts. Record key: pos/ or nfc/ and the hash of its id. Only the latest record of a key counts.",
        "oneOf": [(terminal), (chip)]
    }))
}

fn hash(description: &str) -> Node {
    let schema = node!({ "type": "string", "pattern": (HASH) });
    if description.is_empty() { schema } else { schema.with("description", description) }
}

fn time(description: &str) -> Node {
    node!({ "description": (description), "type": "string", "format": "date-time" })
}

fn accounts(description: &str) -> Node {
    node!({
        "description": (description),
        "type": "array", "maxItems": (PROFILE_ACCOUNTS_MAX),
        "items": {
            "type": "object",
            "properties": {
                "account": (hash("The hash of its number.")),
                "time": (time("When it did last, whatever was answered.")),
                "place": {
                    "description": "Of a chip: where that was let through, or waits, at a terminal last.",
                    "type": "object",
                    "properties": {
                        "time": (time("When.")),
                        "country": (country("In which country.")),
                        "terminal": (hash("At which terminal, by the hash of its posId."))
                    },
                    "required": ["time", "country", "terminal"]
                }
            },
            "required": ["account", "time"]
        }
    })
}

/// By what time passes where nothing else comes.
pub(super) fn tick() -> Node {
    headed(node!({
        "title": "Tick",
        "description": "By what a partition's time passes where nothing else comes, or is set by an operator. Record key: the partition's number.",
        "oneOf": [
            {
                "title": "Passed",
                "type": "object",
                "properties": {
                    "kind": { "const": "passed" },
                    "streamTime": (time("The partition's time when it was written.")),
                    "lastRecordTime": {
                        "description": "When the partition's last record was appended, by its broker. null where that is not known.",
                        "type": ["string", "null"], "format": "date-time"
                    }
                },
                "required": ["kind", "streamTime"]
            },
            {
                "title": "SetTime",
                "type": "object",
                "properties": {
                    "kind": { "const": "setTime" },
                    "to": (time("Where time is set to.")),
                    "streamTime": {
                        "description": "Where it stood when that was asked for. null where nobody looked.",
                        "type": ["string", "null"], "format": "date-time"
                    },
                    "by": { "description": "Who did it, and why, as they said.", "type": "string" }
                },
                "required": ["kind", "to", "by"]
            }
        ]
    }))
}

/// The headers of a dead letter, each a text.
pub(super) fn dead_letter_headers() -> Node {
    let about = |name: &str| match name {
        ERROR_CODE => {
            node!({ "description": "Code of what was wrong, as in the catalogue of checks.", "type": "string" })
        }
        ERROR_MESSAGE => node!({
            "description": "What was wrong, in words.", "type": "string", "maxLength": (DEAD_LETTER_MESSAGE_CHARS_MAX)
        }),
        SOURCE_TOPIC => node!({ "description": "Topic that the record came from.", "type": "string" }),
        SOURCE_PARTITION => digits("Its partition."),
        SOURCE_OFFSET => digits("Its offset."),
        ATTEMPT => digits("How often it was tried."),
        VALUE_BYTES => digits("Size of the value, where that had to be cut or left out."),
        KEY_BYTES => digits("Size of the key, where that had to be left out."),
        HEADERS_BYTES => digits("Size of the record's own headers, where they had to be left out."),
        _ => node!({ "type": "string" }),
    };
    let properties: Node = SAID.iter().chain(&LEFT_OUT).map(|name| (*name, about(name))).collect();
    let description = format!(
        "What a dead letter says on top of the record's own headers. One of the sender's that has one of these names \
         stands there as {SENDERS} and the name. Each is a text in UTF-8."
    );
    headed(node!({
        "title": "DeadLetterHeaders",
        "description": (description),
        "type": "object",
        "properties": (properties),
        "required": (SAID.to_vec())
    }))
}

fn digits(description: &str) -> Node {
    node!({ "description": (description), "type": "string", "pattern": "^[0-9]+$" })
}
