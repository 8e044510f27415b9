//! The records by which a unit's time passes where nothing else comes, and the ones by which an operator sets it: JSON, so
//! that a person can read them. What a tick does is in it and in its own time alone, so it does the same wherever it is
//! read, and two of them do no more than the later one. Reads no clock.

use crate::domain::Micros;
use crate::domain::visible::visible;
use serde::{Deserialize, Serialize};

/// Bytes of such a record, at most; ours have about a hundred.
const BYTES_MAX: usize = 4 << 10;

/// What such a record says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tick {
    /// Nothing has come for a while.
    Passed(UnitTimes),
    /// An operator sets time.
    SetTime {
        /// The stream time to set.
        to: Micros,
        /// Where it stood when it was asked for; none where that was not looked at.
        stands: Option<Micros>,
        /// Who did it, and why, as they said.
        by: String,
    },
}

/// Where a unit's time stood, and when its last record was written, as of whoever writes a tick.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnitTimes {
    /// The unit's time.
    pub stream_time: Micros,
    /// When its last record was appended, by its broker's time; none where that is not known.
    pub last_record: Option<Micros>,
}

impl UnitTimes {
    /// How far time goes with a tick that was appended at `written`: by what has passed since the last record, and never
    /// past its own time.
    #[must_use]
    pub fn reaches(self, written: Micros) -> Micros {
        let passed = self.last_record.map_or(Micros(0), |last| written.minus(last).max(Micros(0)));
        self.stream_time.plus(passed).min(written)
    }

    /// From which time of its broker on a tick reaches `due`; none where nobody knows how much has passed.
    #[must_use]
    pub fn reaches_from(self, due: Micros) -> Option<Micros> {
        let left = due.minus(self.stream_time).max(Micros(0));
        Some(self.last_record?.plus(left).max(due))
    }
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase", rename_all_fields = "camelCase")]
enum WrittenTick {
    Passed { stream_time: String, last_record_time: Option<String> },
    SetTime { to: String, stream_time: Option<String>, by: String },
}

/// The value of a tick's record.
#[must_use]
pub fn write_tick(tick: &Tick) -> Vec<u8> {
    let written = match tick {
        Tick::Passed(UnitTimes { stream_time, last_record }) => WrittenTick::Passed {
            stream_time: stream_time.to_string(),
            last_record_time: last_record.map(|time| time.to_string()),
        },
        Tick::SetTime { to, stands, by } => WrittenTick::SetTime {
            to: to.to_string(),
            stream_time: stands.map(|time| time.to_string()),
            by: by.clone(),
        },
    };
    serde_json::to_vec(&written).unwrap_or_default()
}

/// Reads the value of a tick's record.
///
/// # Errors
/// It is none: why.
pub fn read_tick(value: &[u8]) -> Result<Tick, String> {
    if value.len() > BYTES_MAX {
        return Err(format!("it has {} bytes, a tick at most {BYTES_MAX}", value.len()));
    }
    let written = serde_json::from_slice(value)
        .map_err(|error| format!("it is no tick: {}", visible(&error.to_string())))?;
    let time = |name: &str, text: &str| {
        Micros::parse_rfc3339(text).ok_or_else(|| format!("its {name} is no time as 2026-01-31T12:00:00Z is"))
    };
    Ok(match written {
        WrittenTick::Passed { stream_time, last_record_time } => Tick::Passed(UnitTimes {
            stream_time: time("streamTime", &stream_time)?,
            last_record: last_record_time.map(|text| time("lastRecordTime", &text)).transpose()?,
        }),
        WrittenTick::SetTime { to, stream_time, by } => Tick::SetTime {
            to: time("to", &to)?,
            stands: stream_time.map(|text| time("streamTime", &text)).transpose()?,
            by,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn seconds(seconds: i64) -> Micros {
        Micros(1_790_000_000_000_000 + seconds * 1_000_000)
    }

    fn passed(stream_time: i64, last_record: i64) -> UnitTimes {
        UnitTimes { stream_time: seconds(stream_time), last_record: Some(seconds(last_record)) }
    }

    #[test]
    fn reads_what_it_writes() {
        let ticks = [
            Tick::Passed(UnitTimes { stream_time: Micros(1_790_000_000_123_456), last_record: None }),
            Tick::Passed(passed(5, 7)),
            Tick::SetTime { to: seconds(1), stands: Some(seconds(2)), by: "a \"person\"".to_owned() },
            Tick::SetTime { to: seconds(1), stands: None, by: String::new() },
        ];
        for tick in ticks {
            assert_eq!(read_tick(&write_tick(&tick)), Ok(tick));
        }
    }

    #[test]
    fn says_what_is_wrong_with_what_is_no_tick() {
        for (value, part) in [
            ("", "no tick"),
            ("{}", "kind"),
            (r#"{"kind":"soon"}"#, "soon"),
            ("{\"kind\":\"se\\u007fTime\"}", "no tick"),
            (r#"{"kind":"passed"}"#, "streamTime"),
            (r#"{"kind":"passed","streamTime":"today"}"#, "its streamTime is no time"),
            (r#"{"kind":"setTime","to":7,"by":""}"#, "no tick"),
            (&"[".repeat(5_000), "5000 bytes"),
        ] {
            let refused = read_tick(value.as_bytes()).expect_err("no tick");
            assert!(refused.contains(part), "{value}: {refused}");
            assert!(!refused.contains(char::is_control), "what a terminal obeys: {refused:?}");
        }
    }

    #[test]
    fn moves_time_by_what_has_passed_and_never_past_its_own() {
        // Time lies a minute behind its broker's: so it does afterwards.
        assert_eq!(passed(40, 100).reaches(seconds(130)), seconds(70));
        assert_eq!(passed(40, 100).reaches(seconds(90)), seconds(40), "a tick from before the last record");
        assert_eq!(passed(140, 100).reaches(seconds(130)), seconds(130), "time was ahead of its broker's");
        assert_eq!(passed(i64::from(u32::MAX), 0).reaches(seconds(9)), seconds(9));
        let unknown = UnitTimes { stream_time: seconds(40), last_record: None };
        assert_eq!(unknown.reaches(seconds(900)), seconds(40));
        assert_eq!(unknown.reaches_from(seconds(50)), None);
    }

    #[test]
    fn reaches_what_is_due_from_the_moment_that_it_says_and_no_sooner() {
        for (stream_time, last_record) in [(40, 100), (140, 100), (100, 100)] {
            let passed = passed(stream_time, last_record);
            for due in [0, 40, 90, 120, 150, 900].map(seconds) {
                let from = passed.reaches_from(due).expect("it is known");
                assert!(passed.reaches(from) >= due, "{passed:?} {due}");
                if due > passed.stream_time {
                    assert!(passed.reaches(from.minus(Micros(1))) < due, "{passed:?} {due}");
                }
            }
        }
    }
}
