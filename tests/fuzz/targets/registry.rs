//! Answers of a schema registry, or of whatever stands at its address. They go over a connection on this machine, so that
//! the client is the one that runs.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::Value as Json;
use tillgate::codec::SchemaRef;
use tillgate::config::{RegistryAuth, RegistrySettings, Secret};
use tillgate::registry::{RegistryClient, RegistryError, WrittenAs};

use super::judge::assert_text;

const STATUSES: [u16; 16] = [200, 200, 200, 404, 404, 404, 422, 400, 401, 403, 407, 409, 429, 500, 503, 302];
/// Stands in the address, and must not come out of it.
const PASSWORD: &str = "hunter2";

struct Registry {
    client: RegistryClient,
    answer: Arc<Mutex<Vec<u8>>>,
}

thread_local! {
    static REGISTRY: Registry = Registry::start().unwrap_or_else(|error| panic!("no registry: {error}"));
}

impl Registry {
    fn start() -> std::io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let url = format!("http://{}", listener.local_addr()?);
        let answer = Arc::<Mutex<Vec<u8>>>::default();
        let answers = Arc::clone(&answer);
        std::thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                let answers = Arc::clone(&answers);
                std::thread::spawn(move || serve(&connection, &answers));
            }
        });
        let timeout = Duration::from_secs(10);
        let (backoff_min, backoff_max) = (timeout, timeout);
        let (auth, password) = (RegistryAuth::Basic, Secret::new(PASSWORD));
        let settings =
            RegistrySettings { auth, password, timeout, backoff_min, backoff_max, ..Default::default() };
        let client = RegistryClient::new(&url, &settings).map_err(std::io::Error::other)?;
        Ok(Self { client, answer })
    }
}

/// Answers every request on a connection; ends it where the answer does not say how long it is.
fn serve(connection: &TcpStream, answers: &Mutex<Vec<u8>>) {
    let _ = connection.set_nodelay(true);
    let (mut requests, mut out) = (BufReader::new(connection), connection);
    let mut line = String::new();
    loop {
        line.clear();
        match requests.read_line(&mut line) {
            Ok(0) | Err(_) => return,
            Ok(_) if line != "\r\n" => {}
            Ok(_) => {
                let answer = answers.lock().unwrap_or_else(PoisonError::into_inner).clone();
                if out.write_all(&answer).is_err() || !answer.starts_with(b"HTTP/1.1 ") {
                    return;
                }
            }
        }
    }
}

/// A byte that chooses the status, and the body; from 240 on the bytes are all that is answered.
///
/// Only what is a registry's own answer says something of the schema; everything else is "ask again".
pub fn answer(bytes: &[u8]) {
    let Some((first, body)) = bytes.split_first() else { return };
    let status = (*first < 240).then(|| STATUSES[usize::from(first % 16)]);
    let answer = match status {
        Some(status) => {
            let head = format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\n\r\n", body.len());
            [head.as_bytes(), body].concat()
        }
        None => body.to_vec(),
    };
    let schema = if first & 0x10 == 0 { SchemaRef::Id(7) } else { SchemaRef::Guid([7; 16]) };
    let result = REGISTRY.with(|registry| {
        *registry.answer.lock().unwrap_or_else(PoisonError::into_inner) = answer;
        registry.client.schema(&schema)
    });
    if let Err(error) = &result {
        let text = error.to_string();
        assert_text(&text, 2_000);
        assert!(!text.contains(PASSWORD), "{text}");
    }
    let Some(status) = status else { return };
    let json = serde_json::from_slice::<Json>(body).ok();
    let code = json.as_ref().and_then(|json| json.get("error_code")).and_then(Json::as_u64);
    match result {
        Ok(WrittenAs::Avro(text)) => {
            assert!((200..300).contains(&status));
            let json = json.expect("an answer in JSON");
            assert_eq!(json["schema"].as_str(), Some(&*text));
        }
        Ok(WrittenAs::Json) => assert!((200..300).contains(&status)),
        Err(RegistryError::NotFound(_)) => assert!(status == 404 && code.is_some(), "{status} {code:?}"),
        Err(RegistryError::Unusable(_)) => assert!(status == 200 || status == 422 && code.is_some()),
        Err(RegistryError::Denied(_)) => assert!(matches!(status, 401 | 403)),
        Err(RegistryError::Unavailable(_)) => {}
        Err(RegistryError::Options(text)) => panic!("{text}"),
    }
}
