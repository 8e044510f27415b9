//! One connection through the proxy: requests one way, answers the other, each by a thread that takes and one that
//! delivers, so that what is delayed or held does not keep the rest from being taken. Never reorders.

use std::collections::BTreeMap;
use std::io::{Read, Result, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::{Cut, Front, Kind, LOOK_AGAIN, Phase, Shared, Until, number};

const UNKNOWN_MEMBER_ID: [u8; 2] = 25_i16.to_be_bytes();
/// From this version on an answer to a heartbeat ends with a byte for tagged fields.
const HEARTBEAT_TAGGED: i16 = 4;
/// How long the broker's answer to a late request is waited for: it may be gone.
const ANSWER_WITHIN: Duration = Duration::from_secs(60);

/// A connection of a client, and the proxy's own to the broker for it.
pub struct Connection {
    client: TcpStream,
    server: TcpStream,
    /// Names the connection in the story.
    client_port: u16,
    front: Arc<Front>,
    shared: Arc<Shared>,
    /// A request of it was held: it is delivered whatever becomes of the client.
    kept: AtomicBool,
    /// Answers are thrown away from now on.
    silent: AtomicBool,
    /// Requests the broker has not answered, by their number.
    asked: Mutex<BTreeMap<[u8; 4], Asked>>,
}

struct Asked {
    kind: Kind,
    version: i16,
    hold: Option<usize>,
}

struct Request {
    came: Instant,
    frame: Vec<u8>,
    kind: Kind,
    hold: Option<usize>,
    /// Holds that ended by this request: theirs go first.
    behind: Vec<usize>,
}

struct Answer {
    came: Instant,
    frame: Vec<u8>,
    kind: Option<Kind>,
}

#[allow(clippy::disallowed_methods, reason = "the way takes real time; nothing is decided by it")]
fn now() -> Instant {
    Instant::now()
}

/// Begins to pass on what comes either way.
pub fn connect(client: TcpStream, server: TcpStream, front: &Arc<Front>, shared: &Arc<Shared>) -> Result<()> {
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let connection = Arc::new(Connection {
        client_port: client.peer_addr()?.port(),
        client,
        server,
        front: Arc::clone(front),
        shared: Arc::clone(shared),
        kept: AtomicBool::new(false),
        silent: AtomicBool::new(false),
        asked: Mutex::default(),
    });
    {
        let mut connections = front.connections.lock().expect("the lock");
        connections.retain(|known| known.strong_count() > 0);
        connections.push(Arc::downgrade(&connection));
    }
    let (requests, requests_taken) = channel();
    let (answers, answers_taken) = channel();
    let [one, two, three, four] = std::array::from_fn(|_| Arc::clone(&connection));
    // Each ends by an error of its socket or with the one before it; the next is told by its channel.
    std::thread::spawn(move || one.take_requests(&requests));
    std::thread::spawn(move || two.deliver_requests(&requests_taken));
    std::thread::spawn(move || three.take_answers(&answers));
    std::thread::spawn(move || four.deliver_answers(&answers_taken));
    Ok(())
}

fn read_frame(mut from: &TcpStream) -> Result<Vec<u8>> {
    let mut length = [0; 4];
    from.read_exact(&mut length)?;
    let mut frame = vec![0; 4 + u32::from_be_bytes(length) as usize];
    frame[..4].copy_from_slice(&length);
    from.read_exact(&mut frame[4..])?;
    Ok(frame)
}

impl Connection {
    /// Cuts the client off, and the way to the broker where nothing is held on it.
    pub fn cut(&self) {
        // Either may be closed already.
        let _ = self.client.shutdown(Shutdown::Both);
        if !self.kept.load(Ordering::SeqCst) {
            let _ = self.server.shutdown(Shutdown::Both);
        }
    }

    fn take_requests(&self, requests: &Sender<Request>) {
        while let Ok(frame) = read_frame(&self.client) {
            let kind = Kind::of(&frame);
            let (behind, hold, cut) = self.shared.change(|state| {
                *state.counts.entry(kind).or_default() += 1;
                let ended = state.end_holds(
                    |until| matches!(until, Until::Before { kind: awaited, .. } if awaited == kind),
                );
                let hold = state.catch(kind);
                let caught = if hold.is_some() { ", caught" } else { "" };
                state.tell(kind, || format!("came on {}{caught}", self.client_port));
                (ended, hold, hold.map(|place| state.holds[place].hold.cut))
            });
            if cut.is_some() {
                self.kept.store(true, Ordering::SeqCst);
            }
            if requests.send(Request { came: now(), frame, kind, hold, behind }).is_err() {
                return;
            }
            if cut == Some(Cut::Connection) {
                self.cut();
            }
        }
    }

    fn deliver_requests(&self, requests: &Receiver<Request>) {
        while let Ok(Request { came, frame, kind, hold, behind }) = requests.recv() {
            if let Some(place) = hold {
                self.shared.wait_until(place, Phase::Released, Duration::MAX);
            }
            for place in behind {
                self.shared.wait_until(place, Phase::Answered, ANSWER_WITHIN);
            }
            self.front.travel(came, &self.front.request_delay);
            let asked = Asked { kind, version: number(&frame, 6), hold };
            let correlation = frame[8..12].try_into().expect("four bytes");
            self.asked.lock().expect("the lock").insert(correlation, asked);
            self.shared.change(|state| state.tell(kind, || format!("delivered on {}", self.client_port)));
            if (&self.server).write_all(&frame).is_err() {
                break;
            }
        }
        if self.kept.load(Ordering::SeqCst) {
            // The broker forgets requests of a connection that is closed.
            let since = now();
            while !self.asked.lock().expect("the lock").is_empty() && since.elapsed() < ANSWER_WITHIN {
                std::thread::sleep(LOOK_AGAIN);
            }
        }
        let _ = self.server.shutdown(Shutdown::Both);
        let _ = self.client.shutdown(Shutdown::Both);
    }

    fn take_answers(&self, answers: &Sender<Answer>) {
        while let Ok(mut frame) = read_frame(&self.server) {
            let asked = self.asked.lock().expect("the lock").remove(&frame[4..8]);
            let kind = asked.as_ref().map(|asked| asked.kind);
            let mut lost = None;
            if let Some(asked) = asked {
                self.shared.rename(asked.kind, &mut frame);
                lost = self.shared.change(|state| {
                    if let Some(place) = asked.hold {
                        state.holds[place].phase = Phase::Answered;
                        state.holds[place].answer = Some(frame[4..].to_vec());
                    }
                    state.put_out |= is_put_out(&asked, &frame);
                    state.tell(asked.kind, || {
                        format!("answered on {}: {:02x?}", self.client_port, &frame[8..])
                    });
                    let place = state.losing.iter().position(|(losing, _)| *losing == asked.kind)?;
                    Some(state.losing.remove(place).1)
                });
            }
            match lost {
                Some(Cut::Connection) => self.cut(),
                Some(Cut::Nothing) => self.silent.store(true, Ordering::SeqCst),
                None => {}
            }
            let heard = lost.is_none() && !self.silent.load(Ordering::SeqCst);
            // A client that is gone hears nothing, but what the broker answers still counts.
            if heard {
                let _ = answers.send(Answer { came: now(), frame, kind });
            }
        }
        // The broker is gone: nobody need wait for it.
        let asked = std::mem::take(&mut *self.asked.lock().expect("the lock"));
        self.shared.change(|state| {
            for place in asked.values().filter_map(|asked| asked.hold) {
                state.holds[place].phase = Phase::Answered;
            }
        });
    }

    fn deliver_answers(&self, answers: &Receiver<Answer>) {
        while let Ok(Answer { came, frame, kind }) = answers.recv() {
            self.front.travel(came, &self.front.answer_delay);
            let delivered = (&self.client).write_all(&frame);
            if let Some(kind) = kind {
                self.shared.change(|state| {
                    state.end_holds(
                        |until| matches!(until, Until::After { kind: awaited, .. } if awaited == kind),
                    )
                });
            }
            if delivered.is_err() {
                break;
            }
        }
        let _ = self.client.shutdown(Shutdown::Both);
    }
}

/// Whether this answer says to a member of the classic protocol that it is one no more.
fn is_put_out(asked: &Asked, frame: &[u8]) -> bool {
    let behind = if asked.version >= HEARTBEAT_TAGGED { 3 } else { 2 };
    asked.kind == Kind::Heartbeat && frame[..frame.len() - behind + 2].ends_with(&UNKNOWN_MEMBER_ID)
}
