//! Inputs that are as bad as a sender can make them: as long, as deep and as many as fits a record. Each is run once,
//! because a change more or less to them makes no difference.

use tillgate::codec::avro::POS_EVENT_SCHEMA;

/// Bytes of the largest record that a broker takes by default.
const RECORD_BYTES: usize = 1 << 20;

/// The worst for this target; none where mutation gets there by itself.
pub fn of(target: &str) -> Vec<Vec<u8>> {
    let texts = match target {
        "json_pos_event" => json("accountNumber"),
        "json_account_event" => json("account"),
        "avro_schema" => schemas(),
        "recorded_outcome" => outcomes(),
        "export_line" => lines(),
        // A ruleset has some hundred lines.
        "ruleset" => {
            vec!["checks.form.length.enabled = true\n".repeat(4_000), filled("a"), filled("checks.x=")]
        }
        "config_file" => {
            vec![filled("[a]\n"), filled("a.b = 1\n"), nested("a = ", "[", "]"), nested("a = ", "{a=", "}")]
        }
        _ => Vec::new(),
    };
    texts.into_iter().map(String::into_bytes).collect()
}

/// A text over and over, up to the size of a record.
fn filled(text: &str) -> String {
    text.repeat(RECORD_BYTES / text.len())
}

/// As deep as a record is long.
fn nested(before: &str, open: &str, close: &str) -> String {
    let depth = (RECORD_BYTES - before.len()) / (open.len() + close.len());
    format!("{before}{}1{}", open.repeat(depth), close.repeat(depth))
}

fn json(account: &str) -> Vec<String> {
    let line = r#"{"itemId":"","itemDescription":"\u0000","unitCode":"?","quantity":-0.1234567,"unitPrice":-1e9,"grossAmount":1}"#;
    let event = |member: &str| {
        format!(
            r#"{{"{account}":"A","eventType":"Purchase","time":"2025-06-15T12:00:00Z","currency":"EUR","countryCode":"DE","conversationLanguage":"DE",{member}}}"#
        )
    };
    let items = |line: &str, count: usize| event(&format!(r#""items":[{}]"#, vec![line; count].join(",")));
    vec![
        items("{}", 10_000),
        items(line, RECORD_BYTES / (line.len() + 1)),
        items("{}", 10_001),
        event(&format!(r#""accountTransactionId":"{}""#, filled("T"))),
        event(&format!(r#""id":"{}""#, filled("\\u001b"))),
        event(&format!(r#""totalAmount":{}"#, filled("9"))),
        event(&format!(r#""totalAmount":1e{}"#, filled("9"))),
        event(&format!(r#""totalAmount":0.{}1"#, filled("0"))),
        event(&format!(r#""eventType":"{}""#, filled("é"))),
        event(&format!(r#""{}":1"#, filled("\u{1b}"))),
        event(&filled(r#""a":1,"#)),
        format!("{}1{}", "{\"a\":".repeat(RECORD_BYTES / 6), "}".repeat(RECORD_BYTES / 6)),
        nested(&format!(r#"{{"{account}":"A","unknown":"#), "[", "]"),
        filled(" "),
        filled("{"),
    ]
}

fn schemas() -> Vec<String> {
    // Ours, and more fields behind.
    let ours = POS_EVENT_SCHEMA.trim_end().trim_end_matches('}').trim_end().trim_end_matches(']');
    let record = |fields: &str| format!("{ours},{fields}]}}");
    let field = |kind: &str| record(&format!(r#"{{"name":"a","type":{kind}}}"#));
    // A chain of named types that no nesting of brackets shows: defined where nobody needs them, then the last one used.
    let chain: Vec<String> = (1..9_000)
        .map(|number| {
            format!(
                r#"{{"type":"record","name":"R{number}","fields":[{{"name":"n","type":"R{}"}}]}}"#,
                number - 1
            )
        })
        .collect();
    let first = r#"{"type":"record","name":"R0","fields":[]}"#;
    let chained = record(r#"{"name":"last","type":"R8999"}"#).replace(
        r#""posName", "type": ["null", "string""#,
        &format!(r#""posName", "type": ["null", "string", {first}, {}"#, chain.join(",")),
    );
    assert!(chained.contains("R8998"), "our schema is written otherwise than it was");
    let symbols: Vec<String> = (0..60_000).map(|number| format!(r#""S{number}""#)).collect();
    let fields: Vec<String> =
        (0..20_000).map(|number| format!(r#"{{"name":"f{number}","type":"long"}}"#)).collect();
    vec![
        chained,
        field(&format!(r#"{{"type":"enum","name":"E","symbols":[{}]}}"#, symbols.join(","))),
        record(&fields.join(",")),
        record(&format!(r#"{{"name":"{}","type":"long"}}"#, filled("a"))),
        field(&format!(r#""{}""#, filled("T"))),
        field(&nested("", r#"{"type":"array","items":"#, "}").replace('1', "\"long\"")),
        field(&format!("[{}]", vec!["\"null\""; 100_000].join(","))),
        nested("", "[", "]"),
    ]
}

fn outcomes() -> Vec<String> {
    vec![
        nested("{\"a\":", "[", "]") + "}",
        nested("{\"a\":", "{\"a\":", "}") + "}",
        format!("{{{}\"a\":1}}", filled("\"a\":1,")),
        filled(",\"source\":{\"topic\":\""),
    ]
}

fn lines() -> Vec<String> {
    let line = |headers: &str, value: &str| {
        format!(
            r#"{{"topic":"t","partition":0,"offset":0,"timestamp":-1,"timestampType":"None","key":null,"headers":[{headers}],"value":{value}}}"#
        )
    };
    let header = r#"{"name":"","value":null}"#;
    vec![
        line(&vec![header; RECORD_BYTES / (header.len() + 1)].join(","), "null"),
        line("", &nested("", "[", "]")),
        line("", &format!("\"{}\"", filled("\\u0000"))),
        line("", &filled("1")),
    ]
}
