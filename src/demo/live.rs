//! What is on the screen while the demo goes on: reads the outcomes back as any consumer would, draws the table, and
//! then explains.

use super::args::DemoArgs;
use super::explain::explain;
use super::feed::DemoProgress;
use super::notes::Notes;
use super::run::{PARTITIONS, UNITS, WORKERS, schemas};
use super::screen::Screen;
use super::tally::DemoTally;
use super::{contact, now, summary, table};
use crate::app::{AppError, now_millis};
use crate::config;
use crate::domain::PartitionId;
use crate::explain::paint::grouped;
use crate::gateway::ProcessStanding;
use crate::kafka::client::{Cluster, Follower, Isolation};
use crate::kafka::health::Health;
use crate::kafka::port::Followed;
use crate::kafka::settings::ClusterSettings;
use crate::load::World;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

/// How often the table is drawn, and how often a line is written where nothing can be drawn in place.
const FRAME_EVERY: Duration = Duration::from_millis(100);
const LINE_EVERY: Duration = Duration::from_secs(1);
/// The same with `--keep`, where little happens.
const KEEP_LINE_EVERY: Duration = Duration::from_secs(10);
/// How long to wait for a record at once.
const POLL: Duration = Duration::from_millis(5);
/// After so long without any record something is wrong.
const STILL_MAX: Duration = Duration::from_secs(30);

/// What is shown, and how the parts of the demo are told to go on.
pub(super) struct DemoParts<'a> {
    pub(super) args: &'a DemoArgs,
    pub(super) config: &'a config::Settings,
    pub(super) settings: &'a ClusterSettings,
    pub(super) world: &'a World,
    pub(super) health: &'a Health,
    pub(super) progress: &'a DemoProgress,
    /// Lets the feed send the accounts, then the tills' events.
    pub(super) go: Sender<()>,
    /// Where the metrics page is.
    pub(super) page: Option<SocketAddr>,
    /// Where requests are answered.
    pub(super) gateway: Option<SocketAddr>,
    /// Set by Ctrl-C where that is waited for.
    pub(super) stop: &'a AtomicBool,
    /// Whether a part has ended before its time.
    pub(super) ended: &'a dyn Fn() -> bool,
}

/// What is on the screen for now.
#[derive(Clone, Copy)]
enum Stage<'t> {
    /// One line that says what is waited for.
    Waiting(&'t str),
    /// The table, whose times count from then on.
    Table(Instant, Duration),
}

/// The screen, and what has come back.
pub(super) struct Live<'a> {
    show: DemoParts<'a>,
    notes: Notes,
    screen: Screen,
    follower: Follower,
    tally: DemoTally,
    drawn: Option<Instant>,
}

impl<'a> Live<'a> {
    /// With nothing on it.
    ///
    /// # Errors
    /// The broker is gone.
    pub(super) fn new(notes: Notes, screen: Screen, show: DemoParts<'a>) -> Result<Self, AppError> {
        let topics = &show.settings.topics;
        let followed =
            [(topics.pos_outcomes(), PARTITIONS), (topics.journal(), PARTITIONS), (topics.dead_letters(), 1)];
        let all =
            followed.iter().flat_map(|(topic, count)| PartitionId::all(*count).map(|at| (*topic, at, 0)));
        let follower = Follower::open(show.settings, all)?;
        let tally = DemoTally::new(topics.clone(), PARTITIONS);
        Ok(Self { show, notes, screen, follower, tally, drawn: None })
    }

    /// Shows the demo from its first line to its last.
    ///
    /// # Errors
    /// Standard output is gone, or a part of the demo has ended or stands still.
    pub(super) fn show(mut self) -> Result<(), AppError> {
        self.introduce()?;
        let (health, progress) = (self.show.health, self.show.progress);
        let has_all = |_: &DemoTally| {
            let active = health.active_by_worker();
            active.iter().sum::<usize>() == UNITS && active.iter().all(|count| *count > 0)
        };
        let opened = |tally: &DemoTally| {
            progress.accounts_sent.load(Ordering::Acquire)
                && tally.account_events() >= progress.account_events.load(Ordering::Relaxed)
        };
        let answered = |tally: &DemoTally| {
            progress.burst_is_sent()
                && tally.answers() >= progress.answers_due.load(Ordering::Relaxed)
                && tally.dead_letters() >= progress.letters_due.load(Ordering::Relaxed)
        };
        let accounts = format!(
            "opening {} accounts, before any till sends",
            grouped(self.show.world.accounts().count().into())
        );
        if !self.until(Stage::Waiting("starting the broker and the workers"), &has_all)? || !self.go() {
            return Ok(());
        }
        if !self.until(Stage::Waiting(&accounts), &opened)? || !self.go() {
            return Ok(());
        }
        let begun = now();
        if !self.until(Stage::Table(begun, LINE_EVERY), &answered)? {
            return Ok(());
        }
        self.tally.mark(now());
        self.draw(Stage::Table(begun, LINE_EVERY))?;
        self.screen.stay();
        self.explain()?;
        if self.show.args.keep {
            self.until(Stage::Table(begun, KEEP_LINE_EVERY), &|_| false)?;
            self.screen.stay();
            self.screen.say_over("stopped: what was held is committed")?;
        }
        Ok(())
    }

    /// Whether the feed goes on; it tells itself why not.
    fn go(&self) -> bool {
        self.show.go.send(()).is_ok()
    }

    fn introduce(&mut self) -> Result<(), AppError> {
        let (args, paint) = (self.show.args, self.screen.paint());
        let accounts = self.show.world.accounts().count();
        let lines = [
            paint.bold("tillgate demo"),
            format!(
                "  {} events of tills in nine countries for {} accounts (seed {}), about one in ten wrong;",
                grouped(args.events.into()),
                grouped(accounts.into()),
                args.seed,
            ),
            format!(
                "  {WORKERS} workers decide {PARTITIONS} partitions; the committed outcomes are read back and counted here."
            ),
            paint.dim("  The broker is inside this process: a mock without real transactions. So this is a first"),
            paint.dim("  look, not a proof of exactly once; on a real cluster the same workers write in transactions."),
            String::new(),
        ];
        Ok(self.screen.say(&lines)?)
    }

    /// Reads and draws until `done`; false where it was asked to stop.
    fn until(&mut self, stage: Stage<'_>, done: &dyn Fn(&DemoTally) -> bool) -> Result<bool, AppError> {
        let mut heard = now();
        while !done(&self.tally) {
            if self.show.stop.load(Ordering::Acquire) {
                return Ok(false);
            }
            if (self.show.ended)() {
                return Err(AppError::Start("a part of the demo ended before its time".to_owned()));
            }
            let mut fault = None;
            let tally = &mut self.tally;
            let came = self.follower.next(POLL, |record| {
                fault = tally.take(record, now(), now_millis()).err();
            })?;
            if let Some(fault) = fault {
                return Err(AppError::Start(fault));
            }
            let now = now();
            if came != Followed::Nothing {
                heard = now;
            } else if now - heard > STILL_MAX {
                return Err(AppError::Start(self.standing_still()));
            }
            let every = match stage {
                Stage::Table(_, every) if !self.screen.is_terminal() => every,
                _ => FRAME_EVERY,
            };
            if self.drawn.is_none_or(|drawn| now - drawn >= every) {
                self.tally.mark(now);
                self.draw(stage)?;
                self.drawn = Some(now);
            }
        }
        self.drawn = None;
        Ok(true)
    }

    fn standing_still(&self) -> String {
        let due = self.show.progress.answers_due.load(Ordering::Relaxed);
        let answers = self.tally.answers();
        let (workers, partitions) = (self.show.health.workers(), self.show.health.partitions());
        let reasons = ProcessStanding { workers, partitions, ..ProcessStanding::default() }.not_ready();
        format!(
            "nothing has come back for {} s, {answers} of {due} events are answered; health: {}",
            STILL_MAX.as_secs(),
            if reasons.is_empty() { "ready".to_owned() } else { reasons.join("; ") },
        )
    }

    fn draw(&mut self, stage: Stage<'_>) -> Result<(), AppError> {
        let notes = self.notes.take();
        if !notes.is_empty() {
            let dim: Vec<String> = notes.iter().map(|note| self.screen.paint().dim(note)).collect();
            self.screen.say(&dim)?;
        }
        let due = self.show.progress.answers_due.load(Ordering::Acquire);
        match (stage, self.screen.is_terminal()) {
            (Stage::Waiting(what), true) => {
                let line = self.screen.paint().dim(&format!("  {what} ..."));
                self.screen.frame(&[line])?;
            }
            (Stage::Waiting(_), false) => {}
            (Stage::Table(..), false) if due == 0 => {}
            (Stage::Table(begun, _), true) => {
                let lines = table::table(&self.tally, due, begun.elapsed(), self.screen.paint());
                self.screen.frame(&lines)?;
            }
            (Stage::Table(begun, _), false) => {
                self.screen.say(&[table::line(&self.tally, due, begun.elapsed())])?;
            }
        }
        Ok(())
    }

    /// Explains a few decisions, sums up, and says what to try next.
    fn explain(&mut self) -> Result<(), AppError> {
        let schemas = schemas()?;
        let paint = self.screen.paint();
        let mut events = Cluster::new(Arc::new(self.show.settings.clone()))?.dump(Isolation::Committed)?;
        let picks = self.tally.picks.choose(&mut events, &schemas)?;
        let mut lines = Vec::new();
        for (place, pick) in picks.iter().enumerate() {
            lines.push(String::new());
            lines.extend(explain(pick, (place + 1, picks.len()), &schemas, self.show.config, paint));
        }
        lines.push(String::new());
        lines.extend(contact::explained(self.show.config, paint)?);
        let sent = self.show.progress.sent.load(Ordering::Acquire);
        lines.push(String::new());
        let due = self.show.progress.answers_due.load(Ordering::Acquire);
        lines.extend(summary::summary(&self.tally, sent, sent.saturating_sub(due), paint));
        lines.push(String::new());
        if !self.show.args.keep {
            lines.extend(summary::next(paint));
        } else {
            let page = self.show.page.map_or_else(
                || "no metrics page (admin.listen is empty)".to_owned(),
                |address| format!("metrics at {}", paint.command(&format!("http://{address}/metrics"))),
            );
            lines
                .push(format!("{} with twenty events a second until Ctrl-C; {page}", paint.bold("Going on")));
            if let Some(gateway) = self.show.gateway {
                let account = self.show.world.accounts().at(0);
                lines.extend(summary::request(gateway, &account, now_millis(), paint));
                lines.extend(contact::requests(gateway, paint));
            }
        }
        Ok(self.screen.say(&lines)?)
    }
}
