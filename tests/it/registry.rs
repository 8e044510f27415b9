//! The schema registry's client against a server of the test's own that answers as it is told, faults included.

mod cases;
mod flood;
mod foreign;

use crate::support::eventually;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tillgate::codec::avro::{ACCOUNT_EVENT_SCHEMA, POS_EVENT_SCHEMA, fingerprint};
use tillgate::codec::{SchemaLookup, SchemaRef, Schemas};
use tillgate::config::{RegistryAuth, RegistrySettings, Secret};
use tillgate::registry::{Registry, RegistryClient, RegistryError};

const SOON: Duration = Duration::from_secs(30);
/// How long an id counts as unknown, where a test does not care.
const UNKNOWN_FOR: Duration = Duration::from_millis(500);

/// What the server was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Request {
    line: String,
    authorization: Option<String>,
    body: String,
}

/// What it does then.
enum Reply {
    Answer(u16, String),
    /// These bytes, whatever they are.
    Raw(&'static [u8]),
    /// Says nothing until the client gives up.
    Silence,
    HangUp,
}

type Behaviour = Arc<dyn Fn(&Request) -> Reply + Send + Sync>;

/// A server that ends with the test's process.
struct Server {
    url: String,
    requests: Arc<Mutex<Vec<Request>>>,
    behaviour: Arc<Mutex<Behaviour>>,
}

impl Server {
    fn start(behaviour: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let behaviour: Arc<Mutex<Behaviour>> = Arc::new(Mutex::new(Arc::new(behaviour)));
        let (seen, behave) = (Arc::clone(&requests), Arc::clone(&behaviour));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (behave, seen) = (Arc::clone(&behave), Arc::clone(&seen));
                std::thread::spawn(move || {
                    let Some((request, stream)) = stream.ok().and_then(read_request) else { return };
                    let behaviour = Arc::clone(&*behave.lock().unwrap());
                    seen.lock().unwrap().push(request.clone());
                    answer(stream, &behaviour(&request));
                });
            }
        });
        Self { url, requests, behaviour }
    }

    fn behave(&self, behaviour: impl Fn(&Request) -> Reply + Send + Sync + 'static) {
        *self.behaviour.lock().unwrap() = Arc::new(behaviour);
    }

    fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }

    fn registry(&self) -> Registry {
        self.registry_with(settings(), UNKNOWN_FOR)
    }

    fn registry_with(&self, settings: RegistrySettings, unknown_for: Duration) -> Registry {
        Registry::start(&self.url, &settings, unknown_for).unwrap()
    }

    fn client(&self) -> RegistryClient {
        RegistryClient::new(&format!("{}/", self.url), &settings()).unwrap()
    }
}

/// Of a registry that answers at once.
fn settings() -> RegistrySettings {
    RegistrySettings {
        timeout: Duration::from_millis(500),
        backoff_min: Duration::from_millis(1),
        backoff_max: Duration::from_millis(5),
        cache_max: 100,
        ..RegistrySettings::default()
    }
}

fn read_request(stream: TcpStream) -> Option<(Request, TcpStream)> {
    let mut reader = BufReader::new(stream);
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        if line.trim().is_empty() {
            break;
        }
        lines.push(line.trim().to_owned());
    }
    let header = |name: &str| {
        let fields = lines.iter().skip(1).filter_map(|line| line.split_once(": "));
        fields.filter(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.to_owned()).next()
    };
    let length = header("content-length").map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let line = lines.first()?.trim_end_matches(" HTTP/1.1").to_owned();
    let request =
        Request { line, authorization: header("authorization"), body: String::from_utf8(body).unwrap() };
    Some((request, reader.into_inner()))
}

fn answer(mut stream: TcpStream, reply: &Reply) {
    match reply {
        Reply::Answer(status, body) => {
            let length = body.len();
            // The client may have given up: its loss.
            let _ = write!(
                stream,
                "HTTP/1.1 {status} X\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}"
            );
        }
        Reply::Raw(bytes) => {
            let _ = stream.write_all(bytes);
        }
        Reply::Silence => {
            let _ = stream.read(&mut [0]);
        }
        Reply::HangUp => {}
    }
}

fn found(schema: &str) -> Reply {
    Reply::Answer(200, serde_json::json!({ "schema": schema }).to_string())
}

fn not_there() -> Reply {
    Reply::Answer(404, r#"{"error_code":40403,"message":"Schema 7 not found"}"#.to_owned())
}

/// The answer once it is more than "wait".
fn settled<T>(ask: impl Fn() -> SchemaLookup<T>) -> Result<T, String> {
    eventually(SOON, "an answer about the schema", || match ask() {
        SchemaLookup::Known(plan) => Some(Ok(plan)),
        SchemaLookup::Unknown(reason) => Some(Err(reason)),
        SchemaLookup::Waiting => None,
    })
}

#[test]
fn fetches_a_schema_once_and_keeps_it() {
    let server = Server::start(|request| match request.line.as_str() {
        "GET /schemas/ids/7" => found(POS_EVENT_SCHEMA),
        "GET /schemas/guids/01010101-0101-0101-0101-010101010101" => found(ACCOUNT_EVENT_SCHEMA),
        other => Reply::Answer(500, other.to_owned()),
    });
    let registry = server.registry();
    assert_eq!(registry.pos_event(&SchemaRef::Id(7)).waiting(), Ok(()), "the first answer is at once");
    for _ in 0..3 {
        settled(|| registry.pos_event(&SchemaRef::Id(7))).unwrap();
        settled(|| registry.account_event(&SchemaRef::Guid([1; 16]))).unwrap();
    }
    assert_eq!(server.requests().len(), 2, "{:?}", server.requests());
    assert_eq!(registry.trouble(), None);
}

trait Waits {
    fn waiting(&self) -> Result<(), ()>;
}

impl<T> Waits for SchemaLookup<T> {
    fn waiting(&self) -> Result<(), ()> {
        if matches!(self, SchemaLookup::Waiting) { Ok(()) } else { Err(()) }
    }
}

#[test]
fn knows_our_own_fingerprints_without_asking() {
    let server = Server::start(|_| Reply::HangUp);
    let registry = server.registry();
    let own = SchemaRef::Fingerprint(fingerprint(POS_EVENT_SCHEMA).unwrap());
    settled(|| registry.pos_event(&own)).unwrap();
    settled(|| registry.pos_event(&SchemaRef::Fingerprint(1))).unwrap_err();
    let beyond = settled(|| registry.pos_event(&SchemaRef::Id(u32::MAX))).unwrap_err();
    assert!(beyond.contains("none that a registry gives"), "{beyond}");
    assert_eq!(server.requests(), []);
}

#[test]
fn says_who_we_are() {
    for (auth, header) in [
        (RegistryAuth::None, None),
        (RegistryAuth::Basic, Some("Basic bWU6cGFzcw==")),
        (RegistryAuth::Bearer, Some("Bearer token")),
    ] {
        let (username, [password, token]) = ("me".to_owned(), ["pass", "token"].map(Secret::new));
        let server = Server::start(|_| found(POS_EVENT_SCHEMA));
        let registry = server
            .registry_with(RegistrySettings { auth, username, password, token, ..settings() }, UNKNOWN_FOR);
        settled(|| registry.pos_event(&SchemaRef::Id(7))).unwrap();
        assert_eq!(server.requests()[0].authorization.as_deref(), header);
    }
}

#[test]
fn waits_while_the_registry_has_trouble_and_says_so() {
    for (trouble, text) in [
        (|| Reply::Answer(500, String::new()), "answers 500"),
        (|| Reply::Answer(503, r#"{"message":"busy"}"#.to_owned()), "answers 503: busy"),
        (|| Reply::Answer(429, String::new()), "answers 429"),
        (|| Reply::Answer(401, String::new()), "answers 401; check registry.auth"),
        (|| Reply::Answer(403, String::new()), "answers 403; check registry.auth"),
        (|| Reply::Answer(200, "<html>".to_owned()), "no registry's"),
        (|| Reply::HangUp, "127.0.0.1"),
        (|| Reply::Silence, "timeout"),
    ] as [(fn() -> Reply, &str); 8]
    {
        let server = Server::start(move |_| trouble());
        let registry = server.registry();
        assert_eq!(registry.pos_event(&SchemaRef::Id(7)).waiting(), Ok(()));
        let said = eventually(SOON, "trouble", || registry.trouble());
        assert!(said.contains(text), "{said}");
        let before = server.requests().len();
        eventually(SOON, "another attempt", || (server.requests().len() > before).then_some(()));
        assert_eq!(registry.pos_event(&SchemaRef::Id(7)).waiting(), Ok(()));
        server.behave(|_| found(POS_EVENT_SCHEMA));
        settled(|| registry.pos_event(&SchemaRef::Id(7))).unwrap();
        eventually(SOON, "no more trouble", || registry.trouble().is_none().then_some(()));
    }
}

#[test]
fn trouble_with_one_schema_does_not_hold_up_the_others() {
    let server = Server::start(|request| {
        if request.line.ends_with("/1") { Reply::Answer(500, String::new()) } else { found(POS_EVENT_SCHEMA) }
    });
    let registry = server.registry();
    assert_eq!(registry.pos_event(&SchemaRef::Id(1)).waiting(), Ok(()));
    settled(|| registry.pos_event(&SchemaRef::Id(2))).unwrap();
    assert_eq!(registry.pos_event(&SchemaRef::Id(1)).waiting(), Ok(()));
}

#[test]
fn an_unknown_schema_is_unknown_only_for_a_while() {
    let server = Server::start(|_| not_there());
    let registry = server.registry();
    let reason = settled(|| registry.pos_event(&SchemaRef::Id(7))).unwrap_err();
    assert_eq!(reason, "schema id 7 is not in the registry");
    assert_eq!(registry.trouble(), None);
    server.behave(|_| found(POS_EVENT_SCHEMA));
    eventually(SOON, "the schema that was registered later", || {
        match registry.pos_event(&SchemaRef::Id(7)) {
            SchemaLookup::Known(_) => Some(()),
            _ => None,
        }
    });
}

#[test]
fn a_registry_without_guids_has_no_such_schema() {
    let server = Server::start(|request| match request.line.as_str() {
        "GET /schemas/types" => Reply::Answer(200, r#"["AVRO"]"#.to_owned()),
        _ => Reply::Answer(404, r#"{"error_code":0,"message":"no such path"}"#.to_owned()),
    });
    let registry = server.registry();
    let reason = settled(|| registry.pos_event(&SchemaRef::Guid([1; 16]))).unwrap_err();
    assert_eq!(reason, "schema guid 01010101-0101-0101-0101-010101010101 is not in the registry");
}

#[test]
fn what_can_never_be_read_is_unknown_with_the_reason() {
    for (answer, text) in [
        (found(ACCOUNT_EVENT_SCHEMA), "expected the record PosEvent, found AccountEvent"),
        (found("{"), "no Avro schema"),
        (
            Reply::Answer(200, r#"{"schema":"","schemaType":"PROTOBUF"}"#.into()),
            "schema id 7 is of type PROTOBUF, which is not supported: send Avro or JSON",
        ),
        (
            Reply::Answer(200, r#"{"schema":"","references":[{"name":"x"}]}"#.into()),
            "refers to other schemas of the registry, which is not supported",
        ),
        (
            Reply::Answer(422, r#"{"error_code":42202,"message":"no such id"}"#.into()),
            "answers 422: no such id",
        ),
    ] {
        let answer = Mutex::new(Some(answer));
        let server = Server::start(move |_| answer.lock().unwrap().take().unwrap_or(Reply::HangUp));
        let registry = server.registry();
        for _ in 0..2 {
            let reason = settled(|| registry.pos_event(&SchemaRef::Id(7))).unwrap_err();
            assert!(reason.starts_with("schema id 7") && reason.contains(text), "{reason}");
        }
    }
}

#[test]
fn keeps_no_more_schemas_than_it_may_and_forgets_unknown_ones_first() {
    let server =
        Server::start(
            |request| {
                if request.line.ends_with("/9") { not_there() } else { found(POS_EVENT_SCHEMA) }
            },
        );
    let registry = server.registry_with(RegistrySettings { cache_max: 2, ..settings() }, UNKNOWN_FOR);
    let asked = |line: &str| server.requests().iter().filter(|request| request.line == line).count();
    settled(|| registry.pos_event(&SchemaRef::Id(1))).unwrap();
    settled(|| registry.pos_event(&SchemaRef::Id(9))).unwrap_err();
    settled(|| registry.pos_event(&SchemaRef::Id(2))).unwrap();
    settled(|| registry.pos_event(&SchemaRef::Id(1))).unwrap();
    assert_eq!(asked("GET /schemas/ids/1"), 1);
    settled(|| registry.pos_event(&SchemaRef::Id(3))).unwrap();
    settled(|| registry.pos_event(&SchemaRef::Id(1))).unwrap();
    assert_eq!(asked("GET /schemas/ids/1"), 2, "the oldest went");
}

#[test]
fn registers_a_schema_and_tries_again_while_the_registry_is_away() {
    let tries = AtomicUsize::new(0);
    let server = Server::start(move |_| match tries.fetch_add(1, Ordering::Relaxed) {
        0 => Reply::Answer(500, String::new()),
        1 => Reply::HangUp,
        _ => Reply::Answer(200, r#"{"id":42}"#.to_owned()),
    });
    let client = server.client();
    assert_eq!(client.register("a b", "\"int\"", 3), Ok(42));
    let last = server.requests().pop().unwrap();
    assert_eq!(last.line, "POST /subjects/a%20b/versions");
    assert_eq!(last.body, r#"{"schema":"\"int\""}"#);
    server.behave(|_| Reply::Answer(409, r#"{"error_code":409,"message":"incompatible"}"#.to_owned()));
    let before = server.requests().len();
    let error = client.register("s", "\"int\"", 5).unwrap_err();
    assert!(matches!(&error, RegistryError::Unusable(text) if text.contains("409: incompatible")), "{error}");
    assert_eq!(server.requests().len(), before + 1);
    server.behave(|_| Reply::Answer(503, String::new()));
    assert!(matches!(client.register("s", "\"int\"", 2), Err(RegistryError::Unavailable(_))));
}

#[test]
fn options_that_cannot_work_are_refused_at_the_start() {
    let server = Server::start(|_| Reply::HangUp);
    let empty = tempfile::NamedTempFile::new().unwrap();
    for (path, text) in
        [("/no/such/file".into(), "No such file"), (empty.path().to_owned(), "no certificate in it")]
    {
        let settings = RegistrySettings { ca_file: Some(path), ..settings() };
        let error = RegistryClient::new(&server.url, &settings).unwrap_err();
        assert!(
            error.to_string().starts_with("registry.ca_file") && error.to_string().contains(text),
            "{error}"
        );
    }
}
