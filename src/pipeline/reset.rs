//! A unit's state rewritten as a whole: a checkpoint rotation that makes void what its journal held before.
//!
//! Each record is a transaction of its own for whoever restores, so that nothing needs to be counted before the first
//! one is written; the state counts only with the last one, which completes the rotation. All of them belong into one
//! transaction of the broker.

use crate::codec::journal::{ByteWriter, Head, write_record};

/// Writes one partition's journal records; holds one at a time.
#[derive(Debug)]
pub struct Reset {
    head: Head,
    piece: ByteWriter,
    count: usize,
    piece_bytes_max: usize,
}

impl Reset {
    /// Goes on after `last`, whose number, writer, stream time, positions, ruleset and numbers of partitions, transaction
    /// and rotation count; all others do not. A record is closed once it has `piece_bytes_max` bytes: one entry more is
    /// far smaller than the room above it should be.
    #[must_use]
    pub fn after(last: Head, piece_bytes_max: usize) -> Self {
        let head = Head {
            sequence: last.sequence.saturating_add(1),
            part: 0,
            parts: 1,
            consumed: 0,
            outcomes: 0,
            rotation: last.rotation.saturating_add(1),
            rotation_begins: true,
            rotation_completes: false,
            resets: true,
            ..last
        };
        Self { head, piece: ByteWriter::default(), count: 0, piece_bytes_max }
    }

    /// Adds an entry of the new state, which `write` appends; gives out a record where one is full.
    pub fn add(&mut self, write: impl FnOnce(&mut ByteWriter)) -> Option<Vec<u8>> {
        write(&mut self.piece);
        self.count += 1;
        (self.piece.0.len() >= self.piece_bytes_max).then(|| self.record())
    }

    /// The last record, after which the new state is whole.
    #[must_use]
    pub fn finish(mut self) -> Vec<u8> {
        self.head.rotation_completes = true;
        self.record()
    }

    fn record(&mut self) -> Vec<u8> {
        let record = write_record(&self.head, (0, &[]), (self.count, &self.piece.0));
        self.piece.0.clear();
        self.count = 0;
        self.head.sequence = self.head.sequence.saturating_add(1);
        (self.head.rotation_begins, self.head.resets) = (false, false);
        record
    }
}
