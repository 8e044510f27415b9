//! The journal of a unit while it runs: the batch's changes, and the checkpoint rotation.
//!
//! A rotation writes every entry of the state as a whole once, a slice per transaction, in proportion to what
//! is consumed; when it is complete, nothing before its beginning is needed for a restore.

use super::layout::Division;
use super::model::State;
use super::partition::PartitionSettings;
use crate::codec::journal::{ByteWriter, Head, write_record};
use crate::codec::rulesets::RulesetChange;
use crate::domain::PartitionId;
use crate::domain::flow::{Flow, Positions};

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
    /// Not every record leaves an answer that would name its ruleset, and the journal is trimmed.
    pub ruleset_change: Option<RulesetChange>,
}

/// Changes of a batch, encoded, in pieces below the record limit.
#[derive(Debug, Default)]
struct Piece {
    count: usize,
    bytes: ByteWriter,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Rotation {
    pub(super) number: u64,
    /// The next slot to write; none where no rotation is under way.
    pub(super) cursor: Option<u32>,
    /// Records consumed since the rotation began.
    pub(super) consumed: u64,
}

/// How far a batch has read.
#[derive(Clone, Copy, Debug)]
pub(super) struct BatchReach<'p> {
    /// Next offsets before it, and after it.
    pub(super) before: &'p Positions,
    pub(super) positions: &'p Positions,
    /// When the last record was appended, where that is known.
    pub(super) appended: Option<i64>,
}

/// What a partition writes down of the batch at hand.
#[derive(Debug)]
pub(super) struct BatchJournal {
    flow: &'static Flow,
    records_per_entry: u32,
    rotation_records_min: u64,
    record_bytes_max: usize,
    division: Division,
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

impl BatchJournal {
    pub(super) fn new(flow: &'static Flow, settings: &PartitionSettings) -> Self {
        let rotation_records_min = u64::from(settings.rotation_records_min);
        Self {
            flow,
            records_per_entry: settings.checkpoint_records_per_entry.max(1),
            rotation_records_min,
            record_bytes_max: settings.journal_record_bytes_max,
            division: settings.division,
            pieces: Vec::new(),
            spare: Vec::new(),
            consumed: 0,
            outcomes: 0,
            sequence: 0,
            ruleset: None,
            ruleset_after: None,
            rotation: Rotation { consumed: rotation_records_min, ..Rotation::default() },
            rotation_after: None,
        }
    }

    pub(super) fn count_consumed(&mut self) {
        self.consumed += 1;
    }

    pub(super) fn count_outcome(&mut self) {
        self.outcomes += 1;
    }

    pub(super) fn change<S: State>(&mut self, change: &S::Change<'_>) {
        let full = self.pieces.last().is_none_or(|piece| piece.bytes.0.len() >= self.piece_bytes_max());
        if full {
            let bytes = ByteWriter(self.spare.pop().unwrap_or_default());
            self.pieces.push(Piece { count: 0, bytes });
        }
        if let Some(piece) = self.pieces.last_mut() {
            S::write_change(change, &mut piece.bytes);
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
            && self.rotation.consumed + self.consumed >= self.rotation_records_min
    }

    pub(super) fn finish<S: State>(
        &mut self,
        partition: PartitionId,
        ruleset: u128,
        writer: &str,
        BatchReach { before, positions, appended }: BatchReach<'_>,
        state: &S,
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
        let rotation_completes = rotation.cursor.is_some_and(|cursor| cursor as usize >= state.entries());
        if rotation_completes {
            rotation.cursor = None;
        }
        let parts = self.pieces.len().max(1) + slices.len();
        let Division { partitioner, partitions } = self.division;
        let mut head = Head {
            flow: self.flow.name.to_owned(),
            partition,
            partitions,
            // Among a number that is not known no key was judged.
            partitioner: (partitions > 0).then_some(partitioner),
            ruleset,
            sequence: self.sequence + 1,
            part: 0,
            parts: parts as u32,
            writer: writer.to_owned(),
            stream_time: state.stream_time(),
            set_back: state.set_back(),
            positions: positions.clone(),
            appended,
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
        for (changes, entries) in changes.chain(slices.iter().map(|slice| (&empty, slice))) {
            let (changes, entries) = ((changes.count, &*changes.bytes.0), (entries.count, &*entries.bytes.0));
            records.push(write_record(&head, changes, entries));
            head.part += 1;
        }
        self.rotation_after = Some(rotation);
        self.ruleset_after = Some(ruleset);
        // A flow without rules has none to note.
        let changed = ruleset != 0 && self.ruleset != Some(ruleset);
        let ruleset_change = changed.then_some(RulesetChange { ruleset, positions: before.clone() });
        JournalBatch { records, rotation_begins, rotation_completes, ruleset_change }
    }

    /// The full states that are due, in pieces below the record limit; moves the cursor.
    fn slices<S: State>(&self, rotation: &mut Rotation, state: &S) -> Vec<Piece> {
        let Some(cursor) = rotation.cursor else { return Vec::new() };
        let due = (self.consumed.div_ceil(u64::from(self.records_per_entry))).max(1);
        let end = u64::from(cursor).saturating_add(due).min(state.entries() as u64) as u32;
        let mut slices: Vec<Piece> = Vec::new();
        for slot in cursor..end {
            if slices.last().is_none_or(|slice| slice.bytes.0.len() >= self.piece_bytes_max()) {
                slices.push(Piece::default());
            }
            if let Some(slice) = slices.last_mut() {
                state.write_entry(slot, &mut slice.bytes);
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
                let ByteWriter(mut bytes) = piece.bytes;
                bytes.clear();
                self.spare.push(bytes);
            }
        }
        self.consumed = 0;
        self.outcomes = 0;
    }
}
