//! Answers that are no registry's own: a proxy's, another service's, a port's that speaks something else. None of them
//! makes a dead letter; what a registry says itself does.

use super::*;

#[track_caller]
fn waits(reply: impl Fn() -> Reply + Send + Sync + 'static, schema: SchemaRef) -> String {
    let server = Server::start(move |_| reply());
    let registry = server.registry();
    assert_eq!(registry.pos_event(&schema).waiting(), Ok(()));
    let trouble = eventually(SOON, "trouble", || registry.trouble());
    let before = server.requests().len();
    eventually(SOON, "another attempt", || (server.requests().len() > before).then_some(()));
    assert_eq!(registry.pos_event(&schema).waiting(), Ok(()), "{trouble}");
    server.behave(|_| found(POS_EVENT_SCHEMA));
    settled(|| registry.pos_event(&schema)).unwrap();
    trouble
}

#[test]
fn only_a_registrys_own_answer_says_that_there_is_no_schema() {
    const REFUSED: &str = r#"{"error":"not found","path":"/schemas/ids/7"}"#;
    for (status, body, said) in [
        (400, "<html>The plain HTTP request was sent to HTTPS port</html>", "not as a schema registry does"),
        (400, r#"{"message":"bad id"}"#, "answers 400: bad id, and not as a schema registry does"),
        (404, "<html>", "check registry.url"),
        (404, "", "check registry.url"),
        (404, REFUSED, "check registry.url"),
        (
            404,
            r#"{"error_code":404,"message":"HTTP 404 Not Found"}"#,
            "answers 404: HTTP 404 Not Found; check",
        ),
        (404, r#"{"error_code":"40403","message":"text is no code"}"#, "not as a schema registry does"),
        (405, r#"{"error_code":405,"message":"HTTP 405 Method Not Allowed"}"#, "answers 405"),
        (410, "gone", "not as a schema registry does"),
        (422, "<html>", "not as a schema registry does"),
        (451, "", "not as a schema registry does"),
        (200, "<html>", "no registry's"),
        (200, "[]", "no registry's"),
        (200, r#"{"error_code":40403,"message":"a proxy that makes all 200"}"#, "no registry's"),
        (200, r#"{"schema":{"type":"record"}}"#, "no registry's"),
        (204, "", "no registry's"),
    ] {
        let trouble = waits(move || Reply::Answer(status, body.to_owned()), SchemaRef::Id(7));
        assert!(trouble.contains(said), "{status} {body}: {trouble}");
    }
    let guid = waits(|| Reply::Answer(404, REFUSED.to_owned()), SchemaRef::Guid([1; 16]));
    assert!(guid.contains("not as a schema registry does"), "{guid}");
}

#[test]
fn a_port_that_speaks_tls_or_something_else_is_a_registry_that_is_away() {
    // A TLS alert; a line of another protocol.
    waits(|| Reply::Raw(&[0x15, 0x03, 0x03, 0x00, 0x02, 0x02, 0x46]), SchemaRef::Id(7));
    waits(|| Reply::Raw(b"SSH-2.0-OpenSSH_9.6\r\n"), SchemaRef::Id(7));
    waits(|| Reply::Raw(b"HTTP/1.1 200 OK\r\nContent-Length: 90\r\n\r\n{\"schema\":"), SchemaRef::Id(7));
}

#[test]
fn the_answers_of_both_registries_say_that_there_is_no_schema() {
    for (status, body) in [
        // Confluent's.
        (404, r#"{"error_code":40403,"message":"Schema 7 not found"}"#),
        (404, r#"{"error_code":40401,"message":"Subject 'x' not found."}"#),
        (404, r#"{"error_code":40402,"message":"Version 9 not found."}"#),
        // Apicurio's.
        (404, r#"{"error_code":40403,"message":"No content with id/hash 'contentId-7' was found."}"#),
    ] {
        let server = Server::start(move |_| Reply::Answer(status, body.to_owned()));
        let registry = server.registry();
        let reason = settled(|| registry.pos_event(&SchemaRef::Id(7))).unwrap_err();
        assert_eq!(reason, "schema id 7 is not in the registry");
    }
}

#[test]
fn an_answer_beyond_four_megabytes_is_unusable_and_not_asked_for_again_and_again() {
    let server = Server::start(|request| match request.line.as_str() {
        "GET /schemas/ids/7" => {
            found(&format!("{{\"type\":\"record\",\"doc\":\"{}\"}}", "x".repeat(5 << 20)))
        }
        _ => found(POS_EVENT_SCHEMA),
    });
    let registry = server.registry_with(RegistrySettings { timeout: SOON, ..settings() }, SOON);
    for _ in 0..3 {
        let reason = settled(|| registry.pos_event(&SchemaRef::Id(7))).unwrap_err();
        assert_eq!(reason, "schema id 7: the registry's answer is longer than 4 MiB");
    }
    settled(|| registry.pos_event(&SchemaRef::Id(8))).unwrap();
    assert_eq!(server.requests().len(), 2);
    assert_eq!(registry.trouble(), None);
}

#[test]
fn no_schema_ends_the_threads_that_fetch() {
    // A chain of 9,000 named types, each of which refers to the one before it; what a general parser panics on.
    let link = |place: usize| {
        let field = serde_json::json!({"name": "f", "type": format!("R{}", place.max(1) - 1)});
        let fields = if place == 0 { vec![] } else { vec![field] };
        serde_json::json!({"type": "record", "name": format!("R{place}"), "fields": fields})
    };
    let mut schema: serde_json::Value = serde_json::from_str(POS_EVENT_SCHEMA).unwrap();
    let mut branches: Vec<_> = (0..9_000).map(link).collect();
    branches.insert(0, "string".into());
    schema["fields"][4] = serde_json::json!({"name": "nfcId", "type": branches});
    let last = serde_json::json!({"name": "last", "type": "R8999"});
    schema["fields"].as_array_mut().unwrap().push(last);
    let chain = schema.to_string();
    let server = Server::start(move |request| match request.line.as_str() {
        "GET /schemas/ids/1" => found(&chain),
        "GET /schemas/ids/2" => found(&"[".repeat(1_000_000)),
        _ => found(POS_EVENT_SCHEMA),
    });
    let registry = server.registry_with(RegistrySettings { timeout: SOON, ..settings() }, UNKNOWN_FOR);
    for id in 1..10 {
        let _ = settled(|| registry.pos_event(&SchemaRef::Id(id)));
        let _ = settled(|| registry.account_event(&SchemaRef::Id(id)));
    }
    settled(|| registry.pos_event(&SchemaRef::Id(10))).unwrap();
}

#[test]
fn json_behind_an_id_is_read_as_json() {
    let server = Server::start(|_| {
        Reply::Answer(
            200,
            r#"{"schema":"{\"type\":\"object\"}","schemaType":"JSON","references":[{}]}"#.into(),
        )
    });
    let registry = server.registry();
    let plan = settled(|| registry.pos_event(&SchemaRef::Id(7))).unwrap();
    assert_eq!(plan.read(br#"{"accountNumber":"A"}"#).unwrap().account_number.as_deref(), Some("A"));
    plan.read(b"\x02A").unwrap_err();
    let plan = settled(|| registry.account_event(&SchemaRef::Id(7))).unwrap();
    plan.read(br#"{"id":"e","account":"a","eventType":"close"}"#).unwrap();
}
