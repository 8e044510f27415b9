//! Messages of a small transaction, kept until its positions were added. Sends nothing itself.
//!
//! A coordinator that still ends a transaction refuses the first request of the next one. The client then waits 20 ms before it
//! registers partitions again, whatever its settings say (librdkafka 2.12), and for as long as `retry.backoff.ms` before it adds
//! positions again. So where a transaction follows close upon another, its positions go first and find out.

use rdkafka::message::OwnedHeaders;
use rdkafka::producer::BaseRecord;
use std::ops::Range;
use std::time::Duration;

/// Bytes of topics, keys and values that are kept; headers here are tillgate's own, and short. A transaction of more takes so long that the wait is little beside it.
const BYTES_MAX: usize = 64 << 10;
/// How long after the end of a transaction its coordinator may still be busy with it.
pub const BUSY_MAX: Duration = Duration::from_millis(20);

/// Messages that wait, in their order.
#[derive(Default)]
pub struct Outbox {
    messages: Vec<KeptMessage>,
    /// Topics, keys and values.
    bytes: Vec<u8>,
    keeps: bool,
}

struct KeptMessage {
    topic: Range<usize>,
    partition: Option<i32>,
    key: Option<Range<usize>>,
    value: Option<Range<usize>>,
    headers: Option<OwnedHeaders>,
}

/// A message to be sent; at no time of its own.
pub type Message<'m> = BaseRecord<'m, [u8], [u8]>;

impl Outbox {
    /// Drops what an earlier transaction left. Of the one that begins, messages are kept or not.
    pub fn begin(&mut self, keeps: bool) {
        self.clear();
        self.keeps = keeps;
    }

    fn clear(&mut self) {
        self.messages.clear();
        self.bytes.clear();
    }

    /// Keeps a message.
    ///
    /// # Errors
    /// The message itself, where none is kept any more: it is to be sent behind those that were ([`Self::open`]).
    pub fn keep<'m>(&mut self, message: Message<'m>) -> Result<(), Message<'m>> {
        let Message { topic, partition, key, payload: value, .. } = message;
        let more = topic.len() + key.map_or(0, <[u8]>::len) + value.map_or(0, <[u8]>::len);
        if !self.keeps || self.bytes.len() + more > BYTES_MAX {
            return Err(message);
        }
        let topic = self.add(topic.as_bytes());
        let [key, value] = [key, value].map(|bytes| bytes.map(|bytes| self.add(bytes)));
        self.messages.push(KeptMessage { topic, partition, key, value, headers: message.headers });
        Ok(())
    }

    fn add(&mut self, bytes: &[u8]) -> Range<usize> {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(bytes);
        start..self.bytes.len()
    }

    /// Hands what was kept to `send`, in its order; of this transaction nothing is kept any more.
    ///
    /// # Errors
    /// What `send` says; the rest is dropped, for the transaction can only be aborted.
    pub fn open<E>(&mut self, mut send: impl FnMut(Message<'_>) -> Result<(), E>) -> Result<(), E> {
        self.keeps = false;
        let Self { messages, bytes, .. } = self;
        let at = |range: Range<usize>| &bytes[range];
        let sent =
            messages.drain(..).try_for_each(|KeptMessage { topic, partition, key, value, headers }| {
                let topic = str::from_utf8(at(topic)).unwrap_or_default();
                let (key, payload) = (key.map(at), value.map(at));
                send(Message {
                    topic,
                    partition,
                    key,
                    payload,
                    headers,
                    timestamp: None,
                    delivery_opaque: (),
                })
            });
        self.clear();
        sent
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(value: &[u8]) -> Message<'_> {
        Message::to("outcomes").partition(3).key(b"key").payload(value)
    }

    fn opened(outbox: &mut Outbox) -> Vec<(String, Option<i32>, Vec<u8>)> {
        let mut all = Vec::new();
        let sent = outbox.open(|Message { topic, partition, payload, .. }| {
            all.push((topic.to_owned(), partition, payload.unwrap_or_default().to_vec()));
            Ok::<(), ()>(())
        });
        sent.expect("all is taken");
        all
    }

    #[test]
    fn what_is_kept_comes_out_once_and_in_its_order() {
        let mut outbox = Outbox::default();
        assert!(outbox.keep(message(b"before a transaction")).is_err());
        outbox.begin(true);
        for value in [b"1", b"2"] {
            outbox.keep(message(value)).expect("kept");
        }
        let tombstone = Message { payload: None, partition: None, ..message(b"") };
        outbox.keep(tombstone).expect("kept");
        let out = |value: &[u8], partition| ("outcomes".to_owned(), partition, value.to_vec());
        assert_eq!(opened(&mut outbox), [out(b"1", Some(3)), out(b"2", Some(3)), out(b"", None)]);
        assert!(outbox.keep(message(b"3")).is_err(), "positions were added");
        assert!(opened(&mut outbox).is_empty());
    }

    #[test]
    fn too_much_is_not_kept_and_an_aborted_transaction_leaves_nothing() {
        let mut outbox = Outbox::default();
        outbox.begin(true);
        outbox.keep(message(b"first")).expect("kept");
        let large = vec![0; BYTES_MAX];
        let refused = outbox.keep(message(&large)).expect_err("too much");
        assert_eq!(refused.payload, Some(large.as_slice()));
        outbox.begin(true);
        outbox.keep(message(b"second")).expect("kept");
        assert_eq!(opened(&mut outbox).len(), 1);
        outbox.begin(false);
        assert!(outbox.keep(message(b"third")).is_err());
    }

    #[test]
    fn what_cannot_be_sent_is_told_and_nothing_behind_it_is_sent() {
        let mut outbox = Outbox::default();
        outbox.begin(true);
        for value in [b"1", b"2", b"3"] {
            outbox.keep(message(value)).expect("kept");
        }
        let mut count = 0;
        let sent = outbox.open(|_| {
            count += 1;
            if count == 2 { Err("full") } else { Ok(()) }
        });
        assert_eq!((sent, count), (Err("full"), 2));
        assert!(opened(&mut outbox).is_empty());
    }
}
