//! Progress bars of long commands. They go to standard error, and only where that is a terminal.

use indicatif::{ProgressBar, ProgressStyle};

/// A bar over so many units, as `template` says.
pub(super) fn bar(units: u64, template: &str) -> ProgressBar {
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(units).with_style(style)
}
