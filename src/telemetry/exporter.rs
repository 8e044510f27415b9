//! The metrics' recorder: collects what the functions of this module count, and writes it as Prometheus reads it.
//! Opens no port; whoever serves the page asks for the text.

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle, PrometheusRecorder};
use metrics_util::MetricKindMask;
use std::time::Duration;

/// Upper bounds of [`super::transaction_duration`], seconds. A transaction takes 10 to 40 ms where all is well, and
/// ends after 10 s whatever happens.
const DURATION_BUCKETS: [f64; 13] =
    [0.001, 0.0025, 0.005, 0.01, 0.02, 0.04, 0.08, 0.15, 0.3, 0.6, 1.2, 5.0, 10.0];

/// Upper bounds of [`super::restored`], seconds.
const RESTORE_BUCKETS: [f64; 12] = [0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 60.0, 180.0, 600.0];

/// Upper bounds of [`super::http::request`], seconds. An outcome is there within some 50 ms, and `gateway.answer_within` is
/// 10 s.
const REQUEST_BUCKETS: [f64; 12] = [0.002, 0.005, 0.01, 0.02, 0.04, 0.08, 0.15, 0.3, 0.6, 1.2, 5.0, 10.0];

/// Upper bounds of [`super::batch`], records; `kafka.batch_events_max` is 10,000 by default.
const BATCH_BUCKETS: [f64; 8] = [1.0, 10.0, 100.0, 1_000.0, 2_500.0, 5_000.0, 10_000.0, 100_000.0];

/// A gauge that nobody has set for so long is left out: that of a partition which is another process's by now. Those
/// that hold are set every second.
const GAUGE_IDLE_MAX: Duration = Duration::from_secs(30);

/// Metrics are collected once per process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the metrics of this process are collected already: install the exporter once")]
pub struct InstalledAlready;

/// Reads what was counted.
#[derive(Clone, Debug)]
pub struct Exporter {
    handle: PrometheusHandle,
    ruleset: String,
}

impl Exporter {
    /// Collects the metrics of this process from now on. Once per process; without it they are not collected at all.
    /// `ruleset` is the hash of the rules it decides by.
    ///
    /// # Errors
    /// [`InstalledAlready`].
    pub fn install(ruleset: &str) -> Result<Self, InstalledAlready> {
        let recorder = recorder();
        let exporter = Self { handle: recorder.handle(), ruleset: ruleset.to_owned() };
        metrics::set_global_recorder(recorder).map_err(|_taken| InstalledAlready)?;
        super::describe();
        super::start_at_zero();
        Ok(exporter)
    }

    /// Collects what `work` counts on this thread, for tests and short commands; the page as it is afterwards.
    pub fn page_of(work: impl FnOnce()) -> String {
        let recorder = recorder();
        metrics::with_local_recorder(&recorder, || {
            super::describe();
            work();
        });
        recorder.handle().render()
    }

    /// All metrics in the text format of Prometheus.
    #[must_use]
    pub fn render(&self) -> String {
        super::build_info(&self.ruleset);
        self.handle.render()
    }

    /// Sorts recorded times into their buckets: without it every one of them is kept until the next [`Self::render`].
    pub fn upkeep(&self) {
        self.handle.run_upkeep();
    }
}

fn recorder() -> PrometheusRecorder {
    let buckets: [(&str, &[f64]); 4] = [
        ("tillgate_transaction_duration_seconds", &DURATION_BUCKETS),
        ("tillgate_restore_duration_seconds", &RESTORE_BUCKETS),
        ("tillgate_batch_records", &BATCH_BUCKETS),
        ("tillgate_http_request_duration_seconds", &REQUEST_BUCKETS),
    ];
    let builder = buckets.into_iter().fold(PrometheusBuilder::new(), |builder, (name, bounds)| {
        // Refused only where there is no bucket.
        builder.set_buckets_for_metric(Matcher::Full(name.to_owned()), bounds).unwrap_or_default()
    });
    builder.idle_timeout(MetricKindMask::GAUGE, Some(GAUGE_IDLE_MAX)).build_recorder()
}
