//! `tillgate check EXPORT --contact`: the contact decisions of an export made again, partition after partition, in the order
//! in which they were made.

use super::answers::ContactAnswers;
use crate::app::AppError;
use crate::app::check::Export;
use crate::app::cluster::contact_topics;
use crate::cli::{CheckArgs, Common};
use crate::codec::Schemas;
use crate::config::Settings;
use crate::contact::{FLOW, OfflineContacts};
use crate::domain::PartitionId;
use crate::pipeline::Division;
use crate::replay::{InputPlace, LettersOf, RecordBuffer, ReplayError, once_known};
use std::path::Path;
use std::sync::Arc;

pub(in crate::app) fn run(folder: &Path, args: &CheckArgs, common: &Common) -> Result<(), AppError> {
    let settings = crate::app::settings(common)?;
    let schemas = crate::app::schemas(&settings)?;
    let export = Export::open(folder, contact_topics(&settings.topics), args.trimmed)?;
    export.tell(&settings)?;
    let mut answers = ContactAnswers::new(args, args.summary && export.has_outcomes())?;
    let mut letters = export.letters()?;
    for partition in export.present() {
        let letters = letters.take(partition, FLOW.inputs.len());
        decide(&export, partition, letters, (&settings, &*schemas), &mut answers)?;
    }
    answers.finish(args).map(drop)
}

/// Decides one partition.
fn decide(
    export: &Export,
    partition: PartitionId,
    mut letters: LettersOf,
    (settings, schemas): (&Settings, &dyn Schemas),
    answers: &mut ContactAnswers,
) -> Result<(), AppError> {
    let division = Division { partitioner: settings.topics.partitioner, partitions: export.partitions() };
    let topics = settings.topics.contact_inputs();
    let rules = Arc::clone(&settings.contact_rules);
    let mut contacts = OfflineContacts::of((partition, division), rules, topics, crate::app::table_seed());
    let mut order = export.order(partition)?;
    let mut record = RecordBuffer::default();
    while let Some((input, head)) = order.head() {
        record.clone_from(head);
        let mut recorded = None;
        order.pass(&mut |decision| recorded = Some(decision.to_vec()))?;
        let letter = letters.take(input, record.offset);
        let at = InputPlace::Record(partition, record.offset);
        let record = record.as_input_record(&FLOW, input, partition);
        let answer = if letter.is_some_and(|letter| letter.is_of_a_failure()) {
            Ok(contacts.give_up(&record))
        } else {
            once_known(record.offset, || contacts.take_record(schemas, &record))
        };
        let answer = answer.map_err(|message| ReplayError::State { partition, message })?;
        answers.take((input, at), &answer, recorded.as_deref())?;
    }
    Ok(())
}
