//! A network between worker and broker that loses one answer: it holds back a request that ends a transaction, cuts the
//! client's connection, and delivers the request later, as a network may. Brokers are seen under the proxy's port.

use std::io::{ErrorKind, Read, Result, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

const INIT_PRODUCER_ID: i16 = 22;
const END_TXN: i16 = 26;
const HEARTBEAT: i16 = 12;
const UNKNOWN_MEMBER_ID: [u8; 2] = 25_i16.to_be_bytes();

#[derive(Default)]
struct State {
    armed: AtomicBool,
    /// The held request and the broker connection it belongs to.
    held: Mutex<Option<(Vec<u8>, TcpStream)>>,
    is_held: AtomicBool,
    released: AtomicBool,
    answered: AtomicBool,
    inits: AtomicUsize,
    frozen: AtomicBool,
    put_out: AtomicBool,
}

impl State {
    fn wait_while_frozen(&self) {
        while self.frozen.load(Ordering::SeqCst) {
            std::thread::park_timeout(Duration::from_millis(5));
        }
    }
}

/// A proxy before one broker.
pub struct Proxy {
    port: u16,
    state: Arc<State>,
}

impl Proxy {
    /// Before the broker at `127.0.0.1:PORT`, as it names itself to clients too.
    pub fn before(bootstrap: &str) -> Self {
        let broker: u16 = bootstrap.rsplit(':').next().and_then(|port| port.parse().ok()).expect("a port");
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let state = Arc::new(State::default());
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let Ok(server) = TcpStream::connect(("127.0.0.1", broker)) else { continue };
                connect(client, server, broker, port, &shared);
            }
        });
        Proxy { port, state }
    }

    pub fn bootstrap(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Holds back the next request that ends a transaction.
    pub fn hold_next_end(&self) {
        self.state.armed.store(true, Ordering::SeqCst);
    }

    pub fn holds(&self) -> Option<()> {
        self.state.is_held.load(Ordering::SeqCst).then_some(())
    }

    /// Delivers the held request.
    pub fn release(&self) {
        let held = self.state.held.lock().expect("the lock").take();
        let (frame, mut server) = held.expect("a held request");
        self.state.released.store(true, Ordering::SeqCst);
        server.write_all(&frame).expect("the broker takes it");
    }

    /// Whether the broker has answered the held request.
    pub fn answered(&self) -> Option<()> {
        self.state.answered.load(Ordering::SeqCst).then_some(())
    }

    /// Lets nothing through, in either direction.
    pub fn freeze(&self) {
        self.state.frozen.store(true, Ordering::SeqCst);
    }

    /// Lets everything through again.
    pub fn thaw(&self) {
        self.state.frozen.store(false, Ordering::SeqCst);
    }

    /// Whether a member was told that it is one no more.
    pub fn put_out(&self) -> Option<()> {
        self.state.put_out.load(Ordering::SeqCst).then_some(())
    }

    /// Producers made so far.
    pub fn inits(&self) -> usize {
        self.state.inits.load(Ordering::SeqCst)
    }
}

/// What both directions of a connection know.
#[derive(Default)]
struct Connection {
    /// Its client was cut off, for a held request.
    kept: AtomicBool,
    /// Number of the last heartbeat on it.
    heartbeat: Mutex<Vec<u8>>,
}

fn connect(client: TcpStream, server: TcpStream, broker: u16, port: u16, state: &Arc<State>) {
    let (from_client, to_server) =
        (client.try_clone().expect("a clone"), server.try_clone().expect("a clone"));
    let kept = Arc::new(Connection::default());
    let (its_state, its_kept) = (Arc::clone(state), Arc::clone(&kept));
    std::thread::spawn(move || {
        let ended = forward_requests(from_client, &to_server, &its_state, &its_kept);
        if ended.is_err() && !its_kept.kept.load(Ordering::SeqCst) {
            let _ = to_server.shutdown(Shutdown::Both);
        }
    });
    let state = Arc::clone(state);
    std::thread::spawn(move || {
        let _ = forward_answers(server, client, broker, port, &state, &kept);
    });
}

fn frame(from: &mut TcpStream) -> Result<Vec<u8>> {
    let mut length = [0; 4];
    from.read_exact(&mut length)?;
    let mut frame = vec![0; 4 + u32::from_be_bytes(length) as usize];
    frame[..4].copy_from_slice(&length);
    from.read_exact(&mut frame[4..])?;
    Ok(frame)
}

fn forward_requests(
    mut from: TcpStream,
    server: &TcpStream,
    state: &State,
    connection: &Connection,
) -> Result<()> {
    let mut to = server;
    loop {
        let frame = frame(&mut from)?;
        let api = i16::from_be_bytes([frame[4], frame[5]]);
        if api == INIT_PRODUCER_ID {
            state.inits.fetch_add(1, Ordering::SeqCst);
        }
        if api == END_TXN && state.armed.swap(false, Ordering::SeqCst) {
            connection.kept.store(true, Ordering::SeqCst);
            *state.held.lock().expect("the lock") = Some((frame, server.try_clone()?));
            state.is_held.store(true, Ordering::SeqCst);
            from.shutdown(Shutdown::Both)?;
            return Err(ErrorKind::ConnectionAborted.into());
        }
        if api == HEARTBEAT {
            *connection.heartbeat.lock().expect("the lock") = frame[8..12].to_vec();
        }
        state.wait_while_frozen();
        to.write_all(&frame)?;
    }
}

/// Brokers name themselves in their answers; the name is replaced by the proxy's, which is as long.
fn forward_answers(
    mut from: TcpStream,
    mut to: TcpStream,
    broker: u16,
    port: u16,
    state: &State,
    connection: &Connection,
) -> Result<()> {
    let name = |port: u16| [b"127.0.0.1".as_slice(), &i32::from(port).to_be_bytes()].concat();
    let (real, shown) = (name(broker), name(port));
    loop {
        let mut frame = frame(&mut from)?;
        if connection.kept.load(Ordering::SeqCst) {
            if state.released.load(Ordering::SeqCst) {
                state.answered.store(true, Ordering::SeqCst);
            }
            continue;
        }
        if frame.len() < 1 << 16 {
            let mut at = 0;
            while let Some(found) = frame[at..].windows(real.len()).position(|bytes| bytes == real) {
                frame[at + found..at + found + real.len()].copy_from_slice(&shown);
                at += found + real.len();
            }
        }
        state.wait_while_frozen();
        to.write_all(&frame)?;
        let to_heartbeat = frame[4..8] == connection.heartbeat.lock().expect("the lock")[..];
        if to_heartbeat && frame[8..].windows(2).any(|bytes| bytes == UNKNOWN_MEMBER_ID) {
            state.put_out.store(true, Ordering::SeqCst);
        }
    }
}
