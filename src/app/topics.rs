//! `tillgate topics create | check`: the plan on standard output, then what it says; the rest of `topics` is passed on.

use super::AppError;
use crate::cli::{Common, TopicsCommand};
use crate::domain::visible::visible;
use crate::kafka::client::Cluster;
use crate::kafka::cluster::brokers;
use crate::kafka::cluster::input_times;
use crate::kafka::cluster::plan_row::{PlanAction, PlanRow};
use crate::kafka::cluster::rights::{self, Task};
use crate::kafka::cluster::topics::{self, TopicLayout, apply, plan};
use std::io::Write;
use std::sync::Arc;

pub(super) fn run(command: &TopicsCommand, common: &Common) -> Result<(), AppError> {
    let (dry_run, times) = match command {
        TopicsCommand::Export(args) => return super::archive::export::run(args, common),
        TopicsCommand::Import(args) => return super::archive::import::run(args, common),
        TopicsCommand::Repartition(args) => return super::repartition::run(args, common),
        TopicsCommand::Create { dry_run, times } => (Some(*dry_run), *times),
        TopicsCommand::Check => (None, None),
    };
    let settings = super::settings(common)?;
    let cluster_settings = Arc::new((&settings).into());
    let cluster = Cluster::new(Arc::clone(&cluster_settings))?;
    let layout = &TopicLayout {
        partitions: settings.topics.partitions as usize,
        replication: settings.topics.replication_factor.map_or(-1, |copies| copies as i32),
        retention: settings.topics.retention().map(|(name, time)| (name.to_owned(), time)).collect(),
        times,
    };
    let task = if dry_run.is_some() { Task::Create } else { Task::Check };
    rights::verify_sight(&cluster, &cluster_settings, task)?;
    let rows = plan(cluster.admin(), &cluster_settings, layout)?;
    let due = rows.iter().filter(|row| row.action != PlanAction::Keep).count();
    print(&rows)?;
    let mut talk = std::io::stderr();
    if dry_run.is_none() {
        for times in input_times::look(cluster.admin(), &cluster_settings)? {
            writeln!(talk, "{times}")?;
        }
        for remark in topics::remarks(cluster.admin(), &cluster_settings)? {
            writeln!(talk, "{remark}")?;
        }
    }
    match dry_run {
        None if due > 0 => Err(AppError::Topics(format!(
            "{due} things are not as they should be: `tillgate topics create` does what can be done"
        ))),
        None => {
            rights::verify(&cluster, &cluster_settings, Task::Run)?;
            brokers::verify(cluster.admin(), &cluster_settings)?;
            Ok(writeln!(talk, "topics and brokers are as they should be")?)
        }
        Some(_) if due == 0 => Ok(writeln!(talk, "nothing to do")?),
        Some(true) => Ok(writeln!(talk, "{due} things to do; nothing was changed")?),
        Some(false) => {
            apply(cluster.admin(), &cluster_settings, layout, &rows)?;
            Ok(writeln!(talk, "{due} things done")?)
        }
    }
}

pub(super) fn print(rows: &[PlanRow]) -> Result<(), AppError> {
    let mut out = std::io::stdout().lock();
    let is = |row: &PlanRow| row.is.clone().unwrap_or_else(|| "missing".to_owned());
    let columns = |row: &PlanRow| {
        [row.topic.clone(), row.what.clone(), is(row), row.should.clone(), row.action.name().to_owned()]
    };
    let head = ["topic", "what", "is", "should be", "action"].map(str::to_owned);
    let table: Vec<[String; 5]> = std::iter::once(head).chain(rows.iter().map(columns)).collect();
    let width = |column: usize| table.iter().map(|row| row[column].len()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..5).map(width).collect();
    for row in &table {
        let cells: Vec<String> =
            row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        writeln!(out, "{}", visible(cells.join("  ").trim_end()))?;
    }
    Ok(())
}
