//! The accounts of a partition as the state of a unit, and their bytes in the journal.

use crate::codec::journal::{
    ByteReader, ByteWriter, JournalFault, read_account, read_change, read_change_into, write_account,
    write_change,
};
use crate::domain::{Micros, SetBack};
use crate::pipeline::{FoldFault, State};
use crate::state::{AT_ONCE, FactsOfAccount, PartitionState};

impl State for PartitionState {
    type Change<'a> = FactsOfAccount<'a>;

    fn stream_time(&self) -> Micros {
        self.stream_time()
    }

    fn advance(&mut self, time: Micros) {
        self.advance(time);
    }

    fn set_time(&mut self, time: Micros) {
        self.set_stream_time(time);
    }

    fn set_back(&self) -> Option<SetBack> {
        self.set_back()
    }

    fn note_set_back(&mut self, set_back: Option<SetBack>) {
        self.note_set_back(set_back);
    }

    fn next_due(&self) -> Option<Micros> {
        self.next_expiry()
    }

    fn entries(&self) -> usize {
        self.accounts().len()
    }

    fn key(&self, slot: u32) -> Option<&str> {
        Some(self.accounts().at(slot)?.number.as_str())
    }

    fn apply(&mut self, change: &FactsOfAccount<'_>) -> Result<(), String> {
        self.apply(&change.account, &change.facts).map_err(|fault| fault.to_string())
    }

    fn keep(&mut self) {
        self.keep();
    }

    fn undo(&mut self) {
        self.undo();
    }

    fn write_change(change: &FactsOfAccount<'_>, out: &mut ByteWriter) {
        write_change(out, change);
    }

    fn write_entry(&self, slot: u32, out: &mut ByteWriter) {
        if let Some(account) = self.accounts().at(slot) {
            write_account(out, account);
        }
    }

    fn fold_changes(
        &mut self,
        count: usize,
        input: &mut ByteReader<'_>,
        pass_over: bool,
    ) -> Result<(), FoldFault> {
        let mut left = count;
        let mut changes = vec![FactsOfAccount::default(); left.min(AT_ONCE)];
        while left > 0 {
            changes.truncate(left);
            for change in &mut changes {
                read_change_into(input, change)?;
            }
            left -= changes.len();
            self.apply_all(&changes, pass_over).map_err(|fault| FoldFault::State(fault.to_string()))?;
        }
        Ok(())
    }

    fn fold_entries(&mut self, count: usize, input: &mut ByteReader<'_>) -> Result<(), JournalFault> {
        let mut left = count;
        let mut accounts = Vec::with_capacity(left.min(AT_ONCE));
        while left > 0 {
            for _ in 0..left.min(AT_ONCE) {
                accounts.push(read_account(input)?);
            }
            left -= accounts.len();
            self.set_all(&mut accounts);
        }
        Ok(())
    }

    fn keys(changes: usize, entries: usize, input: &mut ByteReader<'_>) -> Result<Vec<String>, JournalFault> {
        let mut keys = Vec::new();
        for _ in 0..changes {
            keys.push(read_change(input)?.account.into());
        }
        for _ in 0..entries {
            keys.push(read_account(input)?.number.into());
        }
        Ok(keys)
    }
}
