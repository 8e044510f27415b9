//! The journal of a partition while it runs: the batch's facts, and the checkpoint rotation.
//!
//! A rotation writes every account's full state once, a slice per transaction, in proportion to what
//! is consumed; when it is complete, nothing before its beginning is needed for a restore.

use super::PartitionOptions;
use crate::codec::journal::{Head, Writer, write_account, write_change, write_record};
use crate::codec::rulesets::RulesetChange;
use crate::domain::partitioner::Partitioner;
use crate::state::{Change, PartitionState};

/// Pieces whose memory is kept from batch to batch.
const SPARE_PIECES: usize = 2;

/// The journal records of one batch.
#[derive(Clone, Debug, Default)]
pub struct JournalBatch {
    /// The records, to be written to the journal's partition in this order, all in the batch's transaction.
    pub records: Vec<Vec<u8>>,
    /// Whether a checkpoint rotation begins with them.
    pub rotation_begins: bool,
    /// Whether a checkpoint rotation is complete with them.
    pub rotation_completes: bool,
    /// The batch was decided by another ruleset than the journal's last one: to be noted in the batch's transaction.
    /// Account events leave no outcome that would name their ruleset, and the journal is trimmed.
    pub ruleset_change: Option<RulesetChange>,
}

/// Facts of a batch, encoded, in pieces below the record limit.
#[derive(Debug, Default)]
struct Piece {
    count: usize,
    bytes: Writer,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Rotation {
    pub(super) number: u64,
    /// The next slot to write; none where no rotation is under way.
    pub(super) cursor: Option<u32>,
    /// Records consumed since the rotation began.
    pub(super) consumed: u64,
}

/// What a partition writes down of the batch at hand.
#[derive(Debug)]
pub(super) struct Journal {
    events_per_account: u32,
    rotation_events_min: u64,
    record_bytes_max: usize,
    input_partitions: u32,
    partitioner: Partitioner,
    pieces: Vec<Piece>,
    /// Memory of earlier batches' pieces, at most [`SPARE_PIECES`].
    spare: Vec<Vec<u8>>,
    consumed: u64,
    outcomes: u64,
    /// Number of the last committed transaction.
    pub(super) sequence: u64,
    /// The ruleset that decided it; none where it is not known, or there is none.
    pub(super) ruleset: Option<u128>,
    /// The ruleset of the batch that was finished last.
    ruleset_after: Option<u128>,
    pub(super) rotation: Rotation,
    /// The rotation as it is once the batch is committed.
    rotation_after: Option<Rotation>,
}

impl Journal {
    pub(super) fn new(options: &PartitionOptions) -> Self {
        let rotation_events_min = u64::from(options.rotation_events_min);
        Self {
            events_per_account: options.checkpoint_events_per_account.max(1),
            rotation_events_min,
            record_bytes_max: options.journal_record_bytes_max,
            input_partitions: options.input_partitions,
            partitioner: options.partitioner,
            pieces: Vec::new(),
            spare: Vec::new(),
            consumed: 0,
            outcomes: 0,
            sequence: 0,
            ruleset: None,
            ruleset_after: None,
            rotation: Rotation { consumed: rotation_events_min, ..Rotation::default() },
            rotation_after: None,
        }
    }

    pub(super) fn count_consumed(&mut self) {
        self.consumed += 1;
    }

    pub(super) fn count_outcome(&mut self) {
        self.outcomes += 1;
    }

    pub(super) fn change(&mut self, change: &Change<'_>) {
        let full = self.pieces.last().is_none_or(|piece| piece.bytes.0.len() >= self.piece_bytes_max());
        if full {
            let bytes = Writer(self.spare.pop().unwrap_or_default());
            self.pieces.push(Piece { count: 0, bytes });
        }
        if let Some(piece) = self.pieces.last_mut() {
            write_change(&mut piece.bytes, change);
            piece.count += 1;
        }
    }

    /// A piece is closed once it is half of a record: one change is far smaller than the other half.
    fn piece_bytes_max(&self) -> usize {
        self.record_bytes_max / 2
    }

    pub(super) fn rotation_begins(&self) -> bool {
        self.consumed > 0
            && self.rotation.cursor.is_none()
            && self.rotation.consumed + self.consumed >= self.rotation_events_min
    }

    /// `positions`: before and after the batch.
    pub(super) fn finish(
        &mut self,
        partition: i32,
        ruleset: u128,
        writer: &str,
        [before, positions]: [[Option<i64>; 2]; 2],
        state: &PartitionState,
    ) -> JournalBatch {
        if self.consumed == 0 {
            return JournalBatch::default();
        }
        let rotation_begins = self.rotation_begins();
        let mut rotation = self.rotation.clone();
        rotation.consumed += self.consumed;
        if rotation_begins {
            rotation = Rotation { number: rotation.number + 1, cursor: Some(0), consumed: self.consumed };
        }
        let slices = self.slices(&mut rotation, state);
        let rotation_completes =
            rotation.cursor.is_some_and(|cursor| cursor as usize >= state.accounts().len());
        if rotation_completes {
            rotation.cursor = None;
        }
        let parts = self.pieces.len().max(1) + slices.len();
        let mut head = Head {
            partition,
            partitions: self.input_partitions,
            // Among a number that is not known no key was judged.
            partitioner: (self.input_partitions > 0).then_some(self.partitioner),
            ruleset,
            sequence: self.sequence + 1,
            part: 0,
            parts: parts as u32,
            writer: writer.to_owned(),
            stream_time: state.stream_time(),
            positions,
            consumed: self.consumed,
            outcomes: self.outcomes,
            rotation: rotation.number,
            rotation_begins,
            rotation_completes,
            resets: false,
        };
        let mut records = Vec::with_capacity(parts);
        let empty = Piece::default();
        let changes = self.pieces.iter().map(|piece| (piece, &empty));
        let changes = changes.chain(self.pieces.is_empty().then_some((&empty, &empty)));
        for (changes, accounts) in changes.chain(slices.iter().map(|slice| (&empty, slice))) {
            let (facts, full) = ((changes.count, &*changes.bytes.0), (accounts.count, &*accounts.bytes.0));
            records.push(write_record(&head, facts, full));
            head.part += 1;
        }
        self.rotation_after = Some(rotation);
        self.ruleset_after = Some(ruleset);
        let changed = self.ruleset != Some(ruleset);
        let ruleset_change = changed.then_some(RulesetChange { ruleset, positions: before });
        JournalBatch { records, rotation_begins, rotation_completes, ruleset_change }
    }

    /// The full states that are due, in pieces below the record limit; moves the cursor.
    fn slices(&self, rotation: &mut Rotation, state: &PartitionState) -> Vec<Piece> {
        let Some(cursor) = rotation.cursor else { return Vec::new() };
        let due = (self.consumed.div_ceil(u64::from(self.events_per_account))).max(1);
        let end = u64::from(cursor).saturating_add(due).min(state.accounts().len() as u64) as u32;
        let mut slices: Vec<Piece> = Vec::new();
        for account in (cursor..end).filter_map(|slot| state.accounts().at(slot)) {
            if slices.last().is_none_or(|slice| slice.bytes.0.len() >= self.piece_bytes_max()) {
                slices.push(Piece::default());
            }
            if let Some(slice) = slices.last_mut() {
                write_account(&mut slice.bytes, account);
                slice.count += 1;
            }
        }
        rotation.cursor = Some(end);
        slices
    }

    pub(super) fn committed(&mut self) {
        if self.consumed > 0 {
            self.sequence += 1;
        }
        if let Some(ruleset) = self.ruleset_after.take() {
            self.ruleset = Some(ruleset);
        }
        if let Some(rotation) = self.rotation_after.take() {
            self.rotation = rotation;
        }
        self.clear();
    }

    pub(super) fn aborted(&mut self) {
        self.rotation_after = None;
        self.ruleset_after = None;
        self.clear();
    }

    fn clear(&mut self) {
        for piece in self.pieces.drain(..) {
            if self.spare.len() < SPARE_PIECES {
                let Writer(mut bytes) = piece.bytes;
                bytes.clear();
                self.spare.push(bytes);
            }
        }
        self.consumed = 0;
        self.outcomes = 0;
    }
}
