//! The two endpoints of contact decisions, asked over a connection of this machine: bodies, keys and persons of any bytes. What is
//! answered with success became a record that a partition takes, and what is refused for its form became none.

use std::cell::RefCell;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::Duration;

use serde_json::Value;
use tillgate::config::GatewaySettings;
use tillgate::contact::{
    CONTACT_REQUESTS, ContactDecision, ContactRequest, Contacts, INTERACTIONS, Interaction, Partition,
    PartyFact,
};
use tillgate::domain::Micros;
use tillgate::domain::limits::MESSAGE_CHARS_MAX;
use tillgate::domain::record::RecordTime;
use tillgate::gateway::api::{Api, Documents, Means};
use tillgate::gateway::read_model::ReadModel;
use tillgate::gateway::records::{InputTopic, InputWriter, OnWritten, RecordPlace};
use tillgate::gateway::{Gate, Server, ServerBounds};
use tillgate::pipeline::{DecisionSink, InputRecord, Outbound};

use super::contact_judge::new_partition;
use super::judge::assert_text;

/// How long an answer may take that is there at once.
const SOON: Duration = Duration::from_secs(20);
/// When everything is: 2 March 2026.
const NOW: Micros = Micros(1_772_452_800_000_000);

/// The topics: records go to a partition as soon as they are written, and what it says to whoever waits.
struct Topics {
    partition: Mutex<Partition>,
    model: Arc<ReadModel>,
    /// What was written last.
    written: Mutex<Option<Written>>,
}

/// A record's input, key and value, and whether it was a dead letter.
type Written = (InputTopic, String, Vec<u8>, bool);

/// What a partition says of a record.
struct Told<'m> {
    model: &'m ReadModel,
    is_dead: bool,
}

impl DecisionSink<Contacts> for Told<'_> {
    fn send(&mut self, _: &ContactDecision<'_>, outbound: &Outbound<'_>) {
        self.model.take_decision(outbound.value.unwrap_or_default()).expect("a decision");
    }

    fn reply(&mut self, outbound: &Outbound<'_>) {
        self.model.take_reply(InputTopic::Interactions, outbound.value.unwrap_or_default()).expect("a reply");
    }

    fn dead_letter(&mut self, _: &InputRecord<'_>, _: &'static str, _: &str) {
        self.is_dead = true;
    }
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Topics {
    fn take(&self, input: usize, key: &str, value: &[u8], request_id: Option<&str>) -> (i64, bool) {
        // Never the same one again, as answers are told apart by it.
        static OFFSET: AtomicI64 = AtomicI64::new(0);
        let offset = OFFSET.fetch_add(1, Ordering::Relaxed);
        let record = InputRecord {
            input,
            partition: 0.into(),
            offset,
            timestamp_millis: NOW.0 / 1_000,
            time: RecordTime::Written(NOW),
            key: Some(key.as_bytes()),
            value: Some(value),
            schema_guid: None,
            request_id: request_id.map(str::as_bytes),
        };
        let mut told = Told { model: &self.model, is_dead: false };
        let mut partition = locked(&self.partition);
        partition.on_record((), &record, &mut told).expect("a state that holds");
        partition.committed();
        (offset, told.is_dead)
    }
}

impl InputWriter for Topics {
    fn write(&self, input: InputTopic, key: &str, value: &[u8], request_id: Option<&str>, then: OnWritten) {
        let place = match input {
            InputTopic::Interactions => INTERACTIONS,
            _ => CONTACT_REQUESTS,
        };
        let (offset, is_dead) = self.take(place, key, value, request_id);
        *locked(&self.written) = Some((input, key.to_owned(), value.to_vec(), is_dead));
        then(Ok(RecordPlace { input, partition: 0.into(), offset }));
    }
}

/// A gateway with such topics. One at a time asks it, as what was written last is looked at.
struct Gateway {
    topics: Arc<Topics>,
    address: SocketAddr,
}

static GATEWAY: LazyLock<Mutex<Gateway>> = LazyLock::new(|| {
    let settings = GatewaySettings {
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        // More than all that is asked.
        rate_per_client: 0,
        ..GatewaySettings::default()
    };
    let model = Arc::new(ReadModel::new(Duration::from_secs(1), 1 << 20));
    let topics = Arc::new(Topics {
        partition: Mutex::new(new_partition()),
        model: Arc::clone(&model),
        written: Mutex::new(None),
    });
    let means = Means { draw: || DRAWN.fetch_add(1, Ordering::Relaxed) as u128, now: || NOW, form: |_| None };
    let records: Arc<dyn InputWriter> = topics.clone();
    let api = Api::new((records, model), &settings, true, std::collections::BTreeSet::new(), means);
    let server = Server::bind(settings.listen, ServerBounds::of(&settings), None).expect("a free port");
    let address = server.address();
    let gate = Gate::new(&settings).expect("a gate");
    let documents = Documents { openapi: String::new(), page: String::new() };
    drop(api.serve(server, &gate, documents, std::future::pending()).expect("a thread"));
    Mutex::new(Gateway { topics, address })
});

static DRAWN: AtomicI64 = AtomicI64::new(1);

thread_local! {
    static CONNECTION: RefCell<Option<TcpStream>> = const { RefCell::new(None) };
}

/// A byte that chooses, a line with a key or a person, and a body.
pub fn request(bytes: &[u8]) {
    let [chooses, rest @ ..] = bytes else { return };
    let end = rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
    let (line, body) = (&rest[..end], rest.get(end + 1..).unwrap_or_default());
    let gateway = locked(&GATEWAY);
    *locked(&gateway.topics.partition) = new_partition();
    *locked(&gateway.topics.written) = None;
    let is_interaction = chooses & 1 != 0;
    let kind = if chooses & 6 == 6 { "text/plain" } else { "application/json; charset=utf-8" };
    let head = if is_interaction {
        let key: String =
            line.iter().map(|byte| char::from(*byte)).filter(|letter| (' '..='~').contains(letter)).collect();
        format!("POST /v1/interactions HTTP/1.1\r\nidempotency-key: {key}\r\n")
    } else {
        let person: String = line.iter().map(|byte| format!("%{byte:02x}")).collect();
        // Somebody of whom something is known is judged further.
        if let Ok(id) = str::from_utf8(line) {
            let fact = PartyFact {
                party_id: id.to_owned(),
                account: "A-1".to_owned(),
                statuses: Vec::new(),
                withdrawn: false,
            };
            let value = serde_json::to_vec(&fact).expect("into memory nothing fails");
            gateway.topics.take(tillgate::contact::PARTIES, id, &value, None);
        }
        format!("POST /people/{person}/can-interact HTTP/1.1\r\n")
    };
    let head = format!("{head}host: x\r\ncontent-type: {kind}\r\ncontent-length: {}\r\n\r\n", body.len());
    let times = if chooses & 8 != 0 && is_interaction { 2 } else { 1 };
    for _ in 0..times {
        let (status, answer) = ask(gateway.address, &[head.as_bytes(), body].concat());
        let written = locked(&gateway.topics.written).take();
        holds(is_interaction, status, &answer, written);
    }
}

fn holds(is_interaction: bool, status: u16, answer: &[u8], written: Option<Written>) {
    if status == 431 {
        // The server's own, before anybody has looked at the request.
        assert!(written.is_none() && answer.is_empty());
        return;
    }
    let json: Value =
        serde_json::from_slice(answer).unwrap_or_else(|error| panic!("{status}, no JSON: {error}"));
    match (status, written) {
        (201, Some((InputTopic::Interactions, key, value, false))) if is_interaction => {
            let record = Interaction::read(&value).expect("a record that the flow takes");
            assert_eq!(record.party_id, key);
            let told = Interaction::read(answer).expect("the answer is the interaction");
            assert_eq!((told.content(), told.idempotency_key), (record.content(), None));
        }
        (200, Some((InputTopic::ContactRequests, key, value, false))) if !is_interaction => {
            let record = ContactRequest::read(&value).expect("a record that the flow takes");
            assert_eq!(record.person_id, key);
            assert_eq!(json["data"]["requestId"], record.request_id);
            let reasons = json["data"]["reasons"].as_array().expect("reasons");
            assert_eq!(json["data"]["result"], reasons.is_empty());
        }
        (422, Some((InputTopic::Interactions, .., true))) if is_interaction => {}
        (400 | 404 | 413 | 415, None) => {
            let detail = json["detail"].as_str().expect("a problem has a detail");
            assert_text(detail, MESSAGE_CHARS_MAX);
        }
        (status, written) => panic!("{status} {json} of {written:?}"),
    }
}

/// The answer to a request, on the connection of this thread or a new one.
fn ask(address: SocketAddr, request: &[u8]) -> (u16, Vec<u8>) {
    CONNECTION.with_borrow_mut(|connection| {
        let stream = connection.get_or_insert_with(|| {
            let stream = TcpStream::connect(address).expect("a connection");
            stream.set_read_timeout(Some(SOON)).expect("a time-out");
            stream.set_nodelay(true).expect("no delay");
            stream
        });
        // What is refused early is answered before all is sent.
        let sent = stream.write_all(request);
        let (status, head, body) =
            answer(stream).unwrap_or_else(|why| panic!("no answer: {why}, sent: {sent:?}"));
        if head.to_ascii_lowercase().contains("connection: close") {
            *connection = None;
        }
        (status, body)
    })
}

fn answer(stream: &mut TcpStream) -> std::io::Result<(u16, String, Vec<u8>)> {
    let mut read = Vec::new();
    let mut part = [0; 4_096];
    let end = loop {
        if let Some(end) = read.windows(4).position(|four| four == b"\r\n\r\n") {
            break end + 4;
        }
        match stream.read(&mut part)? {
            0 => return Err(std::io::ErrorKind::UnexpectedEof.into()),
            length => read.extend_from_slice(&part[..length]),
        }
    };
    let head = String::from_utf8_lossy(&read[..end]).into_owned();
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    let length = head.lines().filter_map(|line| line.split_once(": "));
    let mut length = length.filter(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    let length: usize = length.next().and_then(|(_, length)| length.parse().ok()).unwrap_or(0);
    let mut body = read.split_off(end);
    while body.len() < length {
        match stream.read(&mut part)? {
            0 => return Err(std::io::ErrorKind::UnexpectedEof.into()),
            read => body.extend_from_slice(&part[..read]),
        }
    }
    Ok((status, head, body))
}
