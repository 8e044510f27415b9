//! Time zones by name, out of the tz database that is built in: a local day is the same day on every machine.

use jiff::tz::{TimeZone, TimeZoneDatabase};
use std::sync::LazyLock;

static BUNDLED: LazyLock<TimeZoneDatabase> = LazyLock::new(TimeZoneDatabase::bundled);

/// The zone of this name; none where the database has none.
#[must_use]
pub fn time_zone(name: &str) -> Option<TimeZone> {
    // Names by which systems say that they do not know.
    let is_none = ["Etc/Unknown", "Factory"].iter().any(|none| none.eq_ignore_ascii_case(name));
    if is_none { None } else { BUNDLED.get(name).ok() }
}
