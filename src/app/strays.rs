//! Accounts that stand on another partition than their keys belong to, as files: the list that `topics repartition`
//! writes, and the one by which it drops. Account numbers and balances are in it, so only its owner may read it.

use super::AppError;
use crate::domain::PartitionId;
use crate::kafka::cluster::repartition::{Dropped, Stray};
use crate::kafka::failure::Fault;
use crate::state::{Account, Hold, PartitionState};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// A line of the list.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct StrayLine<'a> {
    account: &'a str,
    partition: PartitionId,
    belongs_on: PartitionId,
    /// The other known partitioner, where it would put the account where it stands.
    fits: Option<&'static str>,
    currency: Option<&'static str>,
    limit: Box<RawValue>,
    balance: Box<RawValue>,
    fees: Box<RawValue>,
    revision: i64,
    holds: Vec<HoldLine>,
}

/// An open hold of an account.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct HoldLine {
    transaction_id: String,
    held: Box<RawValue>,
    expires: String,
}

/// What is read of a line.
#[derive(Deserialize)]
struct NamedAccount {
    account: String,
    partition: Option<PartitionId>,
}

/// The list; its file is made with the first account.
pub(super) struct List<'a> {
    path: &'a Path,
    file: Option<BufWriter<File>>,
}

impl<'a> List<'a> {
    /// To be written to this path, which must not exist.
    pub(super) fn new(path: &'a Path) -> Self {
        Self { path, file: None }
    }

    /// Adds an account.
    pub(super) fn add(&mut self, stray: &Stray<'_>) -> Result<(), Fault> {
        self.write(stray).map_err(|why| {
            let text = format!(
                "accounts stand on partitions where their keys do not belong, and {} cannot be written: {why}; name \
                 another file with --misplaced",
                self.path.display()
            );
            Fault::setup(text)
        })
    }

    fn write(&mut self, stray: &Stray<'_>) -> Result<(), std::io::Error> {
        let path = self.path;
        let file = match &mut self.file {
            Some(file) => file,
            None => {
                let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
                self.file.insert(BufWriter::new(made))
            }
        };
        serde_json::to_writer(&mut *file, &line(stray)?)?;
        file.write_all(b"\n")
    }

    /// Writes what is left.
    pub(super) fn finish(self) -> Result<(), AppError> {
        Ok(self.file.map_or(Ok(()), |mut file| file.flush())?)
    }
}

/// The account that is the entry.
fn account<'a>(stray: &Stray<'a>) -> Option<&'a Account> {
    stray.state.downcast_ref::<PartitionState>()?.accounts().at(stray.slot)
}

fn line<'a>(stray: &Stray<'a>) -> Result<StrayLine<'a>, std::io::Error> {
    let account = account(stray).ok_or_else(|| std::io::Error::other("it is no account"))?;
    let Account { number, currency, limit, balance, fees, revision, .. } = account;
    let number_of =
        |amount: &dyn ToString| Ok::<_, std::io::Error>(RawValue::from_string(amount.to_string())?);
    let hold = |hold: &Hold| {
        Ok::<_, std::io::Error>(HoldLine {
            transaction_id: hold.transaction_id.to_string(),
            held: number_of(&hold.held)?,
            expires: hold.expires.to_string(),
        })
    };
    Ok(StrayLine {
        account: number,
        partition: stray.at.stands_on,
        belongs_on: stray.at.belongs_on,
        fits: stray.at.fits_other.then(|| stray.at.partitioner.other().name()),
        currency: currency.map(crate::domain::enums::Currency::symbol),
        limit: number_of(limit)?,
        balance: number_of(balance)?,
        fees: number_of(fees)?,
        revision: *revision,
        holds: account.holds().iter().map(hold).collect::<Result<_, _>>()?,
    })
}

/// The accounts that a file names: lines of a list, or numbers, one a line.
pub(super) fn read(path: &Path) -> Result<Dropped, AppError> {
    let fault = |why: &dyn std::fmt::Display| AppError::Usage(format!("--drop {}: {why}", path.display()));
    let file = File::open(path).map_err(|error| fault(&error))?;
    let mut dropped = Dropped::default();
    for (place, line) in (1..).zip(BufReader::new(file).lines()) {
        let line = line.map_err(|error| fault(&error))?;
        match line.trim() {
            "" => {}
            text if text.starts_with('{') => {
                let NamedAccount { account, partition } = serde_json::from_str(text)
                    .map_err(|error| fault(&format!("line {place} is no line of a list: {error}")))?;
                dropped.name(account, partition);
            }
            number => dropped.name(number.to_owned(), None),
        }
    }
    if dropped.is_empty() {
        return Err(fault(&"it names no account"));
    }
    Ok(dropped)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Amount;
    use crate::domain::partitioner::Partitioner;
    use crate::pipeline::Misplaced;

    #[test]
    fn what_is_listed_can_be_dropped_by_the_list_or_by_number() {
        let folder = tempfile::tempdir().expect("a folder");
        let (path, numbers) = (folder.path().join("list"), folder.path().join("numbers"));
        let account = Account::opened("47\"11", Amount::new(12_500).unwrap_or_default(), None, None);
        let at = |stands_on| Misplaced {
            stands_on,
            belongs_on: 2.into(),
            partitioner: Partitioner::Murmur2,
            fits_other: true,
        };
        let mut state = PartitionState::new(crate::domain::hashing::Seed([0, 0]));
        state.set(account);
        let stray = |partition| Stray { key: "47\"11", at: at(partition), state: &state, slot: 0 };
        let [here, there] = [3, 1].map(PartitionId::new).map(stray);
        let mut list = List::new(&path);
        list.add(&here).expect("a line");
        list.finish().expect("a file");
        let text = std::fs::read_to_string(&path).expect("the list");
        assert_eq!(
            text,
            "{\"account\":\"47\\\"11\",\"partition\":3,\"belongsOn\":2,\"fits\":\"crc32\",\"currency\":null,\
             \"limit\":1.25,\"balance\":0.00,\"fees\":0.00,\"revision\":0,\"holds\":[]}\n"
        );
        let dropped = read(&path).expect("the list");
        assert!(dropped.has(&here) && !dropped.has(&there));
        std::fs::write(&numbers, "\n 47\"11 \nothers\n").expect("a file");
        let dropped = read(&numbers).expect("the numbers");
        assert!(dropped.has(&here) && dropped.has(&there));
        let again = List::new(&path).add(&here).expect_err("it is there already");
        assert!(again.text.contains("--misplaced"), "{again}");
        std::fs::write(&numbers, "{\"acc\":1}\n").expect("a file");
        assert!(read(&numbers).is_err_and(|error| error.to_string().contains("line 1")));
        std::fs::write(&numbers, "\n").expect("a file");
        assert!(read(&numbers).is_err_and(|error| error.to_string().contains("names no account")));
    }
}
