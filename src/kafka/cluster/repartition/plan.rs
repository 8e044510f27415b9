//! What a repartition has to do, out of how the topics and journals are: pure, so that every shape in which an
//! interrupted one leaves them is looked at by a test.

use crate::codec::journal::Head;
use crate::domain::flow::{Flow, InputPartition, Positions, Unit};
use crate::domain::partitioner::Partitioner;
use crate::domain::{Micros, PartitionId};
use crate::kafka::cluster::plan_row::{PlanAction, PlanRow};
use crate::kafka::settings::FlowTopics;
use std::collections::BTreeSet;

/// How the topics and journals are.
#[derive(Clone, Debug, Default)]
pub struct FoundLayout {
    /// Partitions of the flow's inputs.
    pub inputs: Vec<u32>,
    /// Partitions of its outputs.
    pub outputs: Vec<u32>,
    /// Partitions of its journal.
    pub journal: u32,
    /// Input partitions of other flows that the group reads.
    pub others: BTreeSet<InputPartition>,
    /// The head of the last record of each journal partition; none where it has none.
    pub heads: Vec<Option<Head>>,
}

impl FoundLayout {
    /// Every input partition of the group, where those of `flow` are in their number.
    pub fn all(&self, flow: &'static Flow) -> BTreeSet<InputPartition> {
        of_inputs(flow, &self.inputs).chain(self.others.iter().copied()).collect()
    }
}

/// Every partition of a flow's inputs, of which there are so many.
pub fn of_inputs(flow: &'static Flow, counts: &[u32]) -> impl Iterator<Item = InputPartition> {
    counts.iter().enumerate().flat_map(move |(input, count)| {
        PartitionId::all(*count)
            .map(move |partition| InputPartition { unit: Unit { flow, partition }, input })
    })
}

/// What has to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RepartitionPlan {
    /// For how many partitions the state is written; none where there is no state.
    pub from: Option<u32>,
    /// How many partitions there shall be.
    pub to: u32,
    /// Whether accounts are dropped, for which the state is rewritten though its partitions stay as they are.
    pub drops: bool,
    /// What is shown and done, one row for each topic and one for the state.
    pub rows: Vec<PlanRow>,
}

impl RepartitionPlan {
    /// Whether the state has to be rewritten.
    #[must_use]
    pub fn moves(&self) -> bool {
        self.from.is_some_and(|from| from != self.to || self.drops)
    }

    /// How many things there are to do.
    #[must_use]
    pub fn due(&self) -> usize {
        self.rows.iter().filter(|row| row.action != PlanAction::Keep).count()
    }
}

/// Plans for `to` partitions; `drops`: without accounts that are named.
///
/// # Errors
/// It cannot be done; in words, with what to do.
pub fn plan(
    topics: &FlowTopics,
    found: &FoundLayout,
    to: u32,
    drops: bool,
) -> Result<RepartitionPlan, String> {
    let from = written_for(found, to)?;
    let most = found.inputs.iter().copied().max().unwrap_or(0).max(from.unwrap_or(0));
    if to < most {
        return Err(format!(
            "--partitions {to}: there are {most} already, and Kafka cannot take partitions away: ask for {most} or more"
        ));
    }
    let least = found.inputs.iter().copied().min().unwrap_or(0);
    if let Some(from) = from.filter(|from| *from > least) {
        return Err(format!(
            "the state is written for {from} partitions, but an input has only {least}: topic '{}' was created again; \
             bring it back as it was",
            topics.inputs.join("' or '")
        ));
    }
    let grown = |name: &str, is: u32| PlanRow {
        topic: name.to_owned(),
        what: "partitions".to_owned(),
        is: Some(is.to_string()),
        should: to.to_string(),
        action: if is < to { PlanAction::Grow } else { PlanAction::Keep },
    };
    // What only follows the number of an event's partition comes first: it does no harm while the inputs are as they were.
    let mut rows = vec![grown(&topics.journal, found.journal)];
    rows.extend(topics.outputs.iter().zip(&found.outputs).map(|(name, is)| grown(name, *is)));
    rows.extend(topics.inputs.iter().zip(&found.inputs).rev().map(|(name, is)| grown(name, *is)));
    rows.push(PlanRow {
        topic: topics.journal.clone(),
        what: "state".to_owned(),
        is: Some(from.map_or_else(|| "none".to_owned(), |from| format!("of {from} partitions"))),
        should: format!("of {to} partitions{}", if drops { " but for what is dropped" } else { "" }),
        action: PlanAction::Keep,
    });
    let mut plan = RepartitionPlan { from, to, drops, rows };
    if plan.moves()
        && let Some(state) = plan.rows.last_mut()
    {
        state.action = PlanAction::Rewrite;
    }
    Ok(plan)
}

/// For how many partitions the journals were written; none where there are no journals.
fn written_for(found: &FoundLayout, to: u32) -> Result<Option<u32>, String> {
    let heads: Vec<&Head> = found.heads.iter().flatten().collect();
    let Some(highest) = heads.iter().filter_map(|head| u32::try_from(head.partition.number()).ok()).max()
    else {
        return Ok(None);
    };
    let known: BTreeSet<u32> =
        heads.iter().map(|head| head.partitions).filter(|partitions| *partitions > 0).collect();
    let least = found.inputs.iter().copied().min().unwrap_or(0);
    match (known.first(), known.last()) {
        (Some(from), Some(last)) if from == last => Ok(Some(*from)),
        // Format version 1 does not say it. A wrong guess is found out by the accounts, which must be where their keys
        // belong among so many.
        (None, _) if least < to => Ok(Some(least)),
        (None, _) => Ok(Some(highest + 1)),
        _ => Err(format!(
            "the journals say that they were written for {} partitions, which no repartition leaves behind: \
             something else wrote them, or one was brought back from an older copy",
            known.iter().map(u32::to_string).collect::<Vec<_>>().join(" and ")
        )),
    }
}

/// Where the journal of each of `to` partitions goes on: its own last head where it has one, with the stream time that
/// no key goes back behind.
///
/// A key of partition p of `from` can come to partition q of `to` only where p and q leave the same rest by the
/// greatest common divisor of both numbers; the latest stream time of all such p is that of q. So no account is judged
/// at an earlier time than before; one that comes from a partition that was behind sees time go on, as it does when an
/// event comes after a pause.
#[must_use]
pub fn next_heads(
    flow: &'static Flow,
    heads: &[Option<Head>],
    from: u32,
    to: u32,
    partitioner: Partitioner,
) -> Vec<Head> {
    let step = greatest_common_divisor(from, to);
    let own = |of: u32| {
        let own = (0..).zip(heads).filter(move |(partition, _)| partition % step == of % step);
        own.filter_map(|(_, head)| head.as_ref())
    };
    let stream_time = |of: u32| own(of).map(|head| head.stream_time).max().unwrap_or(Micros(0));
    let fresh = || Head { flow: flow.name.to_owned(), positions: Positions::none(flow), ..Head::default() };
    let last = |of: u32| heads.get(of as usize).cloned().flatten().unwrap_or_else(fresh);
    (0..)
        .zip(PartitionId::all(to))
        .map(|(of, partition)| Head {
            partition,
            partitions: to,
            partitioner: Some(partitioner),
            stream_time: stream_time(of),
            set_back: own(of).max_by_key(|head| head.stream_time).and_then(|head| head.set_back),
            appended: own(of).filter_map(|head| head.appended).max(),
            ..last(of)
        })
        .collect()
}

fn greatest_common_divisor(left: u32, right: u32) -> u32 {
    if right == 0 { left.max(1) } else { greatest_common_divisor(right, left % right) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::flow::Topics;

    fn head(partition: i32, partitions: u32, seconds: i64) -> Option<Head> {
        let (partition, stream_time) = (partition.into(), Micros(seconds * 1_000_000));
        Some(Head { partition, partitions, stream_time, sequence: 7, rotation: 2, ..Head::default() })
    }

    fn found(inputs: [u32; 2], heads: Vec<Option<Head>>) -> FoundLayout {
        let others = BTreeSet::new();
        FoundLayout { inputs: inputs.to_vec(), outputs: vec![4], journal: 4, others, heads }
    }

    fn topics() -> FlowTopics {
        Topics::default().flows.remove(0)
    }

    fn planned(found: &FoundLayout, to: u32) -> RepartitionPlan {
        plan(&topics(), found, to, false).expect("a plan")
    }

    fn due(plan: &RepartitionPlan) -> Vec<(&str, &str, PlanAction)> {
        let due = plan.rows.iter().filter(|row| row.action != PlanAction::Keep);
        due.map(|row| (row.topic.as_str(), row.what.as_str(), row.action)).collect()
    }

    #[test]
    fn grows_what_follows_first_and_the_inputs_last_then_rewrites_the_state() {
        let plan = planned(&found([4, 4], vec![head(0, 4, 1), None, head(2, 4, 1), None]), 6);
        assert_eq!(plan.from, Some(4));
        assert_eq!(
            due(&plan),
            [
                ("tillgate.journal", "partitions", PlanAction::Grow),
                ("pos.outcomes", "partitions", PlanAction::Grow),
                ("account.events", "partitions", PlanAction::Grow),
                ("pos.events", "partitions", PlanAction::Grow),
                ("tillgate.journal", "state", PlanAction::Rewrite),
            ]
        );
        assert!(plan.moves());
    }

    #[test]
    fn goes_on_from_wherever_an_earlier_one_was_interrupted() {
        let written = vec![head(0, 4, 1), head(1, 4, 1)];
        let between_the_inputs =
            FoundLayout { outputs: vec![6], journal: 6, ..found([4, 6], written.clone()) };
        assert_eq!(due(&planned(&between_the_inputs, 6)).len(), 2);
        let grown = FoundLayout { outputs: vec![6], journal: 6, ..found([6, 6], written) };
        let plan = planned(&grown, 6);
        assert_eq!(due(&plan), [("tillgate.journal", "state", PlanAction::Rewrite)]);
        let done = FoundLayout { heads: vec![head(0, 6, 1), head(5, 6, 1)], ..grown };
        assert_eq!(planned(&done, 6).due(), 0);
    }

    #[test]
    fn only_grows_where_there_is_no_state() {
        let plan = planned(&found([4, 4], vec![None; 4]), 6);
        assert_eq!((plan.from, plan.moves(), plan.due()), (None, false, 4));
    }

    #[test]
    fn rewrites_the_state_on_as_many_partitions_where_records_are_dropped() {
        let found = FoundLayout { outputs: vec![4], ..found([4, 4], vec![head(0, 4, 1)]) };
        let dropping = plan(&topics(), &found, 4, true).expect("a plan");
        assert!(dropping.moves());
        assert_eq!(due(&dropping), [("tillgate.journal", "state", PlanAction::Rewrite)]);
        assert!(!planned(&found, 4).moves());
        let nothing = FoundLayout { heads: vec![None; 4], ..found };
        assert!(!plan(&topics(), &nothing, 4, true).expect("a plan").moves());
    }

    #[test]
    fn refuses_fewer_partitions_an_input_recreated_and_journals_that_differ() {
        let refused = |found: &FoundLayout, to| plan(&topics(), found, to, false).expect_err("a refusal");
        let of_four = found([4, 4], vec![head(0, 4, 1)]);
        assert!(refused(&of_four, 3).contains("Kafka cannot take partitions away"));
        assert!(refused(&found([4, 4], vec![head(0, 8, 1)]), 6).contains("there are 8 already"));
        assert!(refused(&found([4, 8], vec![head(0, 8, 1)]), 8).contains("an input has only 4"));
        let torn = found([4, 4], vec![head(0, 4, 1), head(1, 2, 1)]);
        assert!(refused(&torn, 6).contains("for 2 and 4 partitions"));
    }

    #[test]
    fn takes_the_old_number_from_the_topics_where_journals_do_not_say_it() {
        let old = vec![head(0, 0, 1), head(1, 0, 1), None, head(3, 0, 1)];
        assert_eq!(planned(&found([4, 4], old.clone()), 6).from, Some(4));
        assert_eq!(planned(&found([6, 6], old), 6).from, Some(4));
    }

    #[test]
    fn no_key_goes_back_in_time_and_journals_go_on_where_they_were() {
        let heads = [head(0, 4, 10), head(1, 4, 40), head(2, 4, 30), None];
        let next = next_heads(topics().flow, &heads, 4, 6, Partitioner::Crc32);
        let seconds: Vec<i64> = next.iter().map(|head| head.stream_time.0 / 1_000_000).collect();
        // Even partitions take keys of 0 and 2, odd ones of 1 and 3.
        assert_eq!(seconds, [30, 40, 30, 40, 30, 40]);
        let sequences: Vec<u64> = next.iter().map(|head| head.sequence).collect();
        assert_eq!(sequences, [7, 7, 7, 0, 0, 0]);
        assert!(
            next.iter()
                .zip(PartitionId::all(6))
                .all(|(head, at)| (head.partition, head.partitions) == (at, 6))
        );
        assert!(next.iter().all(|head| head.partitioner == Some(Partitioner::Crc32)));
        let multiple: Vec<i64> = next_heads(topics().flow, &heads, 4, 8, Partitioner::Crc32)
            .iter()
            .map(|head| head.stream_time.0 / 1_000_000)
            .collect();
        assert_eq!(multiple, [10, 40, 30, 0, 10, 40, 30, 0]);
    }
}
